"""The `human36m` builder on made-up files in all forms."""

import importlib
import pathlib
import shutil
import sys
import types

import numpy as np
import pytest
import tensorflow_datasets as tfds
from etils import epath

from tf_poselift import schema
from tf_poselift import skeletons
from tf_poselift.data import virtual_cameras

DATASETS = pathlib.Path(__file__).parents[2] / "datasets"
sys.path.insert(0, str(DATASETS))
human36m = importlib.import_module("human36m.human36m_dataset_builder")
dummy = importlib.import_module("human36m.make_dummy_data")
poses = importlib.import_module("human36m.poses")
takes = importlib.import_module("human36m.takes")

DUMMY = DATASETS / "human36m" / "dummy_data"
# Number of each joint among the 32 of the official files.
OFFICIAL = {
    "pelvis": 0, "right_hip": 1, "right_knee": 2, "right_ankle": 3,
    "left_hip": 6, "left_knee": 7, "left_ankle": 8, "spine": 12, "thorax": 13,
    "nose": 14, "head": 15, "left_shoulder": 17, "left_elbow": 18,
    "left_wrist": 19, "right_shoulder": 25, "right_elbow": 26,
    "right_wrist": 27,
}  # fmt: skip
# Order of the stacked hourglass (MPII's).
HOURGLASS = (
    "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee",
    "left_ankle", "pelvis", "spine", "thorax", "head", "right_wrist",
    "right_elbow", "right_shoulder", "left_shoulder", "left_elbow",
    "left_wrist",
)  # fmt: skip


class Human36mTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = human36m.Builder
    EXAMPLE_DIR = str(DUMMY)
    BUILDER_CONFIG_NAMES_TO_TEST = ["gt", "cpn_10hz"]
    SPLITS = {"train": 132, "validation": 18, "test": 59}


@pytest.fixture(scope="module")
def forms(tmp_path_factory) -> dict[str, pathlib.Path]:
    """A folder of every form, all of the same people."""
    root = tmp_path_factory.mktemp("human36m")
    folders = {
        name: root / name for name in ("unpacked", "baseline", "zip", "npz")
    }
    for folder in folders.values():
        folder.mkdir()
    for subject in takes.SUBJECTS:
        dummy.write_official(folders["unpacked"], subject)
    dummy.write_baseline(folders["baseline"])
    shutil.make_archive(
        folders["zip"] / "h36m", "zip", folders["baseline"], "h36m"
    )
    dummy.write_npz(folders["npz"])
    for kind in ("cpn", "detectron", "sh"):
        dummy.write_detections(folders["npz"], kind)
    return folders | {"packed": DUMMY}


def _splits(folder, config="gt") -> dict[str, dict[str, dict]]:
    builder = human36m.Builder(config=config, data_dir="unused")
    manager = types.SimpleNamespace(
        manual_dir=epath.Path(folder), download_dir=epath.Path("downloads")
    )
    splits = builder._split_generators(manager)
    return {split: dict(clips) for split, clips in splits.items()}


def _world(clip, view=0):
    """The joints of a clip in the world, [T, J, 3]."""
    cameras = clip[schema.CAMERAS]
    centred = clip[schema.JOINTS_3D] - cameras[schema.TRANSLATION][:, None]
    return centred[:, view] @ cameras[schema.ROTATION][view]


def test_subjects_takes_and_names():
    splits = _splits(DUMMY)
    subjects = {
        split: {clip[schema.SUBJECT] for clip in clips.values()}
        for split, clips in splits.items()
    }
    learned = {"S1", "S5", "S6", "S7", "S8"}
    assert subjects["train"] == learned and subjects["test"] == {"S9", "S11"}
    clips = {k: v for clips in splits.values() for k, v in clips.items()}
    assert len(clips) == 7 * 30 - 1
    ordered = sorted(i for i in clips if clips[i][schema.SUBJECT] in learned)
    assert sorted(splits["validation"]) == ordered[7::8]
    # The damaged take is left out, the other one of its action is not.
    assert "S11_Directions" not in clips and "S11_Directions_1" in clips
    # The long names of S1, and whole words.
    assert clips["S1_Photo_1"][schema.ACTION] == "Photo"
    assert clips["S1_WalkDog"][schema.ACTION] == "WalkDog"
    sitting = {k for k in clips if clips[k][schema.ACTION] == "Sitting"}
    assert len(sitting) == 14 and not any("Down" in k for k in sitting)
    assert {c[schema.ACTION] for c in clips.values()} == set(takes.ACTIONS)
    flagged = {k for k in clips if clips[k][schema.FLAGS] == "s9_offset"}
    assert flagged == {"S9_Greeting", "S9_SittingDown_1", "S9_Waiting_1"}
    assert {c[schema.FLAGS] for c in clips.values()} == {"", "s9_offset"}
    assert all(clip[schema.FPS] == 50.0 for clip in clips.values())


