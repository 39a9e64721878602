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
        # XLA makes the same of it as of `tf.math.rsqrt`, which takes it 9 ms to
        # read, once for every layer and lift.
        inverse = tf.pow(variance + self.epsilon, -0.5)
        outputs = _normalization(mean, inverse, inputs.shape[0])(
            inputs,
            tf.convert_to_tensor(self.gamma),
            tf.convert_to_tensor(self.beta),
        )
        return tf.cast(outputs, self.compute_dtype)


def _normalization(mean, inverse, size):
    """gamma (x - mean) inverse + beta of (x, gamma, beta).

    `mean` and `inverse`, 1 / deviation, are those of x itself: how they depend
    on it is in the gradient by x. They are no arguments, since TensorFlow makes
    a gradient of zeros for each.
    """

    @tf.custom_gradient
    def normalize(inputs, gamma, beta):
        normalized = (inputs - mean) * inverse
        count = tf.shape(inputs)[0] if size is None else size
        factor = gamma * inverse
        share = factor / tf.cast(count, inputs.dtype)

        def gradient(upstream):
            of_beta = tf.reduce_sum(upstream, axis=0)
            of_gamma = tf.reduce_sum(upstream * normalized, axis=0)
            through = share * of_beta + share * of_gamma * normalized
            return factor * upstream - through, of_gamma, of_beta

        return normalized * gamma + beta, gradient

    return normalize
