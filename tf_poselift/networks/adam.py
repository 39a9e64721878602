"""Adam in one operation for each variable."""

import keras
import tensorflow as tf


class Adam(keras.optimizers.Adam):
    """Keras's, with its variables, by TensorFlow's own operation.

    Kingma and Ba 2015, Sec. 2, the order with alpha_t and epsilon hat, is what
    both compute. Keras makes 25 operations of it, and a method has more than a
    hundred variables: they were a fifth of what is traced before the first
    step, and two square roots of each took XLA 20 ms to read.

    Raises:
      ValueError: `amsgrad`, which the operation does not have.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.amsgrad:
            raise ValueError(
                "`amsgrad` must be False here; `keras.optimizers.Adam` has it."
                " Received: True."
            )

    def update_step(self, gradient, variable, learning_rate):
        """Updates one variable; Keras calls it, on each replica."""
        place = self._get_variable_index(variable)
        dtype = variable.dtype
        step = tf.cast(self.iterations.value + 1, dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[place].value.handle,
            v=self._velocities[place].value.handle,
            beta1_power=tf.pow(tf.constant(self.beta_1, dtype), step),
            beta2_power=tf.pow(tf.constant(self.beta_2, dtype), step),
            lr=tf.cast(learning_rate, dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.cast(gradient, dtype),
        )
