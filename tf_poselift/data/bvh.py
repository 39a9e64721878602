"""BVH motion files: any hierarchy, any order of channels, joint positions.

A joint's rotation is the product of its channels' in their order, so that
"Zrotation Xrotation Yrotation" is Rz @ Rx @ Ry. Position channels take the
place of the joint's OFFSET. Units and axes are the file's own (usually y up).
"""

import dataclasses
import os
import pathlib
import re
from collections.abc import Sequence

import numpy as np

from tf_poselift import checks
from tf_poselift.data import kinematics
from tf_poselift.geometry import rotations as rotation_geometry

_POSITIONS = ("Xposition", "Yposition", "Zposition")
_ROTATIONS = {
    "Xrotation": rotation_geometry.about_x,
    "Yrotation": rotation_geometry.about_y,
    "Zrotation": rotation_geometry.about_z,
}
_TIMING = re.compile(rb"\s*Frames:\s*(\d+)\s+Frame\s+Time:\s*([\d.eE+-]+)")


@dataclasses.dataclass(frozen=True, eq=False)
class Motion:
    """The motion of J joints, End Sites included.

    Attributes:
      joints: J names; an End Site is called "<its parent>_end".
      parents: J indices, a parent before its children; -1 for the root.
      offsets: [J, 3] the OFFSETs.
      channels: J tuples of channel names, in the order of the file.
      values: [T, C] of the channels of all joints; angles in degrees.
      frame_index: [T] numbers of the frames in the file, from 0.
      fps: frames per second of `values`.
    """

    joints: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: np.ndarray
    channels: tuple[tuple[str, ...], ...]
    values: np.ndarray
    frame_index: np.ndarray
    fps: float


def read(path: str | os.PathLike, *, fps: float | None = None) -> Motion:
    """Reads a BVH file.

    Args:
      path: the file.
      fps: wanted rate: every n-th frame from 0 on is kept. None: all.

    Raises:
      ValueError: names the file and what is wrong: the hierarchy, too few or
        too many numbers, one that is not finite, a rate of which `fps` is no
        whole fraction.
    """
    path = pathlib.Path(path)
    hierarchy, keyword, motion = path.read_bytes().partition(b"MOTION")
    timing = _TIMING.match(motion)
    if not keyword or not timing:
        raise ValueError(
            f"{path} must have a line `MOTION`, then `Frames:` and `Frame "
            "Time:`. Is the file complete?"
        )
    joints, parents, offsets, channels = _hierarchy(path, hierarchy)
    frames, frame_time = int(timing[1]), float(timing[2])
    stride = _stride(path, frame_time, fps)
    width = sum(len(names) for names in channels)
    rows = _rows(path, motion[timing.end() :], frames, width)
    return Motion(
        joints=joints,
        parents=parents,
        offsets=offsets,
        channels=channels,
        values=_numbers(path, rows[::stride], width),
        frame_index=np.arange(0, frames, stride),
        fps=1.0 / (frame_time * stride),
    )


def _hierarchy(path: pathlib.Path, text: bytes):
    """Returns names, parents, offsets [J, 3] and channels of the joints."""
    names, parents, offsets, channels = [], [], [], []
    open_joints = []
    words = iter(text.decode("latin-1").split())
    try:
        for word in words:
            if word in ("ROOT", "JOINT", "End"):
                name = next(words)
                parents.append(open_joints[-1] if open_joints else -1)
                if word == "End":
                    name = f"{names[parents[-1]]}_end"
                names.append(name)
                offsets.append([np.nan] * 3)
                channels.append(())
            elif word == "{":
                open_joints.append(len(names) - 1)
            elif word == "}":
                open_joints.pop()
            elif word == "OFFSET":
                offsets[-1] = [float(next(words)) for _ in range(3)]
            elif word == "CHANNELS":
                count = int(next(words))
                channels[-1] = tuple(next(words) for _ in range(count))
            elif word != "HIERARCHY":
                raise ValueError(f"unexpected `{word}`")
        if open_joints or parents.count(-1) != 1:
            raise ValueError("the braces must close around exactly one ROOT")
        known = {*_POSITIONS, *_ROTATIONS}
        unknown = {c for row in channels for c in row} - known
        if unknown:
            raise ValueError(f"unknown channels {sorted(unknown)}")
        if not np.isfinite(offsets).all():
            raise ValueError("every joint must have a finite OFFSET")
    except (ValueError, IndexError, StopIteration) as error:
        raise ValueError(
            f"{path}: the hierarchy is not valid: {str(error) or 'cut short'}."
        ) from error
    return tuple(names), tuple(parents), np.array(offsets), tuple(channels)


