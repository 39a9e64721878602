"""Losses of Yu 2021; each returns one value per example, unweighted."""

import tensorflow as tf

from tf_poselift import checks
from tf_poselift.geometry import safe_ops

_MIN_DEVIATION = 1e-4  # of a batch of equal scales, whose logarithm is -inf


def pose_error(
    predicted: tf.Tensor, target: tf.Tensor, mask: tf.Tensor, *, norm: str
) -> tf.Tensor:
    """Returns how far two poses are apart, [...]; Eq. 11.

    Args:
      predicted: [..., J, D].
      target: [..., J, D].
      mask: [..., J], 1 where the joint is seen.
      norm: "distance": the mean over the seen joints of |difference|;
        "squared": the sum over them of |difference|^2.
    """
    return _over_joints(safe_ops.norm(predicted - target), mask, norm)


def motion_error(
    joints: tf.Tensor, returned: tf.Tensor, mask: tf.Tensor, *, norm: str
) -> tf.Tensor:
    """Returns `pose_error` of J_t - J_t+k and J~_t - J~_t+k, [B]; Eq. 9.

    Args:
      joints: [B, 2, J, 3], lifted from the frames t and t + k.
      returned: [B, 2, J, 3], the same lifted again in another view and turned
        back.
      mask: [B, 2, J]; a joint counts where both frames show it.
      norm: see `pose_error`.
    """
    return pose_error(
        joints[:, 0] - joints[:, 1],
        returned[:, 0] - returned[:, 1],
        mask[:, 0] * mask[:, 1],
        norm=norm,
    )


def bone_error(
    joints: tf.Tensor,
    mask: tf.Tensor,
    bones: tuple[tuple[int, int], ...],
    *,
    norm: str,
) -> tf.Tensor:
    """Returns how much the bones' lengths differ, [B]; Eq. 5.

    Args:
      joints: [B, 2, J, 3], of the frames t and t + l.
      mask: [B, 2, J]; a bone counts where both frames show both its ends.
      bones: pairs of joint indices.
      norm: see `pose_error`, of bones instead of joints.
    """
    checks.check_shape("joints", joints, (2, None, 3))
    ends = tf.gather(joints, bones, axis=-2)  # [B, 2, bones, 2, 3]
    lengths = safe_ops.norm(ends[..., 0, :] - ends[..., 1, :])
    seen = tf.reduce_prod(tf.gather(mask, bones, axis=-1), axis=(1, -1))
    return _over_joints(tf.abs(lengths[:, 0] - lengths[:, 1]), seen, norm)


def _over_joints(distances, mask, norm):
    if norm == "squared":
        return tf.reduce_sum(tf.square(distances) * mask, axis=-1)
    total = tf.reduce_sum(distances * mask, axis=-1)
    return safe_ops.divide(total, tf.reduce_sum(mask, axis=-1))


def scale_sums(scale: tf.Tensor, valid: tf.Tensor, *, mean: float) -> tf.Tensor:
    """Returns how many valid scales, and how far from the prior, [3].

    That is their count, the sum of scale - mean and that of its square: about
    a mean that is near, squares lose no digits.

    Args:
      scale: [B, F], F scales of each example.
      valid: [B] bool.
      mean: of the prior.
    """
    offset = scale - mean
    counted = tf.cast(valid, tf.float32)[:, tf.newaxis] * tf.ones_like(scale)
    powers = [tf.ones_like(scale), offset, tf.square(offset)]
    return tf.stack([tf.reduce_sum(counted * power) for power in powers])


def kl_to_prior(
    scale: tf.Tensor, sums: tf.Tensor, *, mean: float, deviation: float
) -> tf.Tensor:
    """Returns values [B] whose mean over the valid examples is Eq. 4.

    KL(N(m, s) || N(mean, deviation)) = log(deviation / s)
    + (s^2 + (mean - m)^2) / (2 deviation^2) - 1/2, where m and s are mean and
    deviation of the batch's scales. s^2 + (mean - m)^2 is the mean of
    (scale - mean)^2. log s is that of the global batch, no value of one
    example: with m and s held constant, log s + (scale - m)^2 / (2 s^2) - 1/2
    has the same mean and the same gradient.

    Args:
      scale: [B, F], F scales of each example.
      sums: [3], `scale_sums` of the global batch.
      mean: of the prior.
      deviation: of the prior.
    """
    count, total, squares = tf.unstack(tf.stop_gradient(sums))
    centre = safe_ops.divide(total, count)
    variance = safe_ops.divide(squares, count) - tf.square(centre)
    variance = tf.maximum(variance, _MIN_DEVIATION**2)
    own = tf.reduce_mean(tf.square(scale - mean - centre), axis=-1)
    spread = tf.reduce_mean(tf.square(scale - mean), axis=-1)
    log_deviation = 0.5 * tf.math.log(variance) + 0.5 * own / variance - 0.5
    return (
        tf.math.log(deviation)
        - log_deviation
        + spread / (2.0 * deviation**2)
        - 0.5
    )
