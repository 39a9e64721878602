"""The `keypoints` builder on made-up detections, and on real ones if there."""

import dataclasses
import importlib
import json
import os
import pathlib
import shutil
import sys
from unittest import mock

import numpy as np
import pytest
import tensorflow_datasets as tfds

from tf_poselift import skeletons
from tf_poselift.data import reader
from tf_poselift.keypoint_files import tracks

DATASETS = pathlib.Path(__file__).parents[2] / "datasets"
sys.path.insert(0, str(DATASETS))
keypoints = importlib.import_module("keypoints.keypoints_dataset_builder")
settings_lib = importlib.import_module("keypoints.settings")
clips_lib = importlib.import_module("keypoints.clips")

DUMMY = DATASETS / "keypoints" / "dummy_data"


class _KeypointsTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = keypoints.Builder
    EXAMPLE_DIR = str(DUMMY)

    @classmethod
    def setUpClass(cls):
        # Where the default configuration finds its folder.
        where = {"TF_POSELIFT_DATA": str(DUMMY)}
        cls.enterClassContext(mock.patch.dict(os.environ, where))
        super().setUpClass()


class KeypointsVideosTest(_KeypointsTest):
    BUILDER_CONFIG_NAMES_TO_TEST = [
        settings_lib.Config(
            name="videos", description="-", folder=str(DUMMY / "keypoints")
        )
    ]
    SPLITS = {"train": 7, "validation": 1}


class KeypointsViewsTest(_KeypointsTest):
    BUILDER_CONFIG_NAMES_TO_TEST = [
        settings_lib.Config(
            name="views", description="-", folder=str(DUMMY / "views")
        )
    ]
    SPLITS = {"train": 1, "validation": 1}


del _KeypointsTest  # a base, no test


def _builder(tmp_path, folder, **options):
    config = keypoints.Builder.config_of(
        str(folder), {"name": "mine", **options}
    )
    return keypoints.Builder(config=config, data_dir=tmp_path / "out")


def _build(tmp_path, folder, **options):
    builder = _builder(tmp_path, folder, **options)
    builder.download_and_prepare()
    return builder


def _read(tmp_path, split):
    return reader.read("keypoints/mine", split, str(tmp_path / "out"))


def test_a_clip_is_a_person_in_a_video(tmp_path):
    builder = _build(tmp_path, DUMMY / "keypoints")
    train = _read(tmp_path, "train")
    assert train.clip_id == (
        "coco_results_0",
        "coco_results_1",
        "gym/alphapose_7",
        "gym/mmpose_0",
        "long_0",
        "videopose3d/run_0",
        "videopose3d/walk_0",
    )
    # Of fewer than eight clips the end of the longest validates.
    held_out = _read(tmp_path, "validation")
    assert held_out.clip_id == ("coco_results_0_end",)
    assert held_out.frame_index.tolist() == [13]
    assert train.scene[2] == "gym/alphapose" and train.person[2] == 7
    assert train.skeleton == skeletons.load("coco_17")
    assert train.cameras is None and train.num_views == 1
    assert set(train.fps) == {25.0}
    sizes = [[640, 480]] * 5 + [[800, 600], [640, 480]]
    assert train.image_size[:, 0].tolist() == sizes
    # The files say: frames 10 to 13 of two people; one empty frame of MMPose.
    starts = train.clip_start
    assert train.frame_index[: starts[2]].tolist() == [
        10,
        11,
        12,
        10,
        11,
        12,
        13,
    ]
    assert train.frame_index[starts[3] : starts[4]].tolist() == [0, 2, 3]
    # Ear 3 is not detected in the second frame, ear 4 not trusted in the third.
    near = train.scores[starts[2] : starts[3], 0]
    assert np.argwhere(near == 0.0).tolist() == [[1, 3], [2, 4]]
    assert not train.keypoints_2d[train.scores == 0.0].any()
    # The order of the two people changes from frame to frame.
    for clip in (0, 1):
        x = train.keypoints_2d[starts[clip] : starts[clip + 1], 0, 0, 0]
        np.testing.assert_allclose(np.diff(x), 5.0, atol=1e-3)
    assert any("nobody.json: nobody was seen" in n for n in builder.notes)
    # 2 in each of 2 clips, of 6 x 4 x 17 + 3 x 17 joints.
    assert any("0.9% of all joints are missing" in n for n in builder.notes)


def test_scraps_are_left_out_and_people_are_counted():
    def track(person, frames):
        return tracks.Track(
            name="video",
            person=person,
            frame_index=np.arange(frames),
            keypoints_2d=np.zeros((frames, 17, 2)),
            scores=np.ones((frames, 17)),
            image_size=None,
        )

    seen = [track(0, 100), track(1, 10), track(2, 11)]
    kept, note = clips_lib._without_scraps(seen, pathlib.Path("video.json"))
    assert [t.person for t in kept] == [0, 2]
    assert note == (
        "video.json: frames of person 0: 100, person 2: 11; 1 people (or "
        "pieces of a broken track) of at most 10 frames are left out"
    )
    alone = [track(0, 100)]
    assert clips_lib._without_scraps(alone, pathlib.Path("v")) == (alone, None)


