"""Joint angles to joint positions, and motion at another frame rate (NumPy).

Everything is vectorised over frames; only the joints of a chain are visited
one after the other. Positions keep the caller's unit.
"""

from collections.abc import Sequence

import numpy as np
from scipy.spatial import transform

from tf_poselift import checks


def forward_kinematics(
    parents: Sequence[int],
    offsets: np.ndarray,
    local_rotations: np.ndarray,
    root_position: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Places the joints of a kinematic tree.

    rotation_j = rotation_parent @ local_j
    position_j = position_parent + rotation_parent @ offset_j

    Args:
      parents: J indices, a parent before its children; -1 for the one root.
      offsets: [J, 3] a joint's position in its parent's frame; the root's is
        not used.
      local_rotations: [T, J, 3, 3] joint to parent (the root: to world).
      root_position: [T, 3].

    Returns:
      positions [T, J, 3] and rotations [T, J, 3, 3] (joint to world).

    Raises:
      ValueError: a shape that does not fit, or a child before its parent.
    """
    joints = len(parents)
    if parents[0] != -1 or not all(0 <= p < j for j, p in _bones(parents)):
        raise ValueError(
            "`parents` must start with the root (-1) and name every parent "
            f"before its children. Received: {list(parents)}."
        )
    checks.check_shape("offsets", offsets, (joints, 3))
    checks.check_shape("local_rotations", local_rotations, (None, joints, 3, 3))
    checks.check_shape("root_position", root_position, (None, 3))

    rotations = np.array(local_rotations)
    positions = np.empty(rotations.shape[:-1], rotations.dtype)
    positions[:, 0] = root_position
    for joint, parent in _bones(parents):
        rotations[:, joint] = rotations[:, parent] @ local_rotations[:, joint]
        positions[:, joint] = (
            positions[:, parent] + rotations[:, parent] @ offsets[joint]
        )
    return positions, rotations


def _bones(parents: Sequence[int]) -> list[tuple[int, int]]:
    return list(enumerate(parents))[1:]


def sample_times(duration: float, fps: float) -> np.ndarray:
    """Returns the instants 0, 1 / fps, ... up to `duration`, in seconds."""
    return np.arange(int(duration * fps + 1e-6) + 1) / fps


def interpolate(
    values: np.ndarray, source_times: np.ndarray, times: np.ndarray
) -> np.ndarray:
    """Interpolates linearly in time (positions, angles of hinge joints).

    Args:
      values: [T, ...].
      source_times: [T] strictly increasing, seconds.
      times: [N] within `source_times`, seconds.

    Returns:
      [N, ...].
    """
    if len(values) == 1:
        return np.repeat(values, len(times), axis=0)
    after = np.searchsorted(source_times, times, side="right")
    after = np.clip(after, 1, len(source_times) - 1)
    start, end = source_times[after - 1], source_times[after]
    share = ((times - start) / (end - start)).reshape(
        (-1,) + (1,) * (values.ndim - 1)
    )
    return (1.0 - share) * values[after - 1] + share * values[after]


def interpolate_rotations(
    quaternions: np.ndarray, source_times: np.ndarray, times: np.ndarray
) -> np.ndarray:
    """Interpolates rotations along the shortest arc (slerp).

    Args:
      quaternions: [T, 4] as (w, x, y, z), of any length but 0.
      source_times: [T] strictly increasing, seconds.
      times: [N], seconds; clipped to `source_times`.

    Returns:
      [N, 3, 3] rotation matrices.
    """
    rotations = transform.Rotation.from_quat(quaternions, scalar_first=True)
    if len(quaternions) == 1:
        return np.repeat(rotations.as_matrix(), len(times), axis=0)
    # Rounding may put the last instant a hair behind the last frame.
    inside = np.clip(times, source_times[0], source_times[-1])
    return transform.Slerp(source_times, rotations)(inside).as_matrix()


def y_up_to_z_up(points: np.ndarray) -> np.ndarray:
    """Turns [..., 3] points of a y-up world into the z-up world used here.

    (x, y, z) becomes (x, -z, y): a quarter turn about x, no reflection.
    """
    checks.check_shape("points", points, (3,))
    return np.stack([points[..., 0], -points[..., 2], points[..., 1]], axis=-1)
