"""The estimated scale over a clip: numbers, picture, script."""

import dataclasses
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
from tf_poselift.evaluation import scale_track
from tf_poselift.methods import martinez2017
from tf_poselift.methods import yu2021
from tf_poselift.training import checkpoints
from tf_poselift.training import run_folder

SCRIPT = pathlib.Path(__file__).parents[2] / "trainers" / "scale_track.py"
SKELETON = skeletons.load("human36m_17")
TABLE = synthetic.table(SKELETON, clips=3, frames=12, views=2)


class Truth:
    """Lifts to the truth in head-root distances, `size` times as large."""

    skeleton = SKELETON

    def __init__(self, size: float = 1.0):
        self.size = size

    def __call__(self, inputs):
        joints = inputs[schema.JOINTS_3D]
        joints -= joints[:, :1]
        unit = tf.norm(joints[:, SKELETON.head], axis=-1)
        return {
            schema.JOINTS_3D: self.size * joints / unit[:, None, None],
            "valid": tf.ones_like(unit, tf.bool),
            "scale": self.size * self.reference_scale(inputs),
        }

    def reference_scale(self, inputs):
        return 1000.0 / inputs[schema.JOINTS_3D][:, 0, 2]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("data"))
    writer.write({"test": TABLE}, folder, name="synthetic")
    return folder


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    small = yu2021.Config(width=8, batch_size=8)
    settings = run_folder.Settings(
        method="yu2021",
        config=config.to_json(small),
        skeleton=SKELETON.to_dict(),
        dataset="synthetic",
        data=TABLE.datasets,
        batch_size=8,
        seed=0,
    )
    statistics = yu2021.statistics(TABLE, small)
    run_folder.create(folder, settings, statistics)
    method = run_folder.build_method(settings, statistics)
    checkpoints.Checkpoints(method, folder).save(5)
    return folder


def test_a_wrong_scale_counts():
    assert scale_track.measure(Truth(), TABLE).overall[
        "mpjpe_headroot_unit"
    ] == pytest.approx(0.0, abs=1e-3)
    scales = scale_track.measure(Truth(1.1), TABLE)
    joints = TABLE.joints_3d - TABLE.joints_3d[:, :, :1]
    expected = 0.1 * np.linalg.norm(joints, axis=-1).mean()
    overall = scales.overall
    assert overall["mpjpe_headroot_unit"] == pytest.approx(expected, rel=1e-3)
    assert overall["pa_mpjpe"] == pytest.approx(0.0, abs=1e-2)
    assert overall["n_mpjpe"] == pytest.approx(0.0, abs=1e-2)
    assert overall["correlation"] == pytest.approx(1.0, abs=1e-4)
    assert overall["mean_absolute_difference"] == pytest.approx(
        0.1 * overall["reference_mean"], rel=1e-4
    )
    assert len(scales.rows) == TABLE.num_rows * 2


def test_frames_that_are_not_to_be_evaluated_are_left_out():
    valid = np.array(TABLE.frame_valid)
    valid[:5] = False
    table = dataclasses.replace(TABLE, frame_valid=valid)
    scales = scale_track.measure(Truth(), table)
    assert scales.rows.min() == 5


def test_a_clip_is_drawn(workdir, data_dir, tmp_path):
    content = scale_track.track(
        workdir,
        dataset="synthetic",
        data_dir=data_dir,
        clip="clip_0001",
        view=1,
        output_dir=tmp_path,
    )
    written = json.loads((tmp_path / "scale_track.json").read_text())
    assert written == content
    assert content["clip"] == "clip_0001"
    assert len(content["reference"]) == len(content["predicted"]) == 12
    np.testing.assert_allclose(content["seconds"][:2], [0.0, 1 / 30])
    assert (tmp_path / "scale_track.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"clip": "none"}, "clip_0000"),
        ({"view": 2}, r"`view` must lie in \[0, 2\). Received: 2"),
    ],
)
def test_refusals(workdir, data_dir, fields, words):
    with pytest.raises(ValueError, match=words):
        scale_track.track(
            workdir, dataset="synthetic", data_dir=data_dir, **fields
        )


def test_another_method_and_a_set_without_3d_are_refused():
    statistics = martinez2017.statistics(TABLE, martinez2017.Config())
    other = martinez2017.Method(
        SKELETON, martinez2017.Config(width=8), statistics=statistics
    )
    with pytest.raises(ValueError, match="`yu2021`.*Received: `martinez2017`"):
        scale_track.measure(other, TABLE)
    flat = synthetic.table(SKELETON, clips=1, frames=3, joints_3d=False)
    with pytest.raises(ValueError, match="must have `joints_3d`"):
        scale_track.measure(Truth(), flat)


def test_script(workdir, data_dir, tmp_path):
    command = [sys.executable, str(SCRIPT), f"--workdir={workdir}"]
    command += ["--dataset=synthetic", f"--data_dir={data_dir}"]
    done = subprocess.run(
        [*command, f"--output_dir={tmp_path}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "mpjpe_headroot_unit" in done.stdout
    failed = subprocess.run(
        [*command, "--clip=none"], capture_output=True, text=True, check=False
    )
    assert failed.returncode == 1
    assert "error:" in failed.stderr