def _stride(path, frame_time: float, fps: float | None) -> int:
    if not 0.0 < frame_time < np.inf:
        raise ValueError(
            f"{path}: `Frame Time` must be positive. Received: {frame_time}."
        )
    if fps is None:
        return 1
    ratio = 1.0 / (frame_time * fps)
    stride = round(ratio)
    if stride < 1 or abs(ratio - stride) > 1e-3 * stride:
        raise ValueError(
            f"{path}: the frame rate must be a multiple of {fps:g} Hz. "
            f"Received: {1.0 / frame_time:g} Hz."
        )
    return stride


def _rows(path, text: bytes, frames: int, width: int) -> list[bytes]:
    """Returns one line per frame; checks that no frame is cut short."""
    rows = text.split(b"\n")
    rows = [row for row in rows if row and not row.isspace()]
    if len(rows) == frames > 0 and len(rows[-1].split()) == width:
        return rows
    # Rare: frames that are broken over lines, or a damaged file.
    words = text.split()
    if not frames or not width or len(words) != frames * width:
        raise ValueError(
            f"{path} must have {frames} frames x {width} channels = "
            f"{frames * width} numbers. Received: {len(words)}. Is the file "
            "complete?"
        )
    return [
        b" ".join(words[start : start + width])
        for start in range(0, len(words), width)
    ]


def _numbers(path, rows: list[bytes], width: int) -> np.ndarray:
    """Returns [T, width]."""
    try:
        values = np.loadtxt(rows, ndmin=2, comments=None)
    except ValueError as error:
        raise ValueError(f"{path}: {error}.") from error
    if values.shape[1] != width or not np.isfinite(values).all():
        raise ValueError(
            f"{path} must have {width} finite numbers in every frame."
        )
    return values


def keep(motion: Motion, joints: Sequence[str]) -> Motion:
    """Returns a motion of the named joints and their ancestors only.

    Raises:
      ValueError: a joint that the motion does not have.
    """
    kept = set()
    for joint in joints:
        checks.check_member("joint", joint, motion.joints)
        j = motion.joints.index(joint)
        while j >= 0:
            kept.add(j)
            j = motion.parents[j]
    order = sorted(kept)
    starts = np.cumsum([0] + [len(names) for names in motion.channels])
    columns = [c for j in order for c in range(starts[j], starts[j + 1])]
    new = {j: i for i, j in enumerate(order)} | {-1: -1}
    return dataclasses.replace(
        motion,
        joints=tuple(motion.joints[j] for j in order),
        parents=tuple(new[motion.parents[j]] for j in order),
        offsets=motion.offsets[order],
        channels=tuple(motion.channels[j] for j in order),
        values=motion.values[:, columns],
    )


def place_joints(motion: Motion) -> tuple[np.ndarray, np.ndarray]:
    """Places the joints by forward kinematics.

    Returns:
      positions [T, J, 3] of the joints (a bone's proximal end) in the file's
      unit, and rotations [T, J, 3, 3], joint to world.
    """
    frames, joints = len(motion.values), len(motion.joints)
    offsets = np.tile(motion.offsets, (frames, 1, 1))
    local = np.tile(np.eye(3), (frames, joints, 1, 1))
    starts = np.cumsum([0] + [len(names) for names in motion.channels])
    for channels in set(motion.channels):  # all joints of a kind at once
        kind = [j for j, own in enumerate(motion.channels) if own == channels]
        for i, channel in enumerate(channels):
            values = motion.values[:, starts[kind] + i]
            if channel in _POSITIONS:
                offsets[:, kind, _POSITIONS.index(channel)] = values
            else:
                turn = _ROTATIONS[channel](np.radians(values)).numpy()
                local[:, kind] = local[:, kind] @ turn
    positions, rotations = kinematics.forward_kinematics(
        motion.parents, motion.offsets, local, offsets[:, 0]
    )
    if (offsets[:, 1:] != motion.offsets[1:]).any():
        for j, parent in list(enumerate(motion.parents))[1:]:
            step = rotations[:, parent] @ offsets[:, j, :, np.newaxis]
            positions[:, j] = positions[:, parent] + step[..., 0]
    return positions, rotations
