import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tf_poselift import config
from tf_poselift import schema
from tf_poselift import skeletons
from tf_poselift.data import synthetic
from tf_poselift.data import writer
from tf_poselift.evaluation import sensitivity
from tf_poselift.methods import tipsy_gan2022
from tf_poselift.training import checkpoints
from tf_poselift.training import run_folder

SCRIPT = pathlib.Path(__file__).parents[2] / "trainers" / "sensitivity.py"
SKELETON = skeletons.from_dict(
    {
        "name": "hand_and_foot",
        "joints": {"root": None, "hand": "root", "foot": "root", "toe": "foot"},
        "legs": ["foot", "toe"],
    }
)


class DepthFromHand:
    """The depth of hand and toe is twice and once the hand's x."""

    metric = False
    calibrated = False
    skeleton = SKELETON

    def serve(self, keypoints_2d, scores):
        points = keypoints_2d - keypoints_2d[:, :1]
        x = points[:, 1, 0]
        depth = tf.stack([0 * x, 2 * x, 0 * x, x], axis=1)
        joints = tf.concat([points, depth[..., tf.newaxis]], axis=-1)
        # Of any size, as what is served.
        size = 1.0 + tf.reduce_mean(tf.abs(joints), axis=[1, 2], keepdims=True)
        return {
            schema.JOINTS_3D: joints / size,
            "scale": 0 * x,
            "valid": scores[:, 0] > 0,
        }


def test_changes_by_hand():
    table = synthetic.table(SKELETON, clips=1, frames=3, views=2, seed=3)
    changes = sensitivity.depth_changes(DepthFromHand(), table, factor=0.5)
    points = table.keypoints_2d - table.keypoints_2d[..., :1, :]
    extent = np.abs(points).max(axis=(-2, -1))
    hand = points[..., 1, :] / extent[..., None]

    step = np.mean(0.5 * np.abs(hand[..., 0]))
    # Rows: hand, foot, toe.
    np.testing.assert_allclose(
        changes,
        [[0, 2 * step, 0, step], [0, 0, 0, 0], [0, 0, 0, 0]],
        atol=1e-4,
    )
    assert sensitivity.between_parts(changes, SKELETON) == pytest.approx(
        {
            "legs to legs": 0.0,
            "legs to torso": 0.0,
            "torso to legs": step / 2,
            "torso to torso": 2 * step,
        },
        abs=1e-4,
    )


def test_a_joint_that_is_never_seen_has_no_change():
    table = synthetic.table(SKELETON, clips=1, frames=3, views=1, seed=3)
    table.scores[..., 3] = 0.0
    changes = sensitivity.depth_changes(DepthFromHand(), table, factor=0.5)
    assert np.isnan(changes[2]).all()
    assert np.isnan(changes[:, 3]).all()
    assert np.isfinite(changes[:2, :3]).all()


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """(run folder, data folder) of legs and torso lifted apart, untrained."""
    skeleton = skeletons.load("human36m_17")
    data_dir = str(tmp_path_factory.mktemp("data"))
    table = synthetic.table(skeleton, clips=1, frames=5, views=2)
    writer.write({"test": table}, data_dir, name="synthetic")
    folder = tmp_path_factory.mktemp("run")
    settings = run_folder.Settings(
        method="tipsy_gan2022",
        config=config.to_json(tipsy_gan2022.Config(width=8, blocks=1)),
        skeleton=skeleton.to_dict(),
        dataset="synthetic",
        data=table.datasets,
        batch_size=8,
        seed=0,
    )
    run_folder.create(folder, settings, {})
    checkpoints.Checkpoints(run_folder.build_method(settings, {}), folder).save(
        3
    )
    return folder, data_dir


def test_legs_and_torso_lifted_apart_do_not_move_each_other(folders, capsys):
    workdir, data_dir = folders
    results = sensitivity.analyse(
        workdir, dataset="synthetic", data_dir=data_dir
    )
    (output,) = (workdir / "sensitivity").iterdir()
    assert output.name == "synthetic-test"
    assert json.loads((output / "sensitivity.json").read_text()) == results
    assert (output / "sensitivity.png").stat().st_size > 10_000
    assert results["moved"] == results["joints"][1:]
    assert np.shape(results["change"]) == (16, 17)
    between = results["between_parts"]
    for part, other in (("legs", "torso"), ("torso", "legs")):
        own = between[f"{part} to {part}"]
        assert between[f"{part} to {other}"] < 0.01 * own
    printed = capsys.readouterr().out
    assert "depths that change most" in printed
    assert "mean, legs to torso" in printed


def test_the_script(folders, tmp_path):
    workdir, data_dir = folders
    command = [sys.executable, str(SCRIPT), "--dataset=synthetic"]
    command += [f"--data_dir={data_dir}", f"--output_dir={tmp_path}"]
    done = subprocess.run(
        [*command, f"--workdir={workdir}", "--factor=1.1"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "sensitivity.json").read_text())
    assert results["factor"] == 1.1
    missing = subprocess.run(
        [*command, f"--workdir={tmp_path}"], capture_output=True, text=True
    )
    assert missing.returncode == 1
    assert missing.stderr.splitlines()[-1].startswith("error: No run in")
