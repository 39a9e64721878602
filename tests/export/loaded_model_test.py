import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import get_model_metadata_pb2

from tf_poselift.export import loaded_model
from tf_poselift.export import saved_model
from tf_poselift.export import signatures
from tf_poselift.export import warmup


@pytest.fixture(scope="module")
def model(model_dir) -> loaded_model.LoadedModel:
    return loaded_model.load("lifter", 10, model_dir / "10")


def test_it_answers(kept_toy, model):
    inputs = signatures.serving_default(kept_toy).examples(3)
    answers = model.predict("serving_default", inputs)
    assert answers["joints_3d"].shape == (3, 17, 3)


def test_metadata_are_the_signatures(model):
    response = model.metadata()
    assert response.model_spec.name == "lifter"
    assert response.model_spec.version.value == 10
    table = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(table)
    assert "serving_default" in table.signature_def


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


def test_a_damaged_version_is_refused(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"damaged")
    with pytest.raises(ValueError, match=f"{tmp_path} must be a SavedModel"):
        loaded_model.load("lifter", 1, tmp_path)


def test_a_version_that_does_not_warm_up_is_refused(toy, tmp_path):
    path = saved_model.export(toy, tmp_path)
    warmup.write(path, signatures.for_method(toy), batch_sizes=[0])
    with pytest.raises(ValueError, match="Received: .* at least one row"):
        loaded_model.load("lifter", 1, path)
