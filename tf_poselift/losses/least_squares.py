"""Least-squares adversarial losses; one value per example, unweighted.

Mao et al. 2017, "Least Squares Generative Adversarial Networks", with the
targets 1 for real and 0 for fake that Yu 2021 has in Eq. 12 and 13. Logits are
unbounded.
"""

import tensorflow as tf


def discriminator_loss(
    real_logits: tf.Tensor, fake_logits: tf.Tensor
) -> tf.Tensor:
    """Returns (D(real) - 1)^2 + D(fake)^2, [B], for logits [B, 1]."""
    return (tf.square(real_logits - 1.0) + tf.square(fake_logits))[..., 0]


def generator_loss(fake_logits: tf.Tensor) -> tf.Tensor:
    """Returns (D(fake) - 1)^2, [B], for fake_logits [B, 1]."""
    return tf.square(fake_logits - 1.0)[..., 0]
