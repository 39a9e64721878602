import numpy as np
import tensorflow as tf

from tf_poselift.losses import least_squares

REAL = tf.constant([[1.0], [0.4], [2.0]])
FAKE = tf.constant([[0.0], [0.7], [-1.0]])


def test_losses_by_hand():
    # (D(real) - 1)^2 + D(fake)^2: 0 + 0, 0.36 + 0.49, 1 + 1.
    np.testing.assert_allclose(
        least_squares.discriminator_loss(REAL, FAKE),
        [0.0, 0.85, 2.0],
        rtol=1e-6,
    )
    # (D(fake) - 1)^2.
    np.testing.assert_allclose(
        least_squares.generator_loss(FAKE), [1.0, 0.09, 4.0], rtol=1e-5
    )


def test_the_generator_pulls_logits_to_1_from_both_sides():
    logits = tf.constant([[0.5], [1.0], [1.5]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = tf.reduce_sum(least_squares.generator_loss(logits))
    gradient = tape.gradient(loss, logits)
    np.testing.assert_allclose(gradient[:, 0], [-1.0, 0.0, 1.0])
