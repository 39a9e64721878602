"""A signature of a served model as an ONNX file, and how to run it.

ONNX itself knows 8 bits only with one scale for a whole batch of activations,
so that a pose's answer would depend on its neighbours. ONNX Runtime's own
operator `MatMulNBits` rounds them row by row, and other runtimes do not have
it: a file with weights of 8 bits is for ONNX Runtime.
"""

import importlib
import logging
import os

import numpy as np
import tensorflow as tf

from tf_poselift.export import onnx_graph
from tf_poselift.export import signatures

PACKAGES = ("onnx", "onnx_ir", "onnxruntime", "tf2onnx")
SUFFIX = ".onnx"
_OPSET = 18
_AXIS = "batch"
# Weights that share a scale in a file of 8 bits. Matrices with a shorter side,
# the first and the last of a lifter, stay as they are: they take little time,
# and rounding the keypoints costs most of the accuracy.
_BLOCK = 256
_ROUND_ROWS = 4  # "accuracy level": what weights are multiplied with, to int8


def _is_finite(context, node, *_):
    # The converter's own takes four nodes. Infinity less itself is NaN.
    (source,) = node.input
    difference = context.make_node("Sub", [source, source])
    zero = context.make_const(f"{node.name}_zero", np.float32(0.0))
    node.input[:] = [difference.output[0], zero.output[0]]


# The converter's own choice of two values is a sum of products, and 0 times the
# NaN that detectors write for a missing joint is NaN.
_HANDLERS = {
    "IsFinite": (_is_finite, ["Equal"]),
    "Select": (lambda *_: None, ["Where"]),
    "SelectV2": (lambda *_: None, ["Where"]),
}


def convert(signature: signatures.Signature) -> bytes:
    """Converts a signature; the first axis of every tensor is free.

    Raises:
      ValueError: the converter does not know an op.
    """
    tf2onnx = importlib.import_module("tf2onnx")
    function = tf.function(
        signature.endpoint,
        input_signature=[signature.inputs],
        autograph=False,
    )
    try:
        model, _ = tf2onnx.convert.from_function(
            function,
            input_signature=[signature.inputs],
            opset=_OPSET,
            custom_op_handlers=_HANDLERS,
        )
    except Exception as error:  # it raises whatever comes along
        raise ValueError(
            f"The model must convert to ONNX. Received: {error!r:.500}"
        ) from error
    onnx_graph.simplify(model.graph)
    for tensor in (*model.graph.input, *model.graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_param = _AXIS
    return model.SerializeToString()


def quantize(content: bytes) -> bytes:
    """Stores the weights of the large matrix products in 8 bits.

    What they are multiplied with is rounded to 8 bits, row by row, when it runs
    on a processor that is fast at that; no data are needed.

    Args:
      content: what `convert` gave.

    Returns:
      The content of another file, for ONNX Runtime alone.
    """
    onnx = importlib.import_module("onnx")
    quantizer = importlib.import_module(
        "onnxruntime.quantization.matmul_nbits_quantizer"
    )
    # It tells of every node that it passes by.
    quantizer.logger.setLevel(logging.WARNING)
    model = onnx.ModelProto.FromString(content)
    shortest = {t.name: min(t.dims, default=0) for t in model.graph.initializer}
    small = [
        node.name
        for node in model.graph.node
        if node.op_type == "MatMul" and shortest.get(node.input[1], 0) < _BLOCK
    ]
    work = quantizer.MatMulNBitsQuantizer(
        model,
        nodes_to_exclude=small,
        algo_config=quantizer.DefaultWeightOnlyQuantConfig(
            bits=8,
            block_size=_BLOCK,
            is_symmetric=True,
            accuracy_level=_ROUND_ROWS,
        ),
    )
    work.process()
    return work.model.model.SerializeToString()


class Model:
    """A file, loaded; runs on the CPU.

    Args:
      path: what `convert` gave.
      threads: that may work on one request.
    """

    def __init__(self, path: str | os.PathLike, *, threads: int | None = None):
        runtime = importlib.import_module("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        self._session = runtime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        self._names = [output.name for output in self._session.get_outputs()]

    def run(
        self, signature: str, inputs: dict[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Returns the outputs by name; the file has one signature."""
        del signature
        answers = self._session.run(self._names, inputs)
        return dict(zip(self._names, answers, strict=True))
