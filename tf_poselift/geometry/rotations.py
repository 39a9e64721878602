"""Rotation matrices from quaternions and about the axes, and their use.

Right-handed throughout: in camera space (x right, y down, z forward) a
positive angle about y turns z towards x. Angles are in radians.
"""

import tensorflow as tf

from tf_poselift import checks
from tf_poselift.geometry import graphics
from tf_poselift.geometry import safe_ops


def from_quaternion_wxyz(quaternion: tf.Tensor) -> tf.Tensor:
    """Returns the rotation matrices [..., 3, 3] of quaternions.

    Args:
      quaternion: [..., 4] in the order w x y z, of any length; the zero
        quaternion gives the identity.

    Raises:
      ValueError: if the last axis does not have 4 entries.
    """
    quaternion = tf.convert_to_tensor(quaternion)
    checks.check_shape("quaternion", quaternion, (4,))
    # tensorflow-graphics has the order x y z w.
    xyzw = tf.roll(safe_ops.normalize(quaternion), shift=-1, axis=-1)
    return graphics.rotation_matrix_3d.from_quaternion(xyzw)


def about_x(angle: tf.Tensor) -> tf.Tensor:
    """Returns the rotations [..., 3, 3] by `angle` [...] about x (y to z)."""
    return _about(0, angle)


def about_y(angle: tf.Tensor) -> tf.Tensor:
    """Returns the rotations [..., 3, 3] by `angle` [...] about y (z to x)."""
    return _about(1, angle)


def about_z(angle: tf.Tensor) -> tf.Tensor:
    """Returns the rotations [..., 3, 3] by `angle` [...] about z (x to y)."""
    return _about(2, angle)


def of_view(azimuth: tf.Tensor, elevation: tf.Tensor) -> tf.Tensor:
    """Returns rotations [..., 3, 3]: by azimuth about y, then about x.

    Args:
      azimuth: [...] radians.
      elevation: [...] radians.
    """
    # `rotate` turns rows, and these are the columns of the first rotation. Not
    # a matrix product: see `rotate`.
    columns = tf.linalg.matrix_transpose(about_y(azimuth))
    return tf.linalg.matrix_transpose(rotate(columns, about_x(elevation)))


def _about(axis: int, angle: tf.Tensor) -> tf.Tensor:
    angle = tf.convert_to_tensor(angle)
    euler = [tf.zeros_like(angle)] * 3
    euler[axis] = angle
    return graphics.rotation_matrix_3d.from_euler(tf.stack(euler, axis=-1))


def rotate(points: tf.Tensor, rotation: tf.Tensor) -> tf.Tensor:
    """Returns `rotation @ point` for every point.

    Args:
      points: [..., J, 3].
      rotation: [..., 3, 3], one for the J points; leading axes broadcast.

    Returns:
      [..., J, 3].

    Raises:
      ValueError: if the last axes are not those above.
    """
    points = tf.convert_to_tensor(points)
    rotation = tf.convert_to_tensor(rotation)
    checks.check_shape("points", points, (None, 3))
    checks.check_shape("rotation", rotation, (3, 3))
    # Not a matrix product: GPUs round its float32 factors to 10 bits (TF32),
    # which is millimetres at the distance of a camera.
    rows = rotation[..., tf.newaxis, :, :]
    return tf.reduce_sum(rows * points[..., tf.newaxis, :], axis=-1)
