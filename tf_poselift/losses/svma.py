"""Losses of SVMA 2021 on poses and its weak-perspective camera; each [B].

N joints are counted where they are seen. K is the paper's camera,
`camera_matrix` [B, 2, 3]: the first two rows of a scaled rotation.
"""

import itertools

import tensorflow as tf

from tf_poselift import checks
from tf_poselift import skeletons
from tf_poselift.geometry import safe_ops


def pose_distance(
    first: tf.Tensor, second: tf.Tensor, mask: tf.Tensor
) -> tf.Tensor:
    """Returns |first - second|_2 / N, over joints and axes; Eq. 7.

    Args:
      first: [B, J, 3].
      second: [B, J, 3].
      mask: [B, J], 1 where the joint is seen.
    """
    difference = (first - second) * mask[..., tf.newaxis]
    return safe_ops.divide(
        safe_ops.norm(difference, axis=(-2, -1)), _joints(mask)
    )


def camera_distance(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """Returns |first - second|_1 / 6 of two cameras [B, 2, 3]; Eq. 8."""
    return tf.reduce_mean(tf.abs(first - second), axis=(-2, -1))


def reprojection_distance(
    reprojections: tf.Tensor, mask: tf.Tensor
) -> tf.Tensor:
    """Returns the sum over i < j of |P_i - P_j|_2 / (m N): half of Eq. 9.

    Args:
      reprojections: [B, m, J, 2], 2D poses that should be one and the same.
      mask: [B, J], 1 where the joint is seen.
    """
    checks.check_shape("reprojections", reprojections, (None, None, 2))
    count = reprojections.shape[-3]
    first, second = zip(*itertools.combinations(range(count), 2), strict=True)
    seen = reprojections * mask[:, tf.newaxis, :, tf.newaxis]
    difference = tf.gather(seen, first, axis=1) - tf.gather(
        seen, second, axis=1
    )
    total = tf.reduce_sum(safe_ops.norm(difference, axis=(-2, -1)), axis=-1)
    return safe_ops.divide(total, count * _joints(mask))


def camera_loss(camera_matrix: tf.Tensor) -> tf.Tensor:
    """Returns |2 / trace(K K^T) K K^T - I|_F, 0 for a scaled rotation.

    The first term of Eq. 13, which prints K K^2 for K K^T. Its L_eq is
    `camera_distance`.

    Args:
      camera_matrix: [B, 2, 3].
    """
    checks.check_shape("camera_matrix", camera_matrix, (2, 3))
    # Not a matrix product, which GPUs would round to 10 bits (TF32).
    product = tf.reduce_sum(
        camera_matrix[..., :, tf.newaxis, :]
        * camera_matrix[..., tf.newaxis, :, :],
        axis=-1,
    )
    trace = tf.linalg.trace(product)[..., tf.newaxis, tf.newaxis]
    excess = safe_ops.divide(2.0 * product, trace) - tf.eye(2)
    return safe_ops.norm(excess, axis=(-2, -1))


def symmetry_loss(
    joints_3d: tf.Tensor, mask: tf.Tensor, skeleton: skeletons.Skeleton
) -> tf.Tensor:
    """Returns the mean of (left - right bone length)^2; Eq. 14.

    Args:
      joints_3d: [B, J, 3].
      mask: [B, J], 1 where the joint is seen; pairs of bones count that are
        seen whole.
      skeleton: J joints, with `symmetric_bones`.
    """
    pairs = [
        [skeleton.bones[bone] for bone in pair]
        for pair in skeleton.symmetric_bones
    ]
    # [q, left or right, parent or child], as joints.
    bones = tf.gather(joints_3d, pairs, axis=1)
    seen = tf.reduce_min(tf.gather(mask, pairs, axis=1), axis=(-2, -1))
    length = safe_ops.norm(bones[..., 1, :] - bones[..., 0, :])
    difference = tf.square(length[..., 0] - length[..., 1])
    return safe_ops.divide(
        tf.reduce_sum(difference * seen, axis=-1), tf.reduce_sum(seen, axis=-1)
    )


def require_symmetry(skeleton: skeletons.Skeleton) -> None:
    """Raises ValueError if the skeleton has no mirrored bones."""
    if not skeleton.symmetric_bones:
        raise ValueError(
            "The bone symmetry loss needs a skeleton with `pairs` of left and "
            f"right joints. Received: `{skeleton.name}`, without. Give it "
            "`pairs`, or switch the loss off with "
            "`--config=symmetry_weight=0`."
        )


def _joints(mask: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(mask, axis=-1)
