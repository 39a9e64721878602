import numpy as np
import pytest

from tf_poselift.export import onnx_graph

onnx = pytest.importorskip("onnx", reason="needs the extra `edge`")
runtime = pytest.importorskip("onnxruntime", reason="needs the extra `edge`")

_X = np.float32([[3.0, 4.0], [0.0, 0.0], [np.nan, 1.0]])


def _model(nodes, constants):
    """A graph from `x` [B, 2] and `c` [B, 1] bool to `y` [B, *]."""
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(*node) for node in nodes],
        "toy",
        [
            value("x", onnx.TensorProto.FLOAT, ["batch", 2]),
            value("c", onnx.TensorProto.BOOL, ["batch", 1]),
        ],
        [value("y", onnx.TensorProto.FLOAT, ["batch", None])],
        [
            onnx.numpy_helper.from_array(np.asarray(array), name)
            for name, array in constants.items()
        ],
    )
    opset = onnx.helper.make_opsetid("", 18)
    return onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8)


def _run(model):
    session = runtime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(["y"], {"x": _X, "c": [[True], [False], [True]]})[0]


def _kinds_after(model):
    """Simplifies; the answer stays, and the kinds of its nodes are told."""
    right = _run(model)
    onnx_graph.simplify(model.graph)
    onnx.checker.check_model(model, full_check=True)
    np.testing.assert_array_equal(_run(model), right)
    return [node.op_type for node in model.graph.node]


def _sliced(starts, ends, steps):
    return _model(
        [
            ("Slice", ["x", "starts", "ends", "axes", "steps"], ["s"]),
            ("Neg", ["s"], ["y"]),
        ],
        {
            "starts": np.int64(starts),
            "ends": np.int64(ends),
            "axes": np.int64([0, 1]),
            "steps": np.int64(steps),
        },
    )


def test_a_slice_of_everything_is_left_out():
    model = _sliced([0, 0], [10**9, 2**31 - 1], [1, 1])
    assert _kinds_after(model) == ["Neg"]
    assert not model.graph.initializer


@pytest.mark.parametrize(
    ("starts", "ends", "steps"),
    [
        ([0, 1], [10**9, 10**9], [1, 1]),
        ([0, 0], [10**9, 1], [1, 1]),
        ([0, 0], [10**9, 10**9], [1, 2]),
    ],
)
def test_a_slice_of_a_part_stays(starts, ends, steps):
    model = _sliced(starts, ends, steps)
    assert _kinds_after(model) == ["Slice", "Neg"]


def _chosen(shape_of, inputs):
    one = onnx.numpy_helper.from_array(np.float32([1.0]))
    model = _model(
        [
            ("Shape", [shape_of], ["shape"]),
            ("ConstantOfShape", ["shape"], ["ones"]),
            ("Where", inputs, ["y"]),
        ],
        {},
    )
    attribute = onnx.helper.make_attribute("value", one)
    model.graph.node[1].attribute.append(attribute)
    return model


@pytest.mark.parametrize("inputs", [["c", "ones", "x"], ["c", "x", "ones"]])
def test_a_number_is_chosen_without_its_shape(inputs):
    assert _kinds_after(_chosen("x", inputs)) == ["Where"]


def test_a_shape_that_makes_the_answer_wider_stays():
    # x is [B, 2]; with a lone number the answer would be [B, 1].
    model = _chosen("x", ["c", "ones", "small"])
    small = onnx.numpy_helper.from_array(np.float32([[5.0]]), "small")
    model.graph.initializer.append(small)
    assert _kinds_after(model) == ["Shape", "ConstantOfShape", "Where"]


def _norm(square=("Mul", ["x", "x"], ["squares"])):
    return _model(
        [
            square,
            ("ReduceSum", ["squares", "axes"], ["s"]),
            ("LessOrEqual", ["s", "zero"], ["z"]),
            ("Where", ["z", "one", "s"], ["safe"]),
            ("Sqrt", ["safe"], ["root"]),
            ("Where", ["z", "zero", "root"], ["y"]),
        ],
        {
            "axes": np.int64([1]),
            "zero": np.float32(0.0),
            "one": np.float32(1.0),
        },
    )


def test_a_norm_is_the_root_of_its_sum():
    model = _norm()
    np.testing.assert_array_equal(_run(model).ravel(), [5.0, 0.0, np.nan])
    assert _kinds_after(model) == ["Mul", "ReduceSum", "Sqrt"]


def test_a_root_of_what_may_be_negative_stays_safe():
    model = _norm(("Neg", ["x"], ["squares"]))
    np.testing.assert_array_equal(_run(model).ravel(), [0.0, 0.0, np.nan])
    assert len(_kinds_after(model)) == 6
