"""A pinhole camera that looks at the root of a pose from a known distance.

For normalised poses, whose camera nobody knows. A joint is (x, y, z) relative
to the root, camera axes; its image is where its ray crosses the plane of the
root, z = 0:

    x_image = x / (1 + z / distance)

All in one unit, e.g. the mean distance of the joints from the root. With a
large distance it is the orthographic projection. A joint is at least
`NEAREST` in front of the camera.
"""

import tensorflow as tf

from tf_poselift import checks

NEAREST = 1.0


def lift(points: tf.Tensor, depth: tf.Tensor, *, distance: float) -> tf.Tensor:
    """Returns the joints [..., J, 3] of an image.

    Args:
      points: [..., J, 2] on the plane of the root, relative to it.
      depth: [..., J] z, relative to the root; below `NEAREST - distance` it is
        that.
      distance: of the root from the camera, above `NEAREST`.

    Raises:
      ValueError: `distance` out of its range, or a joint axis of another size.
    """
    _check(distance)
    checks.check_shape("points", points, (None, 2))
    checks.check_shape("depth", depth, points.shape[-2:-1])
    depth = tf.maximum(depth, NEAREST - distance)[..., tf.newaxis]
    return tf.concat([points * (1.0 + depth / distance), depth], axis=-1)


def project(joints: tf.Tensor, *, distance: float) -> tf.Tensor:
    """Returns the image [..., J, 2] of joints [..., J, 3]; undoes `lift`.

    Raises:
      ValueError: `distance` out of its range, or joints without three axes.
    """
    _check(distance)
    checks.check_shape("joints", joints, (None, 3))
    depth = tf.maximum(joints[..., 2:], NEAREST - distance)
    return joints[..., :2] / (1.0 + depth / distance)


def _check(distance: float) -> None:
    if distance <= NEAREST:
        raise ValueError(
            f"`distance` must be above {NEAREST:g}, the nearest that a joint "
            f"comes to the camera. Received: {distance}."
        )
