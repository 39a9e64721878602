"""A camera of focal length 1 that looks at a root at a fixed distance.

Where a pose has no unit, it may be measured in whatever makes the camera's
distance D a constant (Chen 2019; Yu 2021, Sec. 3.1): 2D is the ray (x, y, 1)
and a lifted pose stands in the camera's space with its root near (0, 0, D).
Axes: x right, y down, z forward.
"""

import tensorflow as tf

from tf_poselift import checks
from tf_poselift.geometry import rotations

_MIN_DEPTH = 1.0  # of a joint, in the pose's unit; Yu 2021, Eq. 7


def lift(points: tf.Tensor, depth: tf.Tensor, *, distance: float) -> tf.Tensor:
    """Returns (x Z, y Z, Z), Z = max(1, distance + depth); Yu 2021, Eq. 7.

    Args:
      points: [..., J, 2].
      depth: [..., J], relative to the root.
      distance: D.

    Returns:
      [..., J, 3] in camera space.
    """
    checks.check_shape("points", points, (None, 2))
    depth = tf.maximum(distance + depth, _MIN_DEPTH)[..., tf.newaxis]
    return tf.concat([points * depth, depth], axis=-1)


def project(joints: tf.Tensor) -> tf.Tensor:
    """Returns (X / Z, Y / Z) of [..., J, 3]; Z counts as 1 at least."""
    checks.check_shape("joints", joints, (None, 3))
    return joints[..., :2] / tf.maximum(joints[..., 2:], _MIN_DEPTH)


def turn(
    joints: tf.Tensor, root: tf.Tensor, rotation: tf.Tensor, *, distance: float
) -> tf.Tensor:
    """Returns rotation (J - root) + (0, 0, distance); Yu 2021, Eq. 8.

    Args:
      joints: [..., J, 3].
      root: [..., 1, 3].
      rotation: [..., 3, 3].
      distance: D.
    """
    return rotations.rotate(joints - root, rotation) + [0.0, 0.0, distance]


def turn_back(
    joints: tf.Tensor, root: tf.Tensor, rotation: tf.Tensor, *, distance: float
) -> tf.Tensor:
    """Undoes `turn` (same arguments)."""
    inverse = tf.linalg.matrix_transpose(rotation)
    return rotations.rotate(joints - [0.0, 0.0, distance], inverse) + root
