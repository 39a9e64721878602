"""Synchronised views in the `keypoints` builder, made up and real."""

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

from tf_poselift.data import reader
from tf_poselift.evaluation import triangulated

DATASETS = pathlib.Path(__file__).parents[2] / "datasets"
sys.path.insert(0, str(DATASETS))
keypoints = importlib.import_module("keypoints.keypoints_dataset_builder")
views_lib = importlib.import_module("keypoints.views")

DUMMY = DATASETS / "keypoints" / "dummy_data" / "views"


def _build(tmp_path, folder, **options):
    config = keypoints.Builder.config_of(
        str(folder), {"name": "mine", **options}
    )
    builder = keypoints.Builder(config=config, data_dir=tmp_path / "out")
    builder.download_and_prepare()
    return builder


def _read(tmp_path, split):
    return reader.read("keypoints/mine", split, str(tmp_path / "out"))


def test_views_are_joined_and_their_last_frames_are_held_out(tmp_path):
    builder = _build(tmp_path, DUMMY)
    train, held_out = (_read(tmp_path, s) for s in ("train", "validation"))
    assert train.clip_id == ("views",) and held_out.clip_id == ("views_end",)
    assert train.frame_index.tolist() == list(range(9))
    assert held_out.frame_index.tolist() == [9]
    assert train.keypoints_2d.shape == (9, 2, 25, 2)
    # In frame 5 the first camera sees nobody, in all frames none sees ear 3.
    missing = train.scores == 0.0
    assert missing[5, 0].all() and missing[:, :, 3].all()
    assert missing.sum() == 25 + 2 * 9 - 1
    np.testing.assert_allclose(
        train.cameras["translation"][0, 0], [0, 1e3, 4e3]
    )
    assert any(
        "cam1_json = cam_01, cam2_json = cam_02" in n for n in builder.notes
    )
    assert any("its last 1 of 10 frames validate" in n for n in builder.notes)

    result = triangulated.triangulate(train)
    # The points were projected without noise and written with 4 digits.
    assert np.nanmax(result.error) < 0.01
    seen = np.isfinite(result.joints_world).all(axis=-1)
    assert seen.sum() == 8 * 24
    # Somebody drifts along x by 20 mm a frame and stays 0.1 to 1.8 m high.
    joints = result.joints_world[:, 0]
    np.testing.assert_allclose(joints[4] - joints[0], [80, 0, 0], atol=0.1)
    heights = result.joints_world[..., 2]
    assert np.nanmin(heights) > 100.0 and np.nanmax(heights) < 1800.0


@pytest.fixture
def view_folder(tmp_path):
    return pathlib.Path(shutil.copytree(DUMMY, tmp_path / "raw"))


def _names(*names):
    """A calibration of which only the names count."""
    return mock.Mock(names=names, sections=tuple(f"s{n}" for n in names))


@pytest.mark.parametrize(
    ("found", "cameras", "order", "how"),
    [
        (["b", "a"], ("a", "b"), [1, 0], ""),
        (["sb", "sa"], ("a", "b"), [1, 0], ""),
        (
            ["Cam2_json", "cam1_json"],
            ("cam_01", "cam_02"),
            [1, 0],
            "by name: c",
        ),
        (
            ["v10", "v9"],
            ("left", "right"),
            [1, 0],
            "sorted order, the names sa",
        ),
    ],
)
def test_views_are_matched_by_name_or_in_order(found, cameras, order, how):
    received, note = views_lib.match(found, _names(*cameras), "DIR")
    assert received == order
    assert how in note and bool(note) == bool(how)


def test_views_and_cameras_of_other_numbers_are_listed():
    for found in (["a"], ["a", "b", "c"]):
        message = f"Received: {', '.join(found)}. Cameras: a, b"
        with pytest.raises(ValueError, match=message):
            views_lib.match(found, _names("a", "b"), "DIR")


def test_a_view_in_which_nobody_is_seen_is_named(tmp_path, view_folder):
    for path in (view_folder / "cam2_json").iterdir():
        path.write_text('{"people": []}')
    with pytest.raises(ValueError, match="cam2_json: must show somebody"):
        _build(tmp_path, view_folder)


def test_the_biggest_person_of_a_view_is_taken(tmp_path, view_folder):
    for path in (view_folder / "cam1_json").iterdir():
        content = json.loads(path.read_text())
        small = [v for _ in range(25) for v in (10.0 + _, 10.0, 0.9)]
        content["people"].insert(0, {"pose_keypoints_2d": small})
        path.write_text(json.dumps(content))
    builder = _build(tmp_path, view_folder)
    assert any("cam1_json: 2 people" in note for note in builder.notes)
    result = triangulated.triangulate(_read(tmp_path, "train"))
    assert np.nanmax(result.error) < 0.01


def test_several_recordings_are_several_clips(tmp_path, view_folder):
    for take in ("take_1", "take_2"):
        for camera in ("cam1_json", "cam2_json"):
            shutil.copytree(
                view_folder / camera, tmp_path / "all" / take / camera
            )
    calibration = str(view_folder / "cameras.toml")
    _build(
        tmp_path,
        tmp_path / "all",
        skeleton="body_25b",
        calibration=calibration,
    )
    assert _read(tmp_path, "train").clip_id == ("take_1", "take_2")
    assert _read(tmp_path, "validation").clip_id == ("take_1_end",)


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    data = os.environ.get("TF_POSELIFT_DATA") or "nowhere"
    folder = pathlib.Path(data) / "pose2sim_demo"
    if not folder.is_dir():
        pytest.skip("needs pose2sim_demo in the folder TF_POSELIFT_DATA")
    tmp_path = tmp_path_factory.mktemp("real")
    _build(
        tmp_path,
        folder,
        skeleton="body_25b",
        calibration=str(folder / "Calib_qualisys.toml"),
        fps=60.0,
    )
    return _read(tmp_path, "train+validation")


def test_the_real_views_fit_each_other(real):
    assert (real.num_rows, real.num_views) == (100, 4)
    assert real.clip_id == ("pose", "pose_end")
    result = triangulated.triangulate(real)
    content = triangulated.summary(real, result)
    # Pixels of 1088 x 1920; 13 are 25 mm at the person. Views that do not fit,
    # exchanged say, have hundreds.
    means = [view["mean"] for view in content["views"]]
    assert all(
        m < bound for m, bound in zip(means, (16, 10, 21, 12), strict=True)
    )
    assert content["all"]["mean"] < 14.0
    assert 0.09 < content["all"]["missing"] < 0.11
    assert content["all"]["not_triangulated"] < 0.005
    wrong = dataclasses.replace(
        real, keypoints_2d=real.keypoints_2d[:, [1, 0, 2, 3]]
    )
    wrong = triangulated.summary(wrong, triangulated.triangulate(wrong))
    assert wrong["all"]["mean"] > 50.0


def test_the_real_persons_limbs_keep_their_length(real):
    joints = triangulated.triangulate(real).joints_world
    index = real.skeleton.joints.index
    for limb, expected in (("hip knee", 410.0), ("knee ankle", 395.0)):
        upper, lower = limb.split()
        for side in ("left", "right"):
            lengths = np.linalg.norm(
                joints[:, index(f"{side}_{upper}")]
                - joints[:, index(f"{side}_{lower}")],
                axis=-1,
            )
            assert abs(np.median(lengths) - expected) < 20.0
            assert lengths.std() < 20.0
    head, heel = joints[:, index("head_top")], joints[:, index("left_heel")]
    assert (head - heel)[:, 2].min() > 1000.0  # z is up
