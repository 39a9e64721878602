"""docs/own_data.md does what it says."""

import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest

from tf_poselift import skeletons
from tf_poselift.data import reader
from tf_poselift.keypoint_files import reading
from tf_poselift.training import run_folder
from tf_poselift.training import training

ROOT = pathlib.Path(__file__).parent.parent
PAGE = ROOT / "docs" / "own_data.md"
CLIPS, FRAMES = 9, 12


def write_detections(folder: pathlib.Path) -> None:
    """Writes random keypoints as a detector leaves them: with NaN, > 1."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    for clip in range(CLIPS):
        keypoints = generator.uniform(0.0, 1000.0, [FRAMES, 17, 2])
        scores = generator.uniform(0.4, 1.1, [FRAMES, 17])
        keypoints[0, 3], scores[0, 3] = np.nan, 0.0
        keypoints[1, 4] = np.nan
        scores[2, 5], scores[3, 6] = 0.1, np.nan
        np.savez(
            folder / f"person_{clip}.npz",
            keypoints=keypoints,
            scores=scores,
            fps=25.0,
            image_size=[1920, 1080],
        )


@pytest.fixture
def dataset(tmp_path, monkeypatch) -> str:
    """Runs the Python of the page in an empty folder."""
    (block,) = re.findall(
        r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S
    )
    monkeypatch.chdir(tmp_path)
    write_detections(tmp_path / "detections")
    names = {}
    exec(compile(block, str(PAGE), "exec"), names)
    return names["dataset"]


def test_the_records_are_what_the_page_says(dataset):
    assert dataset == "my_videos:1.0.0"
    table = reader.read(dataset, "train", "runs/data")
    held_out = reader.read(dataset, "validation", "runs/data")
    assert table.num_clips == CLIPS - 1
    assert held_out.clip_id == ("person_7",)
    assert table.skeleton == skeletons.load("coco_17")
    assert (table.num_rows, table.num_views) == (8 * FRAMES, 1)
    assert table.joints_3d is None and table.cameras is None
    assert set(table.fps) == {25.0}
    np.testing.assert_array_equal(table.image_size[0], [[1920, 1080]])
    # The joints that are unseen, not finite or not trusted.
    missing = np.argwhere(table.scores[:FRAMES, 0] == 0.0)
    assert missing.tolist() == [[0, 3], [1, 4], [2, 5], [3, 6]]
    assert not table.keypoints_2d[table.scores == 0.0].any()


@pytest.mark.usefixtures("eagerly")
def test_kudo2018_trains_on_them_with_the_facing_rule(dataset, tmp_path):
    logs = training.train(
        "kudo2018",
        dataset="my_videos",
        data_dir="runs/data",
        workdir="runs/mine",
        steps=2,
        batch_size=8,
        overrides=["width=16"],
        strategy="one",
        flip=True,
    )
    assert np.isfinite(list(logs.values())).all()
    assert "facing" in logs
    run = run_folder.load(tmp_path / "runs" / "mine")
    assert run.step == 2
    assert run.method.skeleton == skeletons.load("coco_17")


def _commands(text: str) -> list[str]:
    return re.findall(r"^python .*(?:\n .*)*", text, re.M)


def _first_column(text: str, heading: str) -> list[str]:
    """The words in backticks that the rows of a table begin with."""
    table = text.split(heading)[1].split("\n\n")[0]
    return re.findall(r"^\| `-{0,2}(\w+)` \|", table, re.M)


def test_the_tables_of_the_page_have_every_format_and_flag():
    text = PAGE.read_text("utf-8")
    found = _first_column(text, "| format | a video is")
    assert sorted(found) == sorted(reading.FORMATS)
    build = (ROOT / "datasets" / "build.py").read_text("utf-8")
    own = build.split("_OWN = (")[1].split("\n)\n")[0]
    flags = re.findall(r'DEFINE_\w+\(\s*"(\w+)"', own)
    assert sorted(_first_column(text, "| flag of")) == sorted(flags)


@pytest.mark.usefixtures("eagerly")
def test_a_folder_becomes_a_trained_lifter(tmp_path):
    """The second and the third command of the page, on made-up files."""
    build, train = _commands(PAGE.read_text("utf-8"))[1:3]
    raw = ROOT / "datasets" / "keypoints" / "dummy_data" / "keypoints"
    words = [*build.replace("\\\n", "").split()[1:], f"--data_dir={tmp_path}"]
    words = [word.replace("=DIR", f"={raw}") for word in words]
    done = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "clips: train 7, validation 1" in done.stdout
    assert "note: 0.9% of all joints are missing" in done.stdout
    (dataset,) = re.findall(r"--dataset=(\S+)", train)
    logs = training.train(
        "kudo2018",
        dataset=dataset,
        data_dir=str(tmp_path),
        workdir=str(tmp_path / "run"),
        steps=2,
        batch_size=8,
        overrides=["width=16"],
        strategy="one",
        flip=True,
    )
    assert np.isfinite(list(logs.values())).all()
