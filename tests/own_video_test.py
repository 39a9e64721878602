"""README, "Your own video": the commands as they stand there."""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import numpy as np
import pytest

from tf_poselift import skeletons
from tf_poselift.data import bvh

ROOT = pathlib.Path(__file__).parents[1]
CAMERAS = [f"cam{number}_json" for number in range(1, 5)]


def commands() -> list[list[str]]:
    """Returns the words of every command of the section."""
    text = (ROOT / "README.md").read_text("utf-8")
    section = text.split("\n## Your own video\n")[1].split("\n## ")[0]
    blocks = "\n".join(re.findall(r"```\n(.*?)```", section, re.S))
    return [
        shlex.split(line)
        for line in blocks.replace("\\\n", " ").splitlines()
        if line
    ]


@pytest.fixture
def checkout(tmp_path) -> pathlib.Path:
    """A fresh folder with the scripts, the models and real detections."""
    data = pathlib.Path(os.environ.get("TF_POSELIFT_DATA") or "nowhere")
    if not (data / "pose2sim_demo" / "pose").is_dir():
        pytest.skip("TF_POSELIFT_DATA names no folder with pose2sim_demo")
    for name in ("datasets", "trainers", "serving", "models", "tf_poselift"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copytree(data / "pose2sim_demo" / "pose", tmp_path / "detections")
    return tmp_path


@pytest.mark.slow
def test_from_openpose_to_bvh(checkout):
    *four, shipped = commands()
    assert len(four) == 4
    for words, skeleton in ((four, "body_25b"), ([shipped], "human36m_17")):
        shutil.rmtree(checkout / "runs" / "lifted", ignore_errors=True)
        for command in words:
            assert command[0] == "python"
            done = subprocess.run(
                [sys.executable, *command[1:]],
                cwd=checkout,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
                capture_output=True,
                text=True,
                timeout=1200,
            )
            assert done.returncode == 0, f"{command}\n{done.stderr}"
        _check(checkout / "runs" / "lifted", skeletons.load(skeleton))


def _check(folder: pathlib.Path, skeleton: skeletons.Skeleton) -> None:
    """Everybody's motion is whole, and as tall as was said."""
    for camera in CAMERAS:
        motion = bvh.read(folder / f"{camera}_0.bvh")
        assert len(motion.values) == 100
        assert set(skeleton.joints) <= set(motion.joints)
        joints, _ = bvh.place_joints(motion)
        assert np.isfinite(joints).all()
        height = np.ptp(joints[..., 1], axis=1)
        assert 0.5 < np.median(height) < 2.2
        assert (folder / f"{camera}.csv").stat().st_size > 10_000
        assert (folder / f"look_{camera}.html").stat().st_size > 1_000_000
