"""The generator of SVMA 2021: depths and a camera from one 2D pose."""

import keras
import numpy as np
import tensorflow as tf

from tf_poselift.networks import residual


class Generator(keras.Model):
    """Maps [B, F] features to depths [B, J] and cameras [B, 2, 3], float32.

    Sec. 3.2: a fully connected layer and a residual block that both parts
    share, then for each part two residual blocks and a fully connected layer.

    Args:
      joints: number of depths J.
      scale: the camera starts as scale [I | 0], which looks straight at the
        pose.
      initializer: makes a kernel initializer from `seed=`.
      seed: of the first layer.
      **layers: what else the three `ResidualLayers` have in common.
    """

    def __init__(
        self,
        joints: int,
        *,
        scale: float,
        initializer,
        seed: int,
        name: str | None = None,
        **layers,
    ):
        super().__init__(name=name)
        self.shared, self.depth_layers, self.camera_layers = (
            residual.ResidualLayers(
                stem=first == 0,
                blocks=1 if first == 0 else 2,
                initializer=initializer,
                seed=seed + first,
                **layers,
            )
            for first in (0, 100, 200)
        )
        self.depth = keras.layers.Dense(
            joints,
            kernel_initializer=initializer(seed=seed + 300),
            dtype="float32",
        )
        self.camera = keras.layers.Dense(
            6,
            kernel_initializer="zeros",
            bias_initializer=keras.initializers.Constant(
                scale * np.eye(2, 3).flatten()
            ),
            dtype="float32",
        )

    def call(
        self, features: tf.Tensor, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        x = self.shared(features, training=training)
        depth = self.depth(self.depth_layers(x, training=training))
        camera = self.camera(self.camera_layers(x, training=training))
        return depth, tf.reshape(camera, [-1, 2, 3])