# World point (100, 200, 900) mm, seen by the cameras of S1: camera space and
# pixels, worked out elsewhere with the published calibration and formula.
GOLDEN = [
    ([-334.053, -295.811, 5087.755], [437.459, 449.033]),
    ([420.696, -489.602, 5540.697], [595.901, 406.866]),
    ([267.361, -585.999, 5373.657], [576.856, 376.462]),
    ([118.893, -545.915, 4372.770], [546.010, 359.354]),
]


@pytest.mark.parametrize("kind", ["gt", "gt_16"])
def test_the_golden_point(kind):
    point = np.tile(np.array([100, 200, 900], np.float32), (3, 32, 1))
    record, _ = human36m.example(
        human36m.Config(name=kind, kind=kind, stride=2),
        takes.Take("S1", "Walking"),
        virtual_cameras.human36m()["S1"],
        poses.Poses("", {takes.Take("S1", "Walking"): point}, lambda p: p),
        None,
    )
    seen, pixels = (np.array(part) for part in zip(*GOLDEN, strict=True))
    joints = 16 if kind == "gt_16" else 17
    assert record[schema.KEYPOINTS_2D].shape == (2, 4, joints, 2)
    for joint in (0, joints - 1):
        np.testing.assert_allclose(
            record[schema.JOINTS_3D][0, :, joint], seen, atol=2e-3
        )
        np.testing.assert_allclose(
            record[schema.KEYPOINTS_2D][1, :, joint], pixels, atol=1e-3
        )
    assert record[schema.FRAME_INDEX].tolist() == [0, 2]
    assert record[schema.FPS] == 25.0
    np.testing.assert_array_equal(
        record[schema.IMAGE_SIZE],
        [[1000, 1002], [1000, 1000], [1000, 1000], [1000, 1002]],
    )


@pytest.mark.parametrize("config", ["gt", "gt_16"])
def test_order_of_joints(config):
    clip = _splits(DUMMY, config)["test"]["S9_Greeting"]
    skeleton = skeletons.load(f"human36m_{16 if config == 'gt_16' else 17}")
    numbers = np.array([OFFICIAL[name] for name in skeleton.joints])
    for view in range(4):
        # Joint j stands at (10 j, -10 j, 900 + 20 j), give or take 4 mm.
        np.testing.assert_allclose(
            _world(clip, view),
            np.broadcast_to(
                np.stack([10 * numbers, -10 * numbers, 900 + 20 * numbers], -1),
                (2, len(numbers), 3),
            ),
            atol=4.01,
        )


def test_all_forms_give_the_same(forms):
    expected = _splits(DUMMY)
    for name in ("unpacked", "baseline", "zip", "npz"):
        found = _splits(forms[name])
        for split, clips in expected.items():
            assert list(found[split]) == list(clips)
            for clip_id, clip in clips.items():
                for key in (schema.KEYPOINTS_2D, schema.JOINTS_3D):
                    np.testing.assert_allclose(
                        found[split][clip_id][key], clip[key], atol=1e-3
                    )


@pytest.mark.parametrize(
    ("form", "config"),
    [("npz", "cpn"), ("npz", "detectron"), ("npz", "sh"), ("zip", "sh"),
     ("baseline", "sh")],
)  # fmt: skip
def test_detections_in_the_order_of_the_skeleton(forms, form, config):
    clip = _splits(forms[form], config)["train"]["S1_Directions"]
    small = config == "sh"
    skeleton = skeletons.load("human36m_16" if small else "human36m_17")
    files = HOURGLASS if small else skeleton.joints
    # Joint j of the file is near (400 + 10 j, 300 + 10 camera).
    x = [400 + 10 * files.index(name) for name in skeleton.joints]
    y = 300 + 10 * np.arange(4)[:, np.newaxis]
    expected = np.stack(np.broadcast_arrays(x, y), axis=-1)
    keypoints = clip[schema.KEYPOINTS_2D]
    assert len(keypoints) == len(clip[schema.JOINTS_3D])
    np.testing.assert_allclose(keypoints, keypoints * 0 + expected, atol=1.0)
    np.testing.assert_array_equal(clip[schema.SCORES], 1.0)


def test_10_hz_takes_every_fifth_frame():
    every = _splits(DUMMY, "cpn")["train"]["S1_Directions"]
    fifth = _splits(DUMMY, "cpn_10hz")["train"]["S1_Directions"]
    assert len(every[schema.FRAME_INDEX]) == 6
    assert fifth[schema.FRAME_INDEX].tolist() == [0, 5]
    assert fifth[schema.FPS] == 10.0
    for key in (schema.KEYPOINTS_2D, schema.JOINTS_3D):
        np.testing.assert_array_equal(fifth[key], every[key][::5])


def test_configurations():
    names = {config.name for config in human36m.CONFIGS}
    kinds = ("gt", "gt_16", "cpn", "detectron", "sh")
    assert names == {k + suffix for k in kinds for suffix in ("", "_10hz")}
    assert human36m.CONFIGS[0].name == "gt"
