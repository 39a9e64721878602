"""Wasserstein losses with gradient penalty; each [B], unweighted.

Gulrajani et al. 2017, "Improved Training of Wasserstein GANs", as SVMA 2021,
Eq. 10, uses them; what it prints has lost the norm and the square of the
penalty. A critic's output is unbounded: high for what looks real.
"""

from collections.abc import Callable

import tensorflow as tf

from tf_poselift.geometry import safe_ops


def critic_loss(real_scores: tf.Tensor, fake_scores: tf.Tensor) -> tf.Tensor:
    """Returns D(fake) - D(real), which the critic minimises.

    Args:
      real_scores: [B, 1], of observed poses.
      fake_scores: [B, 1], of rotated and projected predictions.

    Returns:
      [B].
    """
    return (fake_scores - real_scores)[..., 0]


def lifter_loss(fake_scores: tf.Tensor) -> tf.Tensor:
    """Returns -D(fake), [B], for fake_scores [B, 1]."""
    return -fake_scores[..., 0]


def gradient_penalty(
    critic: Callable[[tf.Tensor], tf.Tensor],
    real: tf.Tensor,
    fake: tf.Tensor,
    share: tf.Tensor,
) -> tf.Tensor:
    """Returns (|grad D(x_hat)| - 1)^2, x_hat = fake + share (real - fake).

    Only the critic gets a gradient from it, the poses do not. It must treat
    every example by itself: with batch norm the gradient of one would depend
    on the others.

    Args:
      critic: maps [B, F] to [B, 1].
      real: [B, F].
      fake: [B, F].
      share: [B] in [0, 1], uniform.

    Returns:
      [B].
    """
    mixed = tf.stop_gradient(fake + share[:, tf.newaxis] * (real - fake))
    with tf.GradientTape() as tape:
        tape.watch(mixed)
        scores = critic(mixed)
    slope = safe_ops.norm(tape.gradient(scores, mixed))
    return tf.square(slope - 1.0)
