"""DeepMimic's humanoid: its skeleton file, its motion clips, its joints.

A clip is JSON with `Frames`, each of 44 numbers: duration (s), root position
(m; x forward, y up, z to the right), root quaternion (w x y z), then per joint
a quaternion or, for knees and elbows, an angle about z (rad). The skeleton is
the humanoid of pybullet's `humanoid.urdf`, drawn at four times life size.
"""

import json
from xml.etree import ElementTree

import numpy as np
from etils import epath
from scipy.spatial import transform

from tf_poselift import skeletons
from tf_poselift.data import kinematics

SKELETON = skeletons.load("deepmimic_16")
FPS = 30.0
URDF_SCALE = 4.0
# Metres in front of the neck, along its own x axis: DeepMimic has no face.
NOSE = (0.12, 0.0, 0.0)
# Order of a frame after duration and root position, with the numbers of each.
ROTATIONS = {
    "pelvis": 4,
    "chest": 4,
    "neck": 4,
    "right_hip": 4,
    "right_knee": 1,
    "right_ankle": 4,
    "right_shoulder": 4,
    "right_elbow": 1,
    "left_hip": 4,
    "left_knee": 1,
    "left_ankle": 4,
    "left_shoulder": 4,
    "left_elbow": 1,
}
NUMBERS = 4 + sum(ROTATIONS.values())


def read_offsets(path: epath.Path) -> np.ndarray:
    """Reads where the joints sit in their parents' frames.

    Args:
      path: `humanoid.urdf`.

    Returns:
      [16, 3] metres, in the order of `SKELETON`; the pelvis is at 0.

    Raises:
      ValueError: not XML, or a joint that the file does not have.
    """
    # The file in the wheel ends in a zero byte, which is no XML.
    text = path.read_text(encoding="utf-8").rstrip("\0")
    try:
        robot = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(f"{path} must be valid XML: {error}.") from error
    origins = {
        joint.get("name"): joint.find("origin").get("xyz").split()
        for joint in robot.iter("joint")
        if joint.find("origin") is not None
    }
    origins |= {"pelvis": (0.0, 0.0, 0.0)}
    nose = tuple(URDF_SCALE * coordinate for coordinate in NOSE)
    origins |= {"nose": nose}
    missing = [name for name in SKELETON.joints if name not in origins]
    if missing:
        raise ValueError(
            f"{path} must have the joints of DeepMimic's humanoid. Missing: "
            f"{', '.join(missing)}."
        )
    offsets = [origins[name] for name in SKELETON.joints]
    return np.array(offsets, np.float64) / URDF_SCALE


def read_frames(path: epath.Path) -> np.ndarray:
    """Reads the frames of a clip, [T, 44] float64.

    Raises:
      ValueError: names the file and the frame: not JSON (truncated), a frame
        of another length, a value that is no finite number, a quaternion of
        length 0, a duration that is not positive (the last frame's is not
        used).
    """
    try:
        frames = json.loads(path.read_text(encoding="utf-8"))["Frames"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} must be JSON with `Frames` (is it truncated?): {error}."
        ) from error
    if not isinstance(frames, list) or not frames:
        raise ValueError(f"{path}: `Frames` must be a list and not be empty.")
    for i, frame in enumerate(frames):
        values = frame if isinstance(frame, list) else [frame]
        others = [v for v in values if not isinstance(v, int | float)]
        if others or len(values) != NUMBERS:
            raise ValueError(
                f"{path}, frame {i}: must have {NUMBERS} numbers. Received: "
                f"{others or len(values)}."
            )
    frames = np.array(frames, np.float64)
    quaternions = _quaternions(frames).values()
    lengths = np.stack([np.linalg.norm(q, axis=-1) for q in quaternions])
    _check(path, np.isfinite(frames).all(axis=1), "every number must be finite")
    _check(path, (lengths > 0.1).all(axis=0), "quaternions must not be zero")
    _check(path, frames[:-1, 0] > 0.0, "the duration must be positive")
    return frames


def _check(path: epath.Path, good: np.ndarray, rule: str) -> None:
    if not good.all():
        raise ValueError(f"{path}, frame {good.argmin()}: {rule}.")


def _columns(frames: np.ndarray) -> dict[str, np.ndarray]:
    ends = np.cumsum(list(ROTATIONS.values()))
    parts = np.split(frames[:, 4:], ends[:-1], axis=1)
    return dict(zip(ROTATIONS, parts, strict=True))


def _quaternions(frames: np.ndarray) -> dict[str, np.ndarray]:
    return {j: c for j, c in _columns(frames).items() if c.shape[1] == 4}


def joints_world(frames: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Returns the joints at 30 Hz, [N, 16, 3] mm, z up.

    Angles are interpolated, not positions, so that bones keep their length.

    Args:
      frames: [T, 44] of `read_frames`.
      offsets: [16, 3] of `read_offsets`.
    """
    source_times = np.concatenate([[0.0], np.cumsum(frames[:-1, 0])])
    times = kinematics.sample_times(source_times[-1], FPS)
    # The nose and the wrists have no rotation of their own.
    local = np.tile(np.eye(3), (len(times), SKELETON.num_joints, 1, 1))
    for name, column in _columns(frames).items():
        if column.shape[1] == 4:
            rotation = kinematics.interpolate_rotations(
                column, source_times, times
            )
        else:
            angle = kinematics.interpolate(column, source_times, times)
            rotation = transform.Rotation.from_euler("z", angle).as_matrix()
        local[:, SKELETON.joints.index(name)] = rotation
    root = kinematics.interpolate(frames[:, 1:4], source_times, times)
    positions, _ = kinematics.forward_kinematics(
        SKELETON.parents, offsets, local, root
    )
    return 1000.0 * kinematics.y_up_to_z_up(positions)
