"""The `deepmimic` builder on made-up files, and on the real ones if there."""

import importlib
import importlib.util
import json
import pathlib
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds
from etils import epath

from tf_poselift import schema

DATASETS = pathlib.Path(__file__).parents[2] / "datasets"
sys.path.insert(0, str(DATASETS))
deepmimic = importlib.import_module("deepmimic.deepmimic_dataset_builder")
humanoid = importlib.import_module("deepmimic.humanoid")

DUMMY = epath.Path(DATASETS / "deepmimic" / "dummy_data")
INDEX = {name: i for i, name in enumerate(humanoid.SKELETON.joints)}


class DeepmimicTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = deepmimic.Builder
    EXAMPLE_DIR = str(DUMMY)
    SPLITS = {"train": 9, "validation": 2, "test": 4}


def _frame(**columns) -> np.ndarray:
    """A frame that stands straight, but for `columns`."""
    frame = [1 / 30, 0.0, 0.0, 0.0]
    for joint, numbers in humanoid.ROTATIONS.items():
        rest = [1.0, 0.0, 0.0, 0.0] if numbers == 4 else [0.0]
        frame += list(columns.get(joint, rest))
    return np.array(frame)


def test_joints_of_a_bent_arm():
    half = np.sqrt(0.5)
    offsets = np.zeros((16, 3))
    offsets[INDEX["right_shoulder"]] = [0.0, 0.5, 0.2]  # y up, z to the right
    offsets[INDEX["right_elbow"]] = [0.0, -0.3, 0.0]
    offsets[INDEX["right_wrist"]] = [0.0, -0.25, 0.0]
    # The person turns left by 90 degrees (about y) and the elbow bends by 90:
    # the right side faces x, the forearm points forward, which is now y.
    frame = _frame(pelvis=[half, 0.0, half, 0.0], right_elbow=[np.pi / 2])
    joints = humanoid.joints_world(frame[np.newaxis], offsets)
    expected = {
        "right_shoulder": [200.0, 0.0, 500.0],
        "right_elbow": [200.0, 0.0, 200.0],
        "right_wrist": [200.0, 250.0, 200.0],
    }
    for name, position in expected.items():
        np.testing.assert_allclose(
            joints[0, INDEX[name]], position, atol=1e-6, err_msg=name
        )


def test_frames_of_uneven_length_are_resampled_to_30_hz():
    frames = np.stack([_frame(), _frame(), _frame()])
    frames[:, 0] = [0.1, 0.05, 0.0]  # the last duration is not used
    frames[:, 1] = [0.0, 1.0, 1.0]
    joints = humanoid.joints_world(frames, np.zeros((16, 3)))
    np.testing.assert_allclose(
        joints[:, 0, 0], [0.0, 1000 / 3, 2000 / 3, 1000.0, 1000.0], atol=1e-6
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f[1].pop(), r"clip.txt, frame 1: must have 44 numbers. "
         "Received: 43."),
        (lambda f: f[2].__setitem__(9, float("nan")),
         "clip.txt, frame 2: every number must be finite."),
        (lambda f: f[1].__setitem__(0, 0.0),
         "clip.txt, frame 1: the duration must be positive."),
        (lambda f: f[0].__setitem__(slice(4, 8), [0.0] * 4),
         "clip.txt, frame 0: quaternions must not be zero."),
        (lambda f: f.clear(), "clip.txt: `Frames` must not be empty."),
    ],
)  # fmt: skip
def test_a_bad_frame_is_named(tmp_path, change, message):
    frames = [_frame().tolist() for _ in range(3)]
    change(frames)
    path = tmp_path / "clip.txt"
    path.write_text(json.dumps({"Frames": frames}))
    with pytest.raises(ValueError, match=message):
        humanoid.read_frames(path)


def test_a_truncated_clip_is_named(tmp_path):
    text = (DUMMY / deepmimic.MOTIONS.format("walk")).read_text()
    path = tmp_path / "walk.txt"
    path.write_text(text[: len(text) // 2])
    with pytest.raises(ValueError, match=r"walk.txt must be JSON.*truncated"):
        humanoid.read_frames(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [("<robot><joint", "must be valid XML"), ("<robot/>", "Missing: chest")],
)
def test_a_skeleton_file_without_the_joints_is_refused(tmp_path, text, message):
    path = tmp_path / "humanoid.urdf"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        humanoid.read_offsets(path)


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
        pytest.skip("needs pip install 'tf_poselift[quickstart]' (pybullet)")
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
    rule = humanoid.SKELETON.facing
    correct, upright = [], []
    for name, clip in real_clips.items():
        joints = clip[schema.JOINTS_3D]
        front = joints[:, :, rule.front] - joints[:, :, rule.back]
        left = joints[:, :, rule.left] - joints[:, :, rule.right]
        sine = front[..., 2] * left[..., 0] - front[..., 0] * left[..., 2]
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
