import numpy as np
import pytest
import tensorflow as tf

from tf_poselift.export import loaded_model
from tf_poselift.export import saved_model
from tf_poselift.export import signatures
from tf_poselift.export import warmup


@pytest.fixture
def model(model_dir) -> loaded_model.LoadedModel:
    return loaded_model.load("lifter", str(model_dir))


def test_the_highest_version_is_served(kept_toy, model):
    assert (model.name, model.version) == ("lifter", 10)
    inputs = signatures.serving_default(kept_toy).examples(3)
    answers = model.predict("serving_default", inputs)
    assert answers["joints_3d"].shape == (3, 17, 3)


@pytest.mark.parametrize(
    ("asked", "kind", "message"),
    [
        (("other",), tf.errors.NotFoundError, r"request: Latest\(other\)"),
        (("lifter", 2), tf.errors.NotFoundError, r"Specific\(lifter, 2\)"),
        (("lifter", None, "c"), tf.errors.InvalidArgumentError, "label: c"),
    ],
)
def test_other_models_are_refused(model, asked, kind, message):
    model.check_asked_for("lifter")
    model.check_asked_for("lifter", 10)
    with pytest.raises(kind, match=message):
        model.check_asked_for(*asked)


@pytest.mark.parametrize("name", ["other", "__saved_model_init_op"])
def test_unknown_signatures_are_refused(model, name):
    with pytest.raises(tf.errors.FailedPreconditionError, match=name):
        model.predict(name, {})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"more": np.zeros([3])}, r"The inputs must be \['keypoints_2d', 's"),
        ({"scores": np.zeros([3, 17])}, "`scores` must be of type float32"),
        ({"scores": np.array([["a"]])}, "`scores` must be of type float32"),
        ({"scores": np.zeros([0, 17], np.float32)}, "have at least one row"),
        (
            {"scores": np.zeros([3, 16], np.float32)},
            r"`scores` must have shape \[-1, 17\]. Received: \[3, 16\]",
        ),
        (
            {"scores": np.float32(1.0)},
            r"`scores` must have shape \[-1, 17\]. Received: \[\]",
        ),
        (
            {"scores": np.zeros([1, 17], np.float32)},
            "must have one number of rows. Received: .*'scores': 1",
        ),
    ],
)
def test_wrong_inputs_are_refused(kept_toy, model, change, message):
    inputs = signatures.serving_default(kept_toy).examples(3) | change
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        model.predict("serving_default", inputs)


def test_a_relative_or_an_empty_path_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"be absolute.*Give \$PWD/models\."):
        loaded_model.load("lifter", "models")
    with pytest.raises(ValueError, match=r"No version in .* serving/export.py"):
        loaded_model.load("lifter", str(tmp_path))


def test_a_version_is_no_folder_of_versions(model_dir):
    with pytest.raises(ValueError, match=f"the folder above: {model_dir}."):
        loaded_model.load("lifter", f"{model_dir}/10/")


def test_a_damaged_version_is_refused(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"damaged")
    with pytest.raises(ValueError, match=r"1 must be a SavedModel that"):
        loaded_model.load("lifter", str(tmp_path))


def test_a_version_that_does_not_warm_up_is_refused(toy, tmp_path):
    path = saved_model.export(toy, tmp_path)
    warmup.write(path, signatures.for_method(toy), batch_sizes=[0])
    with pytest.raises(ValueError, match="Received: .* at least one row"):
        loaded_model.load("lifter", str(tmp_path))
