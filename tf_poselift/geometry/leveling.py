"""Rotations that turn a camera's axes upright (NumPy).

Camera space: x right, y down, z forward. Level means that y points down as
plumb lines do.
"""

import numpy as np

from tf_poselift import checks

_UP = np.array([0.0, -1.0, 0.0])


def from_pitch(degrees: float) -> np.ndarray:
    """Returns the rotation [3, 3] from a camera's axes to level ones.

    Args:
      degrees: by which the camera looks down; below 0: up.
    """
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    # Down is (0, cos, sin) for a camera that looks down.
    return np.array([[1.0, 0.0, 0.0], [0.0, cos, sin], [0.0, -sin, cos]])


def from_up(vectors: np.ndarray) -> np.ndarray:
    """Returns the smallest rotation [3, 3] that makes vectors point up.

    The median of their directions, coordinate by coordinate, becomes
    (0, -1, 0).

    Args:
      vectors: [N, 3], camera axes; rows with NaN or of no length do not count.

    Raises:
      ValueError: no row counts, or they cancel each other out.
    """
    checks.check_shape("vectors", vectors, (None, 3))
    length = np.linalg.norm(vectors, axis=-1)
    known = np.isfinite(length) & (length > 0.0)
    directions = vectors[known] / length[known, np.newaxis]
    up = np.median(directions, axis=0) if len(directions) else np.zeros(3)
    if np.linalg.norm(up) < 1e-6:
        raise ValueError(
            "`vectors` must have directions that agree on what is up. "
            f"Received: {int(known.sum())} directions."
        )
    return turn(up / np.linalg.norm(up), _UP)


def turn(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Returns the smallest rotations [..., 3, 3] from one direction to another.

    Opposite directions are turned about an axis across them.

    Args:
      start: [..., 3] of length 1.
      end: [..., 3] of length 1.
    """
    start, end = np.broadcast_arrays(start, end)
    cos = np.einsum("...i,...i->...", start, end)
    axis = np.cross(start, end)
    cross = np.zeros((*axis.shape, 3))
    for (row, column), value in {
        (2, 1): axis[..., 0],
        (0, 2): axis[..., 1],
        (1, 0): axis[..., 2],
    }.items():
        cross[..., row, column] = value
        cross[..., column, row] = -value
    # Rodrigues' formula; (1 - cos) / sin^2 = 1 / (1 + cos).
    opposite = cos < -1.0 + 1e-9
    share = 1.0 / np.where(opposite, 1.0, 1.0 + cos)
    rotation = np.eye(3) + cross + share[..., None, None] * (cross @ cross)
    half_turns = _half_turn(start[opposite])
    rotation[opposite] = half_turns
    return rotation


def _half_turn(direction: np.ndarray) -> np.ndarray:
    """Returns half turns [N, 3, 3] about an axis across directions [N, 3]."""
    smallest = np.eye(3)[np.argmin(np.abs(direction), axis=-1)]
    axis = np.cross(direction, smallest)
    axis /= np.linalg.norm(axis, axis=-1, keepdims=True)
    return 2.0 * axis[:, :, None] * axis[:, None, :] - np.eye(3)
