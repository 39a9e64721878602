import numpy as np
import pytest
import tensorflow as tf

from tf_poselift import config as config_lib
from tf_poselift import methods
from tf_poselift import skeletons
from tf_poselift.data import synthetic
from tf_poselift.export import signatures
from tf_poselift.export import tf_examples


@pytest.fixture
def served(toy) -> signatures.Signature:
    return signatures.serving_default(toy)


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


OUTPUTS = {
    "joints_3d": ("float32", [-1, 17, 3]),
    "scale": ("float32", [-1]),
    "valid": ("bool", [-1]),
}


def _keypoints(joints):
    return {
        "keypoints_2d": ("float32", [-1, joints, 2]),
        "scores": ("float32", [-1, joints]),
    }


INPUTS = {
    "serving_default": _keypoints(17),
    "calibrated": _keypoints(17) | {"intrinsics": ("float32", [-1, 3, 3])},
    "normalized": _keypoints(17),
    "examples": {"examples": ("string", [-1])},
    "from_coco_17": _keypoints(17),
    "from_body_25": _keypoints(25),
    "from_mediapipe_33": _keypoints(33),
}


def test_golden_table_of_every_signature(calibrated_toy):
    served = signatures.for_method(calibrated_toy)
    assert [s.name for s in served] == list(INPUTS)
    for signature in served:
        table = signature.table()
        for kind, want in (
            ("inputs", INPUTS[signature.name]),
            ("outputs", OUTPUTS),
        ):
            got = {
                name: (row["dtype"], row["shape"])
                for name, row in table[kind].items()
            }
            assert got == want, signature.name
    assert "any unit" in table_of(served, "normalized")["keypoints_2d"]
    assert "body_25" in table_of(served, "from_body_25")["scores"]


def table_of(served, name):
    (signature,) = (s for s in served if s.name == name)
    rows = signature.table()["inputs"].items()
    return {name: row["meaning"] for name, row in rows}


def test_a_detector_s_own_model_needs_no_map(toy):
    toy.skeleton = skeletons.load("coco_17")
    names = [s.name for s in signatures.for_method(toy)]
    assert names[-2:] == ["from_body_25", "from_mediapipe_33"]
    assert "from_coco_17" not in names


@pytest.mark.parametrize("name", methods.names())
def test_normalized_is_offered_where_unit_and_origin_do_not_matter(name):
    module = methods.load(name)
    skeleton = skeletons.load("human36m_17")
    table = synthetic.table(skeleton, clips=4, frames=20, views=4)
    config = config_lib.override(module.Config(), ["width=16"])
    statistics = getattr(module, "statistics", lambda *_: {})(table, config)
    method = module.Method(skeleton, config, statistics=statistics)
    # Without biases a network would scale with its input.
    rng = np.random.default_rng(0)
    for served in method.served:
        for variable in method.networks[served].trainable_variables:
            variable.assign_add(rng.normal(0.0, 0.3, variable.shape))
    served = {s.name: s for s in signatures.for_method(method)}
    assert ("normalized" in served) == method.any_unit
    points, scores = table.keypoints_2d[:8, 0], table.scores[:8, 0]
    right = method.serve(points, scores)["joints_3d"].numpy()
    small = (points - points[:, :1]) / 512.0
    other = method.serve(small, scores)["joints_3d"].numpy()
    apart = np.abs(other - right).max()
    assert apart < 1e-4 if method.any_unit else apart > 1e-2


def test_every_signature_gives_what_serving_default_gives(toy):
    served = {s.name: s for s in signatures.for_method(toy)}
    inputs = served["serving_default"].examples(8)
    right = toy.serve(**_tensors(inputs))
    moved = inputs | {"keypoints_2d": inputs["keypoints_2d"] / 64.0 - 3.0}
    serialized = {"examples": tf_examples.serialize(**inputs)}
    for name, changed in (("normalized", moved), ("examples", serialized)):
        answers = served[name].endpoint(_tensors(changed))
        for output, value in right.items():
            np.testing.assert_allclose(answers[output], value, atol=1e-4)


@pytest.mark.parametrize("batch", [0, 1, 9])
def test_every_signature_marks_its_bad_row(toy, batch):
    for signature in signatures.for_method(toy):
        answers = signature.endpoint(_tensors(signature.examples(batch)))
        assert answers["valid"].numpy().tolist() == [
            row != 7 for row in range(batch)
        ]
        assert answers["joints_3d"].shape == (batch, 17, 3)


def test_calibrated_methods_take_intrinsics_besides(calibrated_toy):
    default, calibrated, *_ = signatures.for_method(calibrated_toy)
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
    broken = np.isnan(inputs["keypoints_2d"]).any(axis=-1)
    assert np.argwhere(broken).tolist() == [[3, 16], [7, 1], [7, 16]]
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


@pytest.mark.parametrize(("points", "scores"), [(3, 1), (1, 3), (3, 2)])
def test_an_exported_model_compares_the_batches(model_dir, points, scores):
    # Loaded, its graph is optimised: a check may be taken out.
    loaded = tf.saved_model.load(model_dir / "2")
    serve = loaded.signatures["serving_default"]
    with pytest.raises(tf.errors.InvalidArgumentError, match="must_equal"):
        serve(
            keypoints_2d=tf.ones([points, 17, 2]), scores=tf.ones([scores, 17])
        )


def test_outputs_of_reduced_precision_leave_as_float32(toy, served):
    def serve(keypoints_2d, scores):
        answers = type(toy).serve(toy, keypoints_2d, scores)
        answers["joints_3d"] = tf.cast(answers["joints_3d"], tf.bfloat16)
        return answers

    toy.serve = serve
    signature = signatures.serving_default(toy)
    answers = signature.endpoint(_tensors(served.examples(1)))
    assert answers["joints_3d"].dtype == tf.float32


def _tensors(inputs):
    return {name: tf.constant(value) for name, value in inputs.items()}
