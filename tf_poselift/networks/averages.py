"""An exponential moving average of a network's weights.

Single checkpoints of adversarial lifters swing by 10 to 20 mm within a few
hundred steps; TIPSy-GAN 2022, Sec. 4.3, asks for an average over time.
"""

import keras
import tensorflow as tf


class Average:
    """The average of all weights of one network, batch norm's included.

    Keras's own (`use_ema` of an optimizer) leaves out batch norm's moving
    statistics, which do not fit averaged weights.

    Args:
      network: a built network.
      decay: how much of the average a step keeps, in (0, 1).

    Raises:
      ValueError: `decay` out of its range.
    """

    def __init__(self, network: keras.Model, decay: float):
        if not 0.0 < decay < 1.0:
            raise ValueError(
                "`average_decay` must be at least 0 and below 1 (0 switches "
                f"the average off). Received: {decay}."
            )
        self._decay = decay
        self._weights = network.weights
        self.variables = [
            keras.Variable(
                # Of a `tf.Variable` Keras would keep the variable itself.
                tf.convert_to_tensor(weight.value),
                trainable=False,
                dtype=weight.dtype,
                # The weights are the same on every replica, and so is this.
                aggregation="only_first_replica",
                name="average",
            )
            for weight in self._weights
        ]

    def update(self, step: tf.Tensor) -> None:
        """Moves the average towards the weights.

        Args:
          step: scalar integer, number of the step, from 0. Early on the decay
            is lower, (1 + step) / (10 + step), to forget the initial weights.
        """
        step = tf.cast(step, tf.float32)
        decay = tf.minimum(self._decay, (1.0 + step) / (10.0 + step))
        for average, weight in zip(self.variables, self._weights, strict=True):
            difference = tf.cast(weight.value, average.dtype) - average.value
            average.assign_add((1.0 - decay) * difference)

    def copy_to_network(self) -> None:
        """Overwrites the network's weights with the average."""
        for average, weight in zip(self.variables, self._weights, strict=True):
            weight.assign(average.value)
