"""What a SavedModel must pass before it is published.

First its graph is read, then it is run through TensorFlow's C API, which
behaves as a server does. Each check stands for a fault that loads without a
word and fails, or lies, only when it is served.
"""

import itertools
import pathlib
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tf_poselift.export import c_loader
from tf_poselift.export import signatures
from tf_poselift.export import warmup

BATCH_SIZES = (0, 1, 3, 64)

# Beginnings of the names of ops: Python callbacks, which exist only in the
# process that exports; files and prints; randomness; changes of a variable.
_BANNED_OPS = (
    *("PyFunc", "EagerPyFunc", "ReadFile", "WriteFile", "Print", "Random"),
    *("StatelessRandom", "Multinomial", "TruncatedNormal", "Assign"),
)
# What a server can write into a JSON answer.
_JSON_TYPES = (
    *("bool", "string", "int8", "int16", "int32", "int64"),
    *("uint8", "uint32", "uint64", "float32", "float64"),
)


def check_graph(
    version_dir: pathlib.Path, served: Sequence[signatures.Signature]
) -> None:
    """Checks names, types, shapes and ops without running anything.

    Raises:
      ValueError: which signature must hold what.
    """
    content = (version_dir / "saved_model.pb").read_bytes()
    (meta_graph,) = saved_model_pb2.SavedModel.FromString(content).meta_graphs
    definitions = dict(meta_graph.signature_def)
    definitions.pop("__saved_model_init_op", None)
    names = {signature.name for signature in served}
    if set(definitions) != names:
        raise ValueError(
            f"The export must have the signatures {sorted(names)}. Received: "
            f"{sorted(definitions)}."
        )
    for signature in served:
        definition = definitions[signature.name]
        for declared, written in (
            (signature.inputs, definition.inputs),
            (signature.outputs, definition.outputs),
        ):
            _check_tensors(signature.name, declared, written)
        for node in _nodes(meta_graph.graph_def, definition):
            _check_node(signature.name, node)


def _check_tensors(signature: str, declared: signatures.Specs, written) -> None:
    want = {name: (s.dtype, s.shape.as_list()) for name, s in declared.items()}
    got = {
        name: (
            tf.as_dtype(info.dtype),
            tf.TensorShape(info.tensor_shape).as_list(),
        )
        for name, info in written.items()
    }
    if want != got:
        raise ValueError(
            f"Signature `{signature}` must have the tensors {want}. Received: "
            f"{got}."
        )
    for name, (dtype, shape) in got.items():
        if dtype.name not in _JSON_TYPES or shape[:1] != [None]:
            raise ValueError(
                f"`{name}` of signature `{signature}` must have a free first "
                "axis and a type that JSON can carry. Received: "
                f"{dtype.name} {shape}."
            )


def _nodes(graph_def, definition) -> Iterator:
    """Yields the nodes, and the functions, that the outputs depend on."""
    nodes = {node.name: node for node in graph_def.node}
    functions = {f.signature.name: f for f in graph_def.library.function}
    # The main graph also holds what saves and restores the variables.
    waiting = [o.name for o in definition.outputs.values()]
    seen = set()
    while waiting:
        name = waiting.pop().lstrip("^").partition(":")[0]
        if name in seen:
            continue
        seen.add(name)
        if name in functions:
            yield functions[name]
            body = functions[name].node_def
        else:
            body = [nodes[name]]
            waiting += nodes[name].input
        for node in body:
            yield node
            called = [node.op] + [
                function.name
                for value in node.attr.values()
                for function in (value.func, *value.list.func)
            ]
            waiting += [name for name in called if name in functions]


def _check_node(signature: str, node) -> None:
    op = getattr(node, "op", "")  # a function has none
    if op.startswith(_BANNED_OPS):
        raise ValueError(
            f"Signature `{signature}` must hold no op that calls Python, "
            "touches files, prints, draws random numbers or assigns. Received: "
            f"{op} (`{node.name}`)."
        )
    if node.attr["_XlaMustCompile"].b:
        raise ValueError(
            f"Signature `{signature}` must hold no function with "
            "`jit_compile=True`: a server refuses to run it. Received: "
            f"{op or node.signature.name}."
        )


