"""The `deepmimic` builder on made-up files, and on the real ones if there."""

import importlib
import importlib.util
import pathlib
import shutil
import sys
import types

import numpy as np
import pytest
import tensorflow_datasets as tfds
from etils import epath

from tf_poselift import schema
from tf_poselift.losses import pose

DATASETS = pathlib.Path(__file__).parents[2] / "datasets"
sys.path.insert(0, str(DATASETS))
deepmimic = importlib.import_module("deepmimic.deepmimic_dataset_builder")
humanoid = importlib.import_module("deepmimic.humanoid")

DUMMY = epath.Path(DATASETS / "deepmimic" / "dummy_data")
INDEX = {name: i for i, name in enumerate(humanoid.SKELETON.joints)}


class DeepmimicTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = deepmimic.Builder
    EXAMPLE_DIR = str(DUMMY)
    SPLITS = {"train": 10, "validation": 1, "test": 4}


def _manager(folder) -> types.SimpleNamespace:
    return types.SimpleNamespace(
        manual_dir=epath.Path(folder), download_dir=epath.Path(folder).parent
    )


def test_without_the_wheel_the_error_says_how_to_get_it(tmp_path, monkeypatch):
    (tmp_path / "manual").mkdir()  # where TFDS looks if nobody says where
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    builder = deepmimic.Builder(data_dir="unused")
    with pytest.raises(FileNotFoundError, match=r"pip install -e '.\[quick"):
        builder._split_generators(_manager(tmp_path / "manual"))


def test_a_folder_of_the_users_must_be_whole(tmp_path):
    folder = tmp_path / "raw"
    shutil.copytree(DUMMY, folder)
    assert not deepmimic.check(folder).missing
    (folder / deepmimic.MOTIONS.format("run")).unlink()
    builder = deepmimic.Builder(data_dir="unused")
    with pytest.raises(FileNotFoundError, match=r"Missing:\n.*3d_run.txt\n"):
        builder._split_generators(_manager(folder))


def _clips(folder, *names) -> dict[str, dict]:
    builder = deepmimic.Builder(data_dir="unused")
    return dict(builder._generate_examples(folder, names))


def test_records_repeat_and_agree_with_their_cameras():
    clip = _clips(DUMMY, "walk", "run")["walk"]
    again = _clips(DUMMY, "walk")["walk"]
    np.testing.assert_array_equal(
        clip[schema.KEYPOINTS_2D], again[schema.KEYPOINTS_2D]
    )
    joints, cameras = clip[schema.JOINTS_3D], clip[schema.CAMERAS]
    assert joints.shape == (4, 32, 16, 3)
    focal, center = 1145.0, 500.0
    np.testing.assert_allclose(
        clip[schema.KEYPOINTS_2D],
        focal * joints[..., :2] / joints[..., 2:] + center,
        atol=1e-3,
    )
    # Back in the world every view shows the same joints.
    world = np.einsum(
        "vji,tvnj->tvni",
        cameras[schema.ROTATION],
        joints - cameras[schema.TRANSLATION][:, np.newaxis],
    )
    np.testing.assert_allclose(world, world[:, :1] + 0 * world, atol=0.01)


@pytest.fixture(scope="module")
def wheel():
    spec = importlib.util.find_spec("pybullet_data")
    if spec is None:
        pytest.skip("needs pip install -e '.[quickstart]' (pybullet)")
    return epath.Path(spec.submodule_search_locations[0])


@pytest.fixture(scope="module")
def real_clips(wheel):
    return _clips(wheel, *[n for ns in deepmimic.CLIPS.values() for n in ns])


@pytest.fixture(scope="module")
def real_joints_world(wheel):
    offsets = humanoid.read_offsets(wheel / deepmimic.URDF)
    names = [name for names in deepmimic.CLIPS.values() for name in names]
    paths = {name: wheel / deepmimic.MOTIONS.format(name) for name in names}
    return {
        name: humanoid.joints_world(humanoid.read_frames(path), offsets)
        for name, path in paths.items()
    }


def test_real_people_move_on_the_floor_and_stand_upright(real_joints_world):
    for name, joints in real_joints_world.items():
        assert -60.0 < joints[..., 2].min() < 100.0, name
    walk = real_joints_world["walk"]
    # From the neck to the top of the head: 0.28 m in humanoid.urdf.
    height = np.median(walk[:, INDEX["neck"], 2]) + 280.0
    assert 1500.0 < height < 1800.0
    np.testing.assert_allclose(walk[0, 0], [0.0, 0.0, 847.532], atol=1e-3)
    # It walks along x, its left side towards y.
    assert walk[-1, 0, 0] - walk[0, 0, 0] > 1000.0
    assert (
        walk[:, INDEX["left_hip"], 1] > walk[:, INDEX["right_hip"], 1]
    ).all()


def test_real_clips_are_whole_and_inside_the_images(real_clips):
    frames = {
        name: len(clip["frame_index"]) for name, clip in real_clips.items()
    }
    assert sum(frames.values()) == 1010
    assert frames["walk"] == 38  # 1.27 s
    keypoints = np.concatenate(
        [clip[schema.KEYPOINTS_2D] for clip in real_clips.values()]
    )
    inside = ((keypoints >= 0.0) & (keypoints <= 1000.0)).all(axis=-1)
    assert inside.mean() > 0.999


def test_real_bones_keep_their_length_in_every_view(real_clips):
    parents, children = np.transpose(humanoid.SKELETON.bones)
    for name, clip in real_clips.items():
        joints = clip[schema.JOINTS_3D]
        bones = joints[..., children, :] - joints[..., parents, :]
        lengths = np.linalg.norm(bones, axis=-1)
        assert np.ptp(lengths, axis=(0, 1)).max() < 0.1, name


def test_facing_rule_holds_for_upright_people(real_clips, real_joints_world):
    correct, upright = [], []
    for name, clip in real_clips.items():
        joints = clip[schema.JOINTS_3D]
        sine = pose.facing_sine(joints, humanoid.SKELETON.facing).numpy()
        correct.append(sine < 0.0)
        world = real_joints_world[name]
        spine = world[:, INDEX["neck"]] - world[:, INDEX["chest"]]
        steep = spine[:, 2] > 0.5 * np.linalg.norm(spine, axis=-1)
        upright.append(np.broadcast_to(steep[:, np.newaxis], sine.shape))
    correct, upright = np.concatenate(correct), np.concatenate(upright)
    assert upright.mean() > 0.6
    assert correct[upright].mean() > 0.95
    # Upside down the rule turns round: acrobatics are no fault of the data.
    assert correct.mean() > 0.8
