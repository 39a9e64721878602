"""A dense layer whose gradient XLA takes in at once."""

import keras
import tensorflow as tf


class Dense(keras.layers.Dense):
    """Keras's for [B, features], with its bias added as any other tensor.

    XLA takes 8 ms to read one gradient of `tf.nn.bias_add`, which Keras uses,
    and 0.4 ms for that of a sum: over all layers and lifts of a step up to a
    second before the first one. Not in training it stays Keras's: TensorFlow
    joins that with the product and the activation.
    """

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        if not training:
            return super().call(inputs)
        return tf.matmul(inputs, self.kernel) + tf.convert_to_tensor(self.bias)