@pytest.fixture
def folder(tmp_path):
    return pathlib.Path(shutil.copytree(DUMMY / "keypoints", tmp_path / "raw"))


def test_flags_win_over_the_file(tmp_path, folder):
    builder = _builder(tmp_path, folder, fps=50.0, min_score=0.0)
    assert builder.settings.fps == 50.0
    assert builder.settings.image_size == (640.0, 480.0)
    clips, _ = clips_lib.read(builder.settings)
    alphapose = {c.clip_id: c for c in clips}["gym/alphapose_7"]
    assert (alphapose.scores == 0.0).sum() == 1
    stills = dataclasses.replace(builder.settings, stills=True)
    assert len(clips_lib.read(stills)[0]) == 4 * 6 + 3
    # The name of the file, too.
    config = keypoints.Builder.config_of(str(folder), {})
    assert config.name == "dummy"


@pytest.mark.parametrize(
    ("yaml", "options", "message"),
    [
        ("", {}, "`skeleton` must say which .* `--skeleton=NAME`"),
        ("skeleton: coco_19", {}, "Unknown skeleton `coco_19`"),
        ("skelton: coco_17", {}, r"Unknown option of .*: `skelton`. Known: ca"),
        ("- a", {}, "keypoints.yaml must be `option: value`"),
        ("a: [", {}, "keypoints.yaml is not valid YAML"),
        ("skeleton: coco_17\nstills: maybe", {}, "`stills` must be true or"),
        ("skeleton: coco_17", {"fps": -1.0}, "`fps` must be a number above 0"),
        ("skeleton: coco_17", {"image_size": "9"}, "`image_size` must be WID"),
        ("skeleton: coco_17", {"min_score": 30}, "`min_score` must be a numb"),
        ("skeleton: coco_17", {"name": "my video"}, "`name` must be letters"),
        ("skeleton: coco_17", {"format": "yolo"}, "`format` must be one of al"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    yaml, options, message, tmp_path, folder
):
    (folder / "keypoints.yaml").write_text(yaml)
    with pytest.raises(ValueError, match=message):
        _build(tmp_path, folder, **options)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("long.csv", "3,0,right_ankle", "3,0,right_toe",
         r"long.csv, line 69: `joint` must be .* Received: `right_toe`"),
        ("gym/mmpose.json", "}", "",
         r"gym/mmpose.json is not valid JSON, or only the start"),
        ("coco_results.json", '"keypoints": [', '"keypoints": [1, 2, 3, ',
         r"result 0: must have the 17 joints of the skeleton `coco_17`. "
         r"Received: 18 joints. Skeletons with 18: coco_18"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_named_and_leaves_nothing(
    name, old, new, message, tmp_path, folder
):
    path = folder / name
    path.write_bytes(path.read_bytes().replace(old.encode(), new.encode(), 1))
    with pytest.raises(ValueError, match=message):
        _build(tmp_path, folder)
    assert not list((tmp_path / "out").rglob("*.tfrecord*"))


def test_folders_without_files_or_people_are_refused(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "video.mp4").touch()
    message = r"empty is not complete(.|\n)*none ends in .json(.|\n)*--skeleton"
    with pytest.raises(FileNotFoundError, match=message):
        _build(tmp_path, empty, skeleton="coco_17")
    with pytest.raises(FileNotFoundError, match="`--manual_dir` must name"):
        keypoints.Builder.config_of(None, {})
    (empty / "a.json").write_text("[]")
    with pytest.raises(
        ValueError, match="must show somebody. Received: 1 file"
    ):
        _build(tmp_path, empty, skeleton="coco_17")


def test_two_files_of_one_name_are_refused(tmp_path, folder):
    content = json.dumps([{"image_id": 0, "keypoints": [5.0] * 51}])
    (folder / "long.json").write_text(content)
    with pytest.raises(ValueError, match="Received twice: .'long_0'"):
        _build(tmp_path, folder)


def test_what_is_built_is_not_passed_off_as_something_else(tmp_path, folder):
    _build(tmp_path, folder)
    _build(tmp_path, folder)
    message = r"mine/1.0.0 was built with other options \(fps: 25.0\)"
    with pytest.raises(ValueError, match=message):
        _build(tmp_path, folder, fps=50.0)


def test_check_lists_formats_and_asks_for_the_skeleton(folder):
    findings = keypoints.check(folder)
    assert findings.found == (
        "alphapose: 1 video",
        "coco: 2 videos",
        "csv: 1 video",
        "mmpose: 1 video",
        "videopose3d: 1 video",
    )
    assert not findings.missing and not findings.notes
    (folder / "keypoints.yaml").unlink()
    assert "`--skeleton=`" in keypoints.check(folder).notes[0]
    assert keypoints.check(None).missing
