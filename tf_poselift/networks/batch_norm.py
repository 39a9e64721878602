"""Batch norm with its gradient written out (Ioffe and Szegedy 2015, Sec. 3)."""

import keras
import tensorflow as tf


class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's for [B, features], in half the operations.

    Derived step by step, a layer has 60 operations, and a method has tens of
    these layers: building and compiling them is a good part of the time before
    the first step. And within a stateless scope, what is kept of this batch
    would pass gradients on to a later call that is not in training.
    """

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Normalises every feature of [B, features] over the batch."""
        if not training or not self.trainable:
            return super().call(inputs, training=False)
        # Float32 as Keras's, whatever the policy.
        inputs = tf.cast(inputs, tf.float32)
        mean, variance = tf.nn.moments(tf.stop_gradient(inputs), axes=[0])
        for kept, new in (
            (self.moving_mean, mean),
            (self.moving_variance, variance),
        ):
            kept.assign(kept * self.momentum + new * (1.0 - self.momentum))
        outputs = _normalize(
            inputs,
            mean,
            tf.math.rsqrt(variance + self.epsilon),
            tf.convert_to_tensor(self.gamma),
            tf.convert_to_tensor(self.beta),
        )
        return tf.cast(outputs, self.compute_dtype)


@tf.custom_gradient
def _normalize(inputs, mean, inverse, gamma, beta):
    """gamma (x - mean) inverse + beta; x's own `mean`, 1 / deviation `inverse`.

    How these two depend on x is in the gradient by x.
    """
    normalized = (inputs - mean) * inverse

    def gradient(upstream):
        of_beta = tf.reduce_sum(upstream, axis=0)
        of_gamma = tf.reduce_sum(upstream * normalized, axis=0)
        size = tf.cast(tf.shape(inputs)[0], inputs.dtype)
        factor = gamma * inverse
        shift, slope = factor * of_beta / size, factor * of_gamma / size
        of_inputs = factor * upstream - (shift + slope * normalized)
        return of_inputs, None, None, of_gamma, of_beta

    return normalized * gamma + beta, gradient
