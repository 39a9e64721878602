import numpy as np
import pytest
import tensorflow as tf

from tf_poselift.export import signatures


@pytest.fixture
def served(toy) -> signatures.Signature:
    (signature,) = signatures.for_method(toy)
    return signature


def test_golden_table(served):
    table = served.table()
    shapes = {
        name: (row["dtype"], row["shape"])
        for kind in ("inputs", "outputs")
        for name, row in table[kind].items()
    }
    assert served.name == "serving_default"
    assert list(table["inputs"]) == ["keypoints_2d", "scores"]
    assert shapes == {
        "keypoints_2d": ("float32", [-1, 17, 2]),
        "scores": ("float32", [-1, 17]),
        "joints_3d": ("float32", [-1, 17, 3]),
        "scale": ("float32", [-1]),
        "valid": ("bool", [-1]),
    }
    assert "pixels" in table["inputs"]["keypoints_2d"]["meaning"]


def test_calibrated_methods_take_intrinsics_besides(calibrated_toy):
    default, calibrated = signatures.for_method(calibrated_toy)
    assert (default.name, calibrated.name) == ("serving_default", "calibrated")
    assert "intrinsics" not in default.inputs
    rows = calibrated.table()["inputs"]
    assert list(rows) == ["keypoints_2d", "scores", "intrinsics"]
    assert rows["intrinsics"]["shape"] == [-1, 3, 3]
    assert calibrated.outputs == default.outputs

    inputs = calibrated.examples(8)
    assert not inputs["intrinsics"][5].any()
    inputs["intrinsics"][:, 0, 0] = 2000.0
    intrinsics = inputs.pop("intrinsics")
    one = default.endpoint(_tensors(inputs))
    two = calibrated.endpoint(_tensors(inputs | {"intrinsics": intrinsics}))
    np.testing.assert_allclose(two["joints_3d"], 2.0 * one["joints_3d"])
    with pytest.raises(tf.errors.InvalidArgumentError):
        calibrated.endpoint(_tensors(inputs | {"intrinsics": intrinsics[:1]}))


def test_examples_hold_a_missing_joint_and_a_row_that_cannot_be_lifted(served):
    inputs = served.examples(8)
    assert inputs["scores"][3, -1] == 0.0
    assert np.isnan(inputs["keypoints_2d"]).sum() == 1
    np.testing.assert_array_equal(
        inputs["keypoints_2d"], served.examples(8)["keypoints_2d"]
    )
    answers = served.endpoint(_tensors(inputs))
    assert answers["valid"].numpy().tolist() == [True] * 7 + [False]
    assert not answers["joints_3d"].numpy()[7].any()


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("keypoints_2d", lambda x: x[0], r"\[17,2\] is not compatible"),
        ("keypoints_2d", lambda x: x[:, :16], r"\[3,16,2\] is not compatible"),
        ("scores", lambda x: x[..., None], r"\[3,17,1\] is not compatible"),
        ("scores", lambda x: x[:1], "batch_of_scores_must_equal_batch_of_key"),
    ],
)
def test_shapes_are_checked_inside_the_graph(served, name, change, message):
    # With free shapes, as a server lets every request through.
    free = tf.function(
        served.endpoint,
        input_signature=[
            {k: tf.TensorSpec(None, tf.float32) for k in served.inputs}
        ],
        autograph=False,
    )
    inputs = _tensors(served.examples(3))
    inputs[name] = change(inputs[name])
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        free(inputs)


def test_outputs_of_reduced_precision_leave_as_float32(toy, served):
    def serve(keypoints_2d, scores):
        answers = type(toy).serve(toy, keypoints_2d, scores)
        answers["joints_3d"] = tf.cast(answers["joints_3d"], tf.bfloat16)
        return answers

    toy.serve = serve
    (signature,) = signatures.for_method(toy)
    answers = signature.endpoint(_tensors(served.examples(1)))
    assert answers["joints_3d"].dtype == tf.float32


def _tensors(inputs):
    return {name: tf.constant(value) for name, value in inputs.items()}
