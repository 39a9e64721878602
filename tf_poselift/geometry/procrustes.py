"""The similarity transform that fits one set of points to another best."""

from typing import NamedTuple

import tensorflow as tf

from tf_poselift import checks
from tf_poselift.geometry import rotations
from tf_poselift.geometry import safe_ops


class Similarity(NamedTuple):
    """`target ~ scale * (rotation @ source) + translation`.

    Attributes:
      scale: [...].
      rotation: [..., 3, 3].
      translation: [..., 3].
    """

    scale: tf.Tensor
    rotation: tf.Tensor
    translation: tf.Tensor


def similarity(
    source: tf.Tensor,
    target: tf.Tensor,
    *,
    reflection: bool = False,
    weights: tf.Tensor | None = None,
) -> Similarity:
    """Returns the least-squares similarity from source to target points.

    Umeyama 1991 (Least-squares estimation of transformation parameters between
    two point patterns). Computed in float64. Points that coincide give scale 0
    and the identity or any other rotation.

    Args:
      source: [..., J, 3].
      target: [..., J, 3], of the same shape.
      reflection: allow a mirrored fit (det R = -1) where it is better.
      weights: [..., J], >= 0; 0 leaves a point out (its coordinates must be
        finite all the same). None: all equal.

    Raises:
      ValueError: if the shapes are not those above.
    """
    source = tf.convert_to_tensor(source)
    checks.check_shape("source", source, (None, 3))
    checks.check_shape("target", target, source.shape[-2:])
    dtype = source.dtype
    source = tf.cast(source, tf.float64)
    target = tf.cast(target, tf.float64)
    if weights is None:
        weights = tf.ones_like(source[..., 0])
    checks.check_shape("weights", weights, source.shape[-2:-1])
    weights = tf.cast(weights, tf.float64)[..., tf.newaxis]

    total = tf.reduce_sum(weights, axis=-2, keepdims=True)
    weights = safe_ops.divide(weights, total)
    source_mean = tf.reduce_sum(weights * source, axis=-2, keepdims=True)
    target_mean = tf.reduce_sum(weights * target, axis=-2, keepdims=True)
    source -= source_mean
    target -= target_mean

    covariance = tf.linalg.matmul(weights * target, source, transpose_a=True)
    singular, left, right = tf.linalg.svd(covariance)
    last = tf.ones_like(singular[..., 0])
    if not reflection:
        mirrored = _determinant(left) * _determinant(right) < 0.0
        last = tf.where(mirrored, -last, last)
    sign = tf.stack([tf.ones_like(last), tf.ones_like(last), last], axis=-1)
    rotation = tf.linalg.matmul(
        left * sign[..., tf.newaxis, :], right, transpose_b=True
    )
    scale = safe_ops.divide(
        tf.reduce_sum(singular * sign, axis=-1),
        tf.reduce_sum(weights * tf.square(source), axis=(-2, -1)),
    )
    rotated_mean = tf.linalg.matvec(rotation, source_mean[..., 0, :])
    translation = target_mean[..., 0, :] - scale[..., tf.newaxis] * rotated_mean
    return Similarity(
        tf.cast(scale, dtype),
        tf.cast(rotation, dtype),
        tf.cast(translation, dtype),
    )


def align(
    source: tf.Tensor,
    target: tf.Tensor,
    *,
    reflection: bool = False,
    weights: tf.Tensor | None = None,
) -> tf.Tensor:
    """Returns `source` moved onto `target` by their `similarity`, [..., J, 3].

    Takes what `similarity` takes.
    """
    fit = similarity(source, target, reflection=reflection, weights=weights)
    rotated = rotations.rotate(source, fit.rotation)
    scale = fit.scale[..., tf.newaxis, tf.newaxis]
    return scale * rotated + fit.translation[..., tf.newaxis, :]


def _determinant(matrix: tf.Tensor) -> tf.Tensor:
    """Of [..., 3, 3]; XLA has no `tf.linalg.det`."""
    a, b, c = tf.unstack(matrix, axis=-2)
    return tf.reduce_sum(tf.linalg.cross(a, b) * c, axis=-1)
