"""The residual fully connected network that lifters and critics share.

Martinez et al. 2017, "A simple yet effective baseline for 3d human pose
estimation", Fig. 2: a first dense layer to `width` units, residual blocks of
two dense layers, a last dense layer. Kudo 2018, Sec. 3.2, uses the same
without batch norm and dropout. `ResidualLayers` are the hidden layers alone,
for networks that branch.
"""

from collections.abc import Callable
from typing import Literal

import keras
import tensorflow as tf

from tf_poselift.networks import batch_norm as batch_norm_lib
from tf_poselift.networks import dense
from tf_poselift.networks import dropout as dropout_lib


class ResidualLayers(keras.Model):
    """Maps [B, F] features to [B, width] hidden features.

    Args:
      width: units of each hidden layer.
      blocks: residual blocks of two dense layers each.
      stem: whether a dense layer to `width` units comes first; without it the
        features are [B, width] already.
      negative_slope: slope of the (leaky) ReLU below zero; 0 is a ReLU.
      batch_norm: normalises after every hidden dense layer.
      layer_norm: normalises there within each example instead.
      dropout: share of hidden units dropped after every hidden layer.
      skip: "after" adds a block's input to its output (Martinez); "before"
        adds it to the block's last dense layer, ahead of the activation
        (Kudo's Fig. 2 and code: `h3 = act(l3(h2) + h1)`).
      initializer: makes a kernel initializer from `seed=`; every layer gets
        its own seed, since one seed draws the same numbers twice.
      seed: of the first layer.
      max_norm: bound on the norm of a unit's weights, or None.
    """

    def __init__(
        self,
        *,
        width: int,
        blocks: int,
        stem: bool = True,
        negative_slope: float = 0.0,
        batch_norm: bool = False,
        layer_norm: bool = False,
        dropout: float = 0.0,
        skip: Literal["before", "after"] = "after",
        initializer: Callable[..., keras.initializers.Initializer],
        seed: int,
        max_norm: float | None = None,
        name: str | None = None,
    ):
        super().__init__(name=name)
        if width < 1 or blocks < 0:
            raise ValueError(
                "`width` must be > 0 and `blocks` >= 0. Received: "
                f"{width}, {blocks}."
            )
        constraint = max_norm and keras.constraints.MaxNorm(max_norm)
        self.stem = stem
        self.skip = skip
        self.negative_slope = negative_slope
        # Networks without batch norm may be trained without XLA.
        kind = dense.Dense if batch_norm else keras.layers.Dense
        self.hidden = [
            kind(
                width,
                kernel_initializer=initializer(seed=seed + i),
                kernel_constraint=constraint,
            )
            for i in range(stem + 2 * blocks)
        ]
        self.norms = [
            batch_norm_lib.BatchNormalization(momentum=0.9, epsilon=1e-5)
            if batch_norm
            else keras.layers.LayerNormalization(epsilon=1e-5)
            for _ in self.hidden
            if batch_norm or layer_norm
        ]
        self.dropouts = [
            dropout_lib.Dropout(dropout, seed=seed + i)
            for i in range(len(self.hidden) if dropout else 0)
        ]

    def call(self, features: tf.Tensor, training: bool = False) -> tf.Tensor:
        x = self._hidden(0, features, training) if self.stem else features
        for first in range(int(self.stem), len(self.hidden), 2):
            y = self._hidden(first, x, training)
            if self.skip == "before":
                x = self._hidden(first + 1, y, training, plus=x)
            else:
                x = x + self._hidden(first + 1, y, training)
        return x

    def _hidden(self, i, x, training, plus=None):
        x = self.hidden[i](x, training=training)
        if self.norms:
            x = self.norms[i](x, training=training)
        if plus is not None:
            x = x + plus
        if training and not self.norms:
            x = _leaky_relu(x, self.negative_slope)
        else:
            x = keras.ops.leaky_relu(x, self.negative_slope)
        return self.dropouts[i](x, training=training) if self.dropouts else x


def _leaky_relu(x: tf.Tensor, slope: float) -> tf.Tensor:
    """A leaky ReLU whose gradient is taken from its result.

    Its sign is that of `x`. TensorFlow's takes it from `x`, and joins an
    activation with the product before it, in one pass over memory, only where
    nothing else needs `x`.
    """

    @tf.custom_gradient
    def activation(x):
        y = tf.nn.leaky_relu(x, slope)
        return y, lambda gradient: tf.raw_ops.LeakyReluGrad(
            gradients=gradient, features=y, alpha=slope
        )

    return activation(x)


class ResidualNetwork(ResidualLayers):
    """Maps [B, F] features to [B, outputs] float32.

    Args:
      outputs: number of outputs.
      initializer: as in `ResidualLayers`; of the last layer, too.
      seed: of the first layer.
      max_norm: bound on the norm of a unit's weights, or None.
      **kwargs: what else `ResidualLayers` takes.
    """

    def __init__(
        self,
        outputs: int,
        *,
        initializer: Callable[..., keras.initializers.Initializer],
        seed: int,
        max_norm: float | None = None,
        **kwargs,
    ):
        super().__init__(
            initializer=initializer, seed=seed, max_norm=max_norm, **kwargs
        )
        self.last = keras.layers.Dense(
            outputs,
            kernel_initializer=initializer(seed=seed + len(self.hidden)),
            kernel_constraint=max_norm and keras.constraints.MaxNorm(max_norm),
            dtype="float32",
        )

    def call(self, features: tf.Tensor, training: bool = False) -> tf.Tensor:
        x = super().call(features, training)
        return self.last(tf.cast(x, tf.float32))
