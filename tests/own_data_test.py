"""docs/own_data.md does what it says."""

import pathlib
import re

import numpy as np
import pytest

from tf_poselift import skeletons
from tf_poselift.data import reader
from tf_poselift.training import run_folder
from tf_poselift.training import training

PAGE = pathlib.Path(__file__).parent.parent / "docs" / "own_data.md"
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


def test_the_commands_and_links_of_the_page_are_there():
    text = PAGE.read_text("utf-8")
    scripts = []
    for command in re.findall(r"^python .*(?:\n .*)*", text, re.M):
        scripts.append(command.split()[1])
        source = (PAGE.parent.parent / scripts[-1]).read_text("utf-8")
        for flag in re.findall(r"--(\w+)", command):
            assert f'"{flag}"' in source, (scripts[-1], flag)
    assert scripts == ["trainers/train.py", "serving/export.py"]
    for link in re.findall(r"\]\((\w+\.md)", text):
        assert (PAGE.parent / link).is_file(), link
