"""Losses on poses themselves; each returns one value per example."""

import tensorflow as tf

from tf_poselift import checks
from tf_poselift import skeletons
from tf_poselift.geometry import safe_ops


def facing_sine(joints_3d: tf.Tensor, facing: skeletons.Facing) -> tf.Tensor:
    """Returns the sine of the angle between face and shoulders, [...].

    sin(beta) = (v_z w_x - v_x w_z) / (|v| |w|) on the z-x plane, with
    v = neck -> nose and w = right -> left shoulder (SVMA 2021, Eq. 15; Kudo
    2018, Eq. 3, prints `v_x w_x - v_z w_z`, a slip).

    In camera space (x right, y down, z forward) it is negative for people and
    positive for their depth mirror: facing the camera, v points towards it
    (v_z < 0) and the left shoulder is to the right of the right one (w_x > 0).

    Args:
      joints_3d: [..., J, 3] in camera axes, any unit.
      facing: joint indices; where there are several, their mean counts.

    Returns:
      [...] in [-1, 1]; 0 where one of the two vectors has no length in the
      z-x plane.
    """
    checks.check_shape("joints_3d", joints_3d, (None, 3))
    v = _mean(joints_3d, facing.front) - _mean(joints_3d, facing.back)
    w = _mean(joints_3d, facing.left) - _mean(joints_3d, facing.right)
    v = safe_ops.normalize(tf.gather(v, [0, 2], axis=-1))
    w = safe_ops.normalize(tf.gather(w, [0, 2], axis=-1))
    return v[..., 1] * w[..., 0] - v[..., 0] * w[..., 1]


def _mean(points: tf.Tensor, joints: tuple[int, ...]) -> tf.Tensor:
    return tf.add_n([points[..., j, :] for j in joints]) / len(joints)


def facing_loss(
    joints_3d: tf.Tensor, mask: tf.Tensor, facing: skeletons.Facing
) -> tf.Tensor:
    """Returns max(0, sin(beta)): Kudo 2018, Eq. 3, in our axes.

    Args:
      joints_3d: [..., J, 3] in camera axes, any unit.
      mask: [..., J], 1 where the joint is seen; the loss is 0 if one of the
        joints of the rule is not.
      facing: joint indices.

    Returns:
      [...] in [0, 1].
    """
    seen = tf.reduce_min(tf.gather(mask, facing.joints, axis=-1), axis=-1)
    return seen * tf.nn.relu(facing_sine(joints_3d, facing))


def require_facing(skeleton: skeletons.Skeleton) -> skeletons.Facing:
    """Returns the skeleton's facing rule; ValueError if it has none."""
    if skeleton.facing is None:
        raise ValueError(
            "The facing loss needs a skeleton with a `facing` rule. Received: "
            f"`{skeleton.name}`. Without it nothing tells a pose from its "
            "depth mirror. Give the skeleton `facing` with `back`, `front`, "
            "`right` and `left` (docs/skeletons.md), or switch the loss off "
            "with `--config=facing_weight=0`."
        )
    return skeleton.facing


def joint_error(
    predicted: tf.Tensor, truth: tf.Tensor, mask: tf.Tensor, *, power: int
) -> tf.Tensor:
    """Returns the mean over seen joints of |difference|^power, [B].

    Args:
      predicted: [..., J, D].
      truth: [..., J, D].
      mask: [..., J], 1 where the joint counts.
      power: 1 (absolute) or 2 (squared), summed over D.
    """
    difference = tf.abs(predicted - truth) ** power
    per_joint = tf.reduce_sum(difference, axis=-1)
    return safe_ops.divide(
        tf.reduce_sum(per_joint * mask, axis=-1), tf.reduce_sum(mask, axis=-1)
    )
