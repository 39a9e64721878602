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


def lifter_factor(
    fake_logits: tf.Tensor, *, saturating: bool = False
) -> tf.Tensor:
    """Returns how the two losses' derivatives by a fake's logit differ.

    That of `non_saturating_loss` (or `saturating_loss`) over that of
    `discriminator_loss`: -D(-l) / D(l) = -exp(-l) (or -1), [B].

    The discriminator's own vanishes as exp(l): below -60, where float32 still
    has both, the factor stays what it is there.

    Args:
      fake_logits: [B, 1].
      saturating: which of the lifter's losses.
    """
    logits = tf.maximum(fake_logits[..., 0], -60.0)
    return -tf.ones_like(logits) if saturating else -tf.exp(-logits)


def accuracy(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """Returns per example the share of its two poses told right, [B]."""
    right = tf.cast(real_logits > 0.0, tf.float32) + tf.cast(
        fake_logits < 0.0, tf.float32
    )
    return 0.5 * right[..., 0]
