"""Made-up motion with exact truth, for tests and benchmarks.

A standing person of 1.7 m (or bones of one length, for joints whose names are
not a person's) moves smoothly at random, seen by a ring of cameras.
"""

import numpy as np
from scipy.spatial import transform

from tf_poselift import skeletons
from tf_poselift.data import kinematics
from tf_poselift.data import tables
from tf_poselift.data import virtual_cameras

FPS = 30.0
DISTANCE = 5000.0  # mm from the cameras to where the person starts
BONE_LENGTH = 250.0  # mm, of a joint that is not in the template
# A standing person, arms a little out, who looks along +x: (forward, left, up)
# in mm; `left_` is on the left, `right_` mirrored.
_TEMPLATE = {
    "pelvis": (0, 0, 930),
    "hip": (0, 130, 930),
    "knee": (20, 140, 490),
    "ankle": (0, 140, 80),
    "heel": (-50, 140, 30),
    "big_toe": (170, 140, 20),
    "small_toe": (140, 190, 20),
    "foot": (120, 150, 25),
    "foot_index": (170, 150, 20),
    "spine": (-10, 0, 1180),
    "spine1": (-5, 0, 1030),
    "spine2": (-10, 0, 1160),
    "spine3": (-5, 0, 1300),
    "chest": (-10, 0, 1180),
    "thorax": (0, 0, 1430),
    "neck": (5, 0, 1490),
    "upper_neck": (15, 0, 1520),
    "nose": (110, 0, 1530),
    "head": (20, 0, 1680),
    "head_top": (15, 0, 1750),
    "mouth": (95, 20, 1490),
    "eye": (90, 30, 1570),
    "eye_inner": (95, 20, 1570),
    "eye_outer": (80, 45, 1570),
    "ear": (10, 75, 1550),
    "collar": (0, 60, 1420),
    "shoulder": (0, 150, 1400),
    "elbow": (0, 230, 1130),
    "wrist": (50, 260, 890),
    "hand": (60, 270, 810),
    "pinky": (40, 280, 800),
    "index": (80, 265, 790),
    "thumb": (90, 240, 820),
}
# The trunk turns little, so that the face stays in front of the shoulders.
_TRUNK = (
    *("pelvis", "spine", "spine1", "spine2", "spine3", "chest", "thorax"),
    *("neck", "upper_neck", "nose", "head", "head_top"),
)
_TRUNK_ANGLE, _LIMB_ANGLE = 0.08, 0.35  # radians, standard deviation
_HEADING, _WALK = 0.8, 300.0  # the same of the person: radians and mm
_WAVES = 3  # sinusoids of an angle
_ACTIONS = ("walk", "sit", "wave")


def table(
    skeleton: skeletons.Skeleton,
    *,
    clips: int = 4,
    frames: int = 60,
    views: int = 4,
    seed: int = 0,
    joints_3d: bool = True,
    cameras: bool = True,
    noise: float = 0.0,
) -> tables.Table:
    """Returns a table of random motion.

    Args:
      skeleton: of any kind; J joints.
      clips: number of clips C; their actions are "walk", "sit", "wave" in
        turn.
      frames: frames of every clip, at 30 Hz.
      views: cameras V on a ring.
      seed: decides everything.
      joints_3d: whether the table has the truth.
      cameras: whether it has the calibration.
      noise: standard deviation of the keypoints, pixels.
    """
    generator = np.random.default_rng(seed)
    joints_world = _motion(generator, skeleton, clips, frames)
    ring = virtual_cameras.ring(
        views, distance=DISTANCE, elevation=0.1, target=(0.0, 0.0, 1000.0)
    )
    keypoints_2d, truth = _see(joints_world, ring)
    if noise:
        error = generator.normal(0.0, noise, keypoints_2d.shape)
        keypoints_2d += error.astype(np.float32)
    everywhere = np.ones(keypoints_2d.shape[:-1], bool)
    action = np.arange(clips) % len(_ACTIONS)

    def of_clips(value):
        return np.tile(value.astype(np.float32), (clips,) + (1,) * value.ndim)

    return tables.Table(
        datasets=(f"synthetic:{seed}.0.0",),
        skeleton=skeleton,
        action_names=_ACTIONS,
        keypoints_2d=keypoints_2d,
        scores=everywhere.astype(np.float32),
        frame_index=np.tile(np.arange(frames), clips),
        frame_valid=np.ones(clips * frames, bool),
        action=np.repeat(action, frames).astype(np.int32),
        clip_start=np.arange(clips + 1) * frames,
        clip_id=tuple(f"clip_{c:04}" for c in range(clips)),
        subject=tuple(f"S{c % 2}" for c in range(clips)),
        clip_action=tuple(_ACTIONS[a] for a in action),
        scene=("",) * clips,
        flags=("",) * clips,
        person=np.zeros(clips, np.int64),
        fps=np.full(clips, FPS, np.float32),
        image_size=of_clips(ring.image_size),
        joints_3d=truth if joints_3d else None,
        joints_3d_valid=everywhere if joints_3d else None,
        cameras={k: of_clips(v) for k, v in ring.calibration().items()}
        if cameras
        else None,
    )


