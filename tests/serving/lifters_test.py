"""Which model `predict.py` opens."""

import importlib.util
import pathlib
import sys

import numpy as np
import pytest

from tf_poselift import methods
from tf_poselift import skeletons
from tf_poselift.export import saved_model

SERVING = pathlib.Path(__file__).parents[2] / "serving"


@pytest.fixture(scope="module")
def lifters():
    """serving/lifters.py, which is no module of a package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SERVING))
        path = SERVING / "lifters.py"
        spec = importlib.util.spec_from_file_location("poselift_lifters", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module
        sys.modules.pop("client", None)


def test_a_folder_of_versions_gives_the_highest(lifters, tmp_path):
    for version in ("2", "10", "staging-1", "11"):
        (tmp_path / version).mkdir()
        if version != "11":
            (tmp_path / version / "saved_model.pb").touch()
    assert lifters.version_dir(str(tmp_path)) == tmp_path / "10"
    assert lifters.version_dir(str(tmp_path / "2")) == tmp_path / "2"
    with pytest.raises(ValueError, match="must be a folder with a SavedModel"):
        lifters.version_dir(str(tmp_path / "11"))


def test_a_saved_model_lifts_and_tells_its_skeleton(lifters, base_path):
    folder = lifters.version_dir(str(base_path))
    assert lifters.skeleton_of(folder) == skeletons.load("human36m_17")
    lift = lifters.saved_model(folder)
    points = np.random.default_rng(0).normal(500, 100, (3, 17, 2))
    scores = np.ones((3, 17), np.float32)
    scores[2, 0] = 0.0
    answers = lift(points.astype(np.float32), scores)
    assert answers["valid"].tolist() == [True, True, False]
    assert answers["joints_3d"].shape == (3, 17, 3)
    assert answers["scale"].tolist() == [0.0] * 3
    assert "uncertainty" not in answers


def test_a_saved_model_tells_its_uncertainty(lifters, tmp_path):
    kudo2018 = methods.load("kudo2018")
    skeleton = skeletons.load("human36m_17")
    method = kudo2018.Method(skeleton, kudo2018.Config(width=16))
    method.offer_uncertainty(1)
    method.lifter.last.kernel.assign(method.lifter.last.kernel * 50.0)
    lift = lifters.saved_model(saved_model.export(method, tmp_path / "sure"))
    rng = np.random.default_rng(0)
    points = rng.normal(500.0, 100.0, (3, 17, 2)).astype(np.float32)
    scores = np.ones((3, 17), np.float32)
    found = lift(points, scores)["uncertainty"]
    right = method.serve(points, scores)["uncertainty"]
    np.testing.assert_allclose(found, right, atol=1e-5)
    assert (found.max(axis=1) > 1e-3).all()


def test_the_card_says_whether_missing_joints_are_lifted(lifters, tmp_path):
    for text, expected in (
        ("{}", False),
        ('{"lifts_missing_joints": false}', False),
        ('{"lifts_missing_joints": true}', True),
    ):
        (tmp_path / "model_card.json").write_text(text)
        assert lifters.lifts_missing(tmp_path) is expected


def test_no_card_and_no_model(lifters, tmp_path):
    with pytest.raises(ValueError, match="must name the model's `skeleton`"):
        lifters.skeleton_of(tmp_path)
    (tmp_path / "model_card.json").write_text('["no card"]')
    with pytest.raises(ValueError, match="Export the model with"):
        lifters.skeleton_of(tmp_path)
    (tmp_path / "saved_model.pb").write_text("no model")
    with pytest.raises(ValueError, match="must be a SavedModel"):
        lifters.saved_model(tmp_path)


def test_urls(lifters):
    for url in (
        "http://127.0.0.1:8501/v1/models/lifter",
        "https://host/prefix/v1/models/lifter/versions/3",
        "grpc://127.0.0.1:8500/lifter",
    ):
        assert lifters.is_url(url)
        assert callable(lifters.on_server(url))
    for url in (
        "http://127.0.0.1:8501/lifter",
        "grpc://127.0.0.1:8500",
        "http:",
    ):
        with pytest.raises(ValueError, match="http://HOST:PORT/v1/models/NAME"):
            lifters.on_server(url)
    for folder in ("runs/models/mine", "C:/models", "/abs"):
        assert not lifters.is_url(folder)
