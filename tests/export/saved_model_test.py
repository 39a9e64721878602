import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_poselift import methods
from tf_poselift import skeletons
from tf_poselift.export import model_card
from tf_poselift.export import saved_model
from tf_poselift.export import signatures

FILES = {
    *("saved_model.pb", "fingerprint.pb", "model_card.json"),
    *("variables", "assets", "assets.extra"),
}


def test_export_publishes_one_whole_version(toy, tmp_path):
    path = saved_model.export(toy, tmp_path / "lifter")
    assert path == tmp_path / "lifter" / "1"
    assert [p.name for p in (tmp_path / "lifter").iterdir()] == ["1"]
    assert {p.name for p in path.iterdir()} == FILES
    # A server may run as another user.
    assert (
        path.stat().st_mode & 0o777
        == tmp_path.joinpath("lifter").stat().st_mode & 0o777
    )


@pytest.mark.parametrize("batch", [0, 1, 3, 64])
def test_export_equals_serve(toy, tmp_path, batch):
    path = saved_model.export(toy, tmp_path)
    loaded = tf.saved_model.load(str(path)).signatures["serving_default"]
    inputs = signatures.serving_default(toy).examples(batch)
    inputs = {name: tf.constant(value) for name, value in inputs.items()}
    answers = loaded(**inputs)
    assert answers["joints_3d"].shape == (batch, 17, 3)
    for name, value in toy.serve(**inputs).items():
        np.testing.assert_allclose(answers[name], value, atol=1e-6)


def test_every_signature_of_a_calibrated_method_is_exported(
    calibrated_toy, tmp_path
):
    path = saved_model.export(calibrated_toy, tmp_path)
    loaded = tf.saved_model.load(str(path)).signatures
    for signature in signatures.for_method(calibrated_toy):
        inputs = signature.examples(4)
        inputs = {name: tf.constant(value) for name, value in inputs.items()}
        answers = loaded[signature.name](**inputs)
        for name, value in signature.function(**inputs).items():
            np.testing.assert_allclose(answers[name], value, atol=1e-6)


def test_bad_rows_are_zeros_and_leave_their_neighbours_alone(toy, tmp_path):
    loaded = tf.saved_model.load(str(saved_model.export(toy, tmp_path)))
    inputs = signatures.serving_default(toy).examples(6)
    keypoints_2d, scores = inputs["keypoints_2d"], inputs["scores"]
    scores[3] = 1.0
    good = {k: tf.constant(v) for k, v in inputs.items()}
    whole = loaded.signatures["serving_default"](**good)["joints_3d"].numpy()
    keypoints_2d[1, 4, 0] = np.nan
    keypoints_2d[2, 4, 1] = np.inf
    scores[3, 2:] = 0.0  # the root and one more joint
    scores[4, 0] = 0.0  # the root
    answers = loaded.signatures["serving_default"](
        keypoints_2d=tf.constant(keypoints_2d), scores=tf.constant(scores)
    )
    assert answers["valid"].numpy().tolist() == [True] + [False] * 4 + [True]
    joints_3d = answers["joints_3d"].numpy()
    assert not joints_3d[1:5].any()
    np.testing.assert_allclose(joints_3d[[0, 5]], whole[[0, 5]], atol=1e-6)


def test_the_next_free_version_is_taken(toy, tmp_path):
    (tmp_path / "7").mkdir()
    (tmp_path / "notes").mkdir()
    assert saved_model.export(toy, tmp_path).name == "8"
    assert saved_model.export(toy, tmp_path, version=3).name == "3"
    assert saved_model.versions(tmp_path) == [3, 7, 8]
    assert saved_model.versions(tmp_path / "nothing") == []


@pytest.mark.parametrize("version", [0, 3])
def test_a_version_that_exists_or_is_not_positive_is_refused(
    toy, tmp_path, version
):
    (tmp_path / "3").mkdir()
    with pytest.raises(ValueError, match=r"Received: \d; there: \[3\]"):
        saved_model.export(toy, tmp_path, version=version)
    assert [p.name for p in tmp_path.iterdir()] == ["3"]


@pytest.mark.parametrize("name", ["file", "file/lifter"])
def test_a_file_is_no_model_dir(toy, tmp_path, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=f"must be a folder.*{name} "):
        saved_model.export(toy, tmp_path / name)


def test_a_failing_check_publishes_nothing(toy, tmp_path):
    toy.lifter.layers[0].bias.assign(np.full([8], np.nan))
    with pytest.raises(ValueError, match="Weights must be finite"):
        saved_model.export(toy, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_reduced_precision_is_served_as_float32(tmp_path):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        kudo2018 = methods.load("kudo2018")
        skeleton = skeletons.load("human36m_17")
        method = kudo2018.Method(skeleton, kudo2018.Config(width=16))
    finally:
        keras.config.set_dtype_policy(before)
    path = saved_model.export(method, tmp_path)
    assert model_card.read(path)["checks"]["tolerance"] == 0.1


@pytest.mark.parametrize("name", ["human36m_17", "deepmimic_16"])
def test_a_real_method_is_exported_without_its_discriminator(tmp_path, name):
    kudo2018 = methods.load("kudo2018")
    method = kudo2018.Method(skeletons.load(name), kudo2018.Config(width=16))
    path = saved_model.export(method, tmp_path)
    stored = tf.train.list_variables(str(path / "variables" / "variables"))
    sizes = sum(int(np.prod(shape)) for _, shape in stored if shape)
    assert sizes == method.lifter.count_params()