def _see(
    joints_world: np.ndarray, ring: virtual_cameras.Cameras
) -> tuple[np.ndarray, np.ndarray]:
    """Returns keypoints_2d and joints_3d [T, V, J, ...] of pinhole cameras."""
    frames, joints, _ = joints_world.shape
    truth = np.empty((frames, len(ring.rotation), joints, 3), np.float32)
    for v, (rotation, translation) in enumerate(
        zip(ring.rotation, ring.translation, strict=True)
    ):
        truth[:, v] = joints_world @ rotation.T + translation
    focal_length = ring.intrinsics[0, 0, 0].astype(np.float32)
    center = ring.intrinsics[0, :2, 2].astype(np.float32)
    return truth[..., :2] * (focal_length / truth[..., 2:]) + center, truth


def _motion(generator, skeleton, clips: int, frames: int) -> np.ndarray:
    """Returns joints in the world, [clips * frames, J, 3] mm, z up."""
    order = _parents_first(skeleton.parents)
    place = {joint: i for i, joint in enumerate(order)}
    parents = [place.get(skeleton.parents[joint], -1) for joint in order]
    rest = _rest_pose(skeleton, order)
    offsets = np.array(
        [
            rest[i] - rest[p] if p >= 0 else rest[i]
            for i, p in enumerate(parents)
        ]
    )
    turning = [i for i in range(len(order)) if i in parents]
    deviation = [
        _TRUNK_ANGLE if skeleton.joints[order[i]] in _TRUNK else _LIMB_ANGLE
        for i in turning
    ]
    angles = _smooth(generator, clips, frames, (len(turning), 3))
    angles *= np.array(deviation, np.float32)[:, np.newaxis]
    local = np.tile(
        np.eye(3, dtype=np.float32), (clips * frames, len(order), 1, 1)
    )
    local[:, turning] = (
        transform.Rotation.from_rotvec(angles.reshape(-1, 3))
        .as_matrix()
        .reshape(-1, len(turning), 3, 3)
    )
    heading = np.zeros((clips * frames, 3))
    heading[:, 2] = _HEADING * _smooth(generator, clips, frames, ())
    heading[:, 2] += np.repeat(generator.uniform(-np.pi, np.pi, clips), frames)
    local[:, 0] = (
        transform.Rotation.from_rotvec(heading).as_matrix() @ local[:, 0]
    )
    root = rest[0] + _WALK * _smooth(generator, clips, frames, (3,)) * (1, 1, 0)
    positions, _ = kinematics.forward_kinematics(parents, offsets, local, root)
    joints = np.empty_like(positions)
    joints[:, order] = positions
    return joints


def _smooth(generator, clips, frames, shape) -> np.ndarray:
    """Returns smooth curves of deviation 1, [clips * frames, *shape]."""
    curves = (clips, 1, *shape)
    time = np.arange(frames, dtype=np.float32) / FPS
    time = time.reshape(1, frames, *(1 for _ in shape))
    total = 0.0
    for _ in range(_WAVES):
        rate = 2.0 * np.pi * generator.uniform(0.1, 1.0, curves)  # 0.1 to 1 Hz
        phase = generator.uniform(-np.pi, np.pi, curves)
        total = total + np.sin(
            rate.astype(np.float32) * time + phase.astype(np.float32)
        )
    return (total * np.sqrt(2.0 / _WAVES, dtype=np.float32)).reshape(-1, *shape)


def _parents_first(parents) -> list[int]:
    def depth(joint: int) -> int:
        return 0 if parents[joint] < 0 else 1 + depth(parents[joint])

    return sorted(range(len(parents)), key=depth)


def _rest_pose(skeleton, order) -> np.ndarray:
    """Returns the standing pose in mm, [J, 3], joints in the order given."""
    side = np.zeros(skeleton.num_joints)
    partner = np.arange(skeleton.num_joints)
    for left, right in skeleton.pairs:
        side[left], side[right] = 1.0, -1.0
        partner[left] = partner[right] = min(left, right)
    rest = {}
    for joint in order:
        name = skeleton.joints[joint]
        known = _TEMPLATE.get(name.removeprefix("left_").removeprefix("right_"))
        parent = skeleton.parents[joint]
        if known is not None:
            sign = -1.0 if name.startswith("right_") else 1.0
            rest[joint] = np.multiply(known, (1.0, sign, 1.0))
        elif parent < 0:
            rest[joint] = np.array([0.0, 0.0, 1000.0])
        else:
            # The golden angle: no two bones of a joint go the same way.
            angle = 2.4 * partner[joint]
            way = np.array([np.sin(angle), side[joint], np.cos(angle)])
            rest[joint] = rest[parent] + BONE_LENGTH * way / np.linalg.norm(way)
    return np.array([rest[joint] for joint in order])
