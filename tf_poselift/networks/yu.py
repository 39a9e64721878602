"""The three networks of Yu 2021, Sec. 3.4.

Residual blocks with batch norm as in their reference [23], Martinez et al.
2017; none in the discriminator.
"""

import functools

import keras
import tensorflow as tf

from tf_poselift.networks import residual

# PyTorch's default, uniform within 1 / sqrt(inputs); ours.
_INITIALIZER = functools.partial(
    keras.initializers.VarianceScaling,
    scale=1.0 / 3.0,
    mode="fan_in",
    distribution="uniform",
)
_MAX_LOG_SCALE = 3.0  # S lies in 1/20 to 20


class ScaleNetwork(residual.ResidualNetwork):
    """Maps [B, F] features to S > 0, [B, 1]."""

    def call(self, features: tf.Tensor, training: bool = False) -> tf.Tensor:
        output = super().call(features, training)
        return tf.exp(tf.clip_by_value(output, -_MAX_LOG_SCALE, _MAX_LOG_SCALE))


def build(
    name: str, config, joints: int, seed: int
) -> residual.ResidualNetwork:
    """Returns the `lifter`, the `scale` module or the `discriminator`.

    Args:
      name: which.
      config: that of `methods.yu2021`.
      joints: the lifter's outputs; the others have one.
      seed: of the first layer.
    """
    network = ScaleNetwork if name == "scale" else residual.ResidualNetwork
    return network(
        joints if name == "lifter" else 1,
        width=config.width,
        blocks=getattr(config, f"{name}_blocks"),
        batch_norm=name != "discriminator",
        dropout=config.dropout,
        initializer=_INITIALIZER,
        seed=seed,
        name=name,
    )
