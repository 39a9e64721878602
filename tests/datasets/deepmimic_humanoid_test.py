"""DeepMimic's files: forward kinematics by hand, and bad files."""

import importlib
import json
import pathlib
import sys

import numpy as np
import pytest
from etils import epath

DATASETS = pathlib.Path(__file__).parents[2] / "datasets"
sys.path.insert(0, str(DATASETS))
humanoid = importlib.import_module("deepmimic.humanoid")

MOTIONS = epath.Path(DATASETS / "deepmimic" / "dummy_data" / "data" / "motions")
INDEX = {name: i for i, name in enumerate(humanoid.SKELETON.joints)}


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
        (lambda f: f[1].__setitem__(9, "x"),
         r"clip.txt, frame 1: must have 44 numbers. Received: \['x'\]."),
        (lambda f: f.__setitem__(slice(None), [1, 2]),
         "clip.txt, frame 0: must have 44 numbers. Received: 1."),
        (lambda f: f.clear(),
         "clip.txt: `Frames` must be a list and not be empty."),
    ],
)  # fmt: skip
def test_a_bad_frame_is_named(tmp_path, change, message):
    frames = [_frame().tolist() for _ in range(3)]
    change(frames)
    path = tmp_path / "clip.txt"
    path.write_text(json.dumps({"Frames": frames}))
    with pytest.raises(ValueError, match=message):
        humanoid.read_frames(path)


@pytest.mark.parametrize("content", [b"[]", b'{"Frames": 5}', b"\xff"])
def test_a_clip_of_another_form_is_named(tmp_path, content):
    path = tmp_path / "walk.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"walk.txt.*`Frames`"):
        humanoid.read_frames(path)


def test_a_truncated_clip_is_named(tmp_path):
    text = (MOTIONS / "humanoid3d_walk.txt").read_text()
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