def check_weights(
    version_dir: pathlib.Path, variables: Iterable[tf.Variable]
) -> None:
    """Checks that the weights are finite and are stored exactly once.

    Args:
      version_dir: a SavedModel.
      variables: those that its signatures use.

    Raises:
      ValueError: names the variable, or the sizes.
    """
    expected = 0
    for variable in {id(v): v for v in variables}.values():
        value = variable.numpy()
        expected += value.nbytes
        if not np.isfinite(value.astype(np.float64)).all():
            raise ValueError(
                "Weights must be finite. Received: NaN or infinity in "
                f"`{variable.name}`. Export a checkpoint from before the "
                "training diverged."
            )
    reader = tf.train.load_checkpoint(str(version_dir / "variables/variables"))
    types = reader.get_variable_to_dtype_map()
    stored = sum(
        int(np.prod(shape)) * types[name].size
        for name, shape in reader.get_variable_to_shape_map().items()
        if name != "_CHECKPOINTABLE_OBJECT_GRAPH"
    )
    if stored != expected:
        raise ValueError(
            f"The export must hold its {expected} bytes of weights once. "
            f"Received: {stored} bytes."
        )


def check_answers(
    version_dir: pathlib.Path,
    served: Sequence[signatures.Signature],
    *,
    tolerance: float,
) -> float:
    """Replays the warm-up requests and compares with the method's own answers.

    Args:
      version_dir: a SavedModel with its warm-up requests.
      served: its signatures; their functions give the right answers.
      tolerance: how far a number may be off; relative if it is above 1.

    Returns:
      The largest such difference over the batches of `BATCH_SIZES`.

    Raises:
      ValueError: the model fails on a request or answers something else.
    """
    try:
        session = c_loader.Session(version_dir)
        for name, inputs in warmup.read(version_dir):
            session.run(name, inputs)
        return compare(
            session.run, served, batch_sizes=BATCH_SIZES, tolerance=tolerance
        )
    except tf.errors.OpError as error:
        raise ValueError(
            "The export must load and run as in a server. Received: "
            f"{type(error).__name__}: {error.message}"
        ) from error


def compare(
    run: Callable[[str, dict[str, np.ndarray]], dict[str, np.ndarray]],
    served: Sequence[signatures.Signature],
    *,
    batch_sizes: Sequence[int],
    tolerance: float,
) -> float:
    """Compares answers to the examples of signatures with the method's own.

    Args:
      run: signature's name, inputs by name -> outputs by name.
      served: the signatures.
      batch_sizes: of the examples.
      tolerance: how far a number may be off; relative if it is above 1.

    Returns:
      The largest such difference.

    Raises:
      ValueError: a difference is larger.
    """
    worst = 0.0
    for signature, batch in itertools.product(served, batch_sizes):
        inputs = signature.examples(batch)
        answers = run(signature.name, inputs)
        # An export runs on the CPU; another device rounds otherwise.
        with tf.device("/CPU:0"):
            right = signature.function(
                **{k: tf.constant(v) for k, v in inputs.items()}
            )
        difference = _difference(right, answers)
        if not difference <= tolerance:
            raise ValueError(
                f"Signature `{signature.name}` must answer as the method "
                f"does, to {tolerance:g}. Received: a difference of "
                f"{difference:g} at batch {batch}."
            )
        worst = max(worst, difference)
    return worst


def _difference(
    right: dict[str, tf.Tensor], answers: dict[str, np.ndarray]
) -> float:
    errors = [np.zeros(1)]
    for name, value in right.items():
        want, answer = value.numpy().astype(np.float64), answers[name]
        error = np.abs(answer - want) / np.maximum(np.abs(want), 1.0)
        errors.append(error.ravel())
    return float(np.max(np.concatenate(errors)))  # NaN if any of them is
