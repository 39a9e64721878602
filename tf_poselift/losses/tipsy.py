"""Consistencies of TIPSy-GAN 2022: residuals that a true lifter has at zero.

`lift` maps 2D poses [B, J, 2] to depths [B, J]. Residuals are [B, J, D];
`part_mean` makes one value per example of the joints of a generator.
"""

from collections.abc import Callable

import tensorflow as tf

from tf_poselift.geometry import rotations
from tf_poselift.geometry import safe_ops

Lift = Callable[[tf.Tensor], tf.Tensor]


def part_mean(residual: tf.Tensor, part: tf.Tensor) -> tf.Tensor:
    """Returns 1/t |residual|^2, [B], over the t joints of a part.

    Args:
      residual: [B, J, D].
      part: [B, J], 1 at the seen joints that a generator predicts.
    """
    per_joint = tf.reduce_sum(tf.square(residual), axis=-1)
    return safe_ops.divide(
        tf.reduce_sum(per_joint * part, axis=-1), tf.reduce_sum(part, axis=-1)
    )


def reprojection(
    lift: Lift, points: tf.Tensor, view: tf.Tensor, rotation: tf.Tensor
) -> tf.Tensor:
    """Returns Y - P R^-1 [(x~, y~, z~)], [B, J, 2]: Sec. 3.2.

    Args:
      lift: see the module.
      points: [B, J, 2] the observed pose Y.
      view: [B, J, 2] the predicted pose, turned and projected: (x~, y~).
      rotation: [B, 3, 3] that turned it.
    """
    again = tf.concat([view, lift(view)[..., tf.newaxis]], axis=-1)
    back = rotations.rotate(again, tf.linalg.matrix_transpose(rotation))
    return points - back[..., :2]


def quarter_turns(lift: Lift, joints_3d: tf.Tensor) -> tf.Tensor:
    """Returns what Eq. 2, 3 and 4 square, [B, J, 3].

    A quarter turn about y takes (x, y, z) to (z, y, -x).

    Args:
      lift: see the module.
      joints_3d: [B, J, 3] the predicted pose.
    """
    x, y, z = tf.unstack(joints_3d, axis=-1)
    return tf.stack(
        [
            lift(tf.stack([z, y], axis=-1)) + x,  # Eq. 2
            lift(tf.stack([-z, y], axis=-1)) - x,  # Eq. 3
            lift(tf.stack([-x, y], axis=-1)) + z,  # Eq. 4
        ],
        axis=-1,
    )


def continuous(lift: Lift, points: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Returns x + z dG/dx, [B, J, 1]: Eq. 15.

    The product of the Jacobian with the depths takes two backward passes: a
    gradient is linear in the weights of its outputs, and its derivative with
    respect to them is the product. `tf.autodiff.ForwardAccumulator` gives the
    same, but took minutes to compile under XLA.

    Args:
      lift: see the module; an example's depths must depend on it alone.
      points: [B, J, 2] the observed pose (x, y).
      mask: [B, J], 1 where the joint is seen; other joints do not move.
    """
    weights = tf.zeros_like(mask)
    with tf.GradientTape() as outer:
        outer.watch(weights)
        with tf.GradientTape() as inner:
            inner.watch(points)
            depth = lift(points)
        gradient = inner.gradient(depth, points, output_gradients=weights)
    moved = tf.stack([depth * mask, tf.zeros_like(depth)], axis=-1)
    product = outer.gradient(gradient, weights, output_gradients=moved)
    return points[..., :1] + product[..., tf.newaxis]
