"""Adversarial losses; each returns one value per example, unweighted."""

import tensorflow as tf


def discriminator_loss(
    real_logits: tf.Tensor,
    fake_logits: tf.Tensor,
    *,
    flipped: tf.Tensor | None = None,
) -> tf.Tensor:
    """Returns -log D(real) - log(1 - D(fake)), D = sigmoid(logit).

    Kudo 2018, Eq. 2, and TIPSy-GAN 2022, Eq. 5, which the discriminator
    maximises.

    Args:
      real_logits: [B, 1], on observed poses.
      fake_logits: [B, 1], on rotated and projected predictions.
      flipped: [B] bool; where true, the two labels are exchanged (label
        flipping, TIPSy-GAN 2022, Sec. 3.6).

    Returns:
      [B].
    """
    real, fake = real_logits[..., 0], fake_logits[..., 0]
    if flipped is not None:
        real, fake = (
            tf.where(flipped, fake, real),
            tf.where(flipped, real, fake),
        )
    return tf.nn.softplus(-real) + tf.nn.softplus(fake)


def non_saturating_loss(fake_logits: tf.Tensor) -> tf.Tensor:
    """Returns -log D(fake), [B], for fake_logits [B, 1].

    What the authors' code of Kudo 2018 minimises: Eq. 2's own term saturates
    where the discriminator is sure (Goodfellow et al. 2014, Sec. 3).
    """
    return tf.nn.softplus(-fake_logits)[..., 0]


def saturating_loss(fake_logits: tf.Tensor) -> tf.Tensor:
    """Returns log(1 - D(fake)), [B]: Kudo 2018, Eq. 2, as printed."""
    return -tf.nn.softplus(fake_logits)[..., 0]


def accuracy(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """Returns per example the share of its two poses told right, [B]."""
    right = tf.cast(real_logits > 0.0, tf.float32) + tf.cast(
        fake_logits < 0.0, tf.float32
    )
    return 0.5 * right[..., 0]
