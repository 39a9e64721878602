"""The model that is shipped, loaded as an application loads it."""

import json
import os
import pathlib
import re
import subprocess
import sys
import venv

import numpy as np
import pytest

from tf_poselift import skeletons
from tf_poselift.data import synthetic
from tf_poselift.evaluation import prediction
from tf_poselift.evaluation import scores

ROOT = pathlib.Path(__file__).parents[1]
MODEL = ROOT / "models" / "human36m_17" / "1"
SKELETON = skeletons.load("human36m_17")
# TensorFlow and NumPy alone: nothing of this project can be imported.
PROGRAM = """
import sys
import numpy as np
import tensorflow as tf
sys.modules["tf_poselift"] = None
lifter = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
with np.load(sys.argv[2]) as file:
    answer = lifter(keypoints_2d=tf.constant(file["keypoints_2d"]),
                    scores=tf.constant(file["scores"]))
np.savez(sys.argv[3], **{k: v.numpy() for k, v in answer.items()})
"""


def test_it_is_small_and_took_nothing_from_3d():
    files = [path for path in MODEL.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 6e6
    card = json.loads((MODEL / "model_card.json").read_text("utf-8"))
    assert card["numbers_from_3d"] == []
    assert tuple(card["skeleton"]["joints"]) == SKELETON.joints
    assert card["training"]["config"]["labelled_share"] == 0.0


@pytest.fixture(scope="module")
def lifted(tmp_path_factory):
    """Synthetic people, and what the model makes of them."""
    folder = tmp_path_factory.mktemp("model")
    table = synthetic.table(SKELETON, clips=20, frames=5)
    np.savez(
        folder / "in.npz",
        keypoints_2d=table.keypoints_2d[:, 0],
        scores=table.scores[:, 0],
    )
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(MODEL), str(folder / "in.npz"),
         str(folder / "out.npz")],
        env=os.environ,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with np.load(folder / "out.npz") as file:
        return table, dict(file)


def readme_lines() -> str:
    """The lines of the README that load the model and lift a pose."""
    page = (ROOT / "README.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.S)
    (block,) = (b for b in blocks if "models/human36m_17/1" in b)
    return f"import tensorflow as tf\n{block}"


@pytest.mark.slow
def test_the_lines_of_the_readme_need_tensorflow_alone(tmp_path):
    """In an environment of its own, 2 GB that come from a registry."""
    python = tmp_path / "fresh" / "bin" / "python"
    venv.create(tmp_path / "fresh", symlinks=True, with_pip=True)
    installed = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "tensorflow==2.21.*"],
        capture_output=True,
        text=True,
        timeout=1800,
    )
    if installed.returncode:
        pytest.skip(f"no TensorFlow from a registry: {installed.stderr[-300:]}")
    check = "assert joints_3d.shape == (1, 17, 3) and tf.norm(joints_3d) > 1.0"
    alone = "import importlib.util as u; assert not u.find_spec('tf_poselift')"
    done = subprocess.run(
        [python, "-I", "-c", f"{alone}\n{readme_lines()}\n{check}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr


def test_people_are_better_than_flat(lifted):
    table, answer = lifted
    rows = np.arange(table.num_rows)
    predicted = prediction.Predictions(
        answer["joints_3d"], answer["valid"], rows, 0 * rows, metric=False
    )
    ours = scores.score(predicted, table).overall
    flat = prediction.predict(prediction.DepthZero(SKELETON), table)
    floor = scores.score(flat, table).overall
    assert ours["pa_mpjpe"] < 0.9 * floor["pa_mpjpe"]
    assert ours["mirror_rate"] < 0.2
    assert not answer["scale"].any()  # a model of 2D knows no millimetres
