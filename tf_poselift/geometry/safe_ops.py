"""Norms and quotients whose values and gradients stay finite at zero.

`tf.norm(x)` and `sqrt(sum(x**2))` have NaN gradients at 0; nothing that is
differentiated calls them.
"""

import tensorflow as tf


def norm(
    x: tf.Tensor, *, axis: int | tuple[int, ...] = -1, keepdims: bool = False
) -> tf.Tensor:
    """Returns the Euclidean norm along `axis`; at 0 value and gradient are 0.

    The square root never sees a zero: where the sum of squares is 0 it is
    replaced by 1 before the root and the result by 0 after it.
    """
    x = tf.convert_to_tensor(x)
    squared = tf.reduce_sum(tf.square(x), axis=axis, keepdims=keepdims)
    is_zero = squared <= 0.0
    root = tf.sqrt(tf.where(is_zero, tf.ones_like(squared), squared))
    return tf.where(is_zero, tf.zeros_like(root), root)


def divide(numerator: tf.Tensor, denominator: tf.Tensor) -> tf.Tensor:
    """Returns numerator / denominator, and 0 where the denominator is 0.

    There its gradients are 0 too (`tf.math.divide_no_nan`).
    """
    return tf.math.divide_no_nan(numerator, denominator)


def normalize(x: tf.Tensor, *, axis: int = -1) -> tf.Tensor:
    """Returns x scaled to unit length along `axis`; zero vectors stay zero."""
    return divide(x, norm(x, axis=axis, keepdims=True))
