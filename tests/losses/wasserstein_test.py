import numpy as np
import pytest
import tensorflow as tf

from tf_poselift.losses import wasserstein


def linear(*weights: float):
    return lambda x: tf.reduce_sum(x * weights, axis=-1, keepdims=True)


def test_losses_by_hand():
    real, fake = tf.constant([[3.0], [1.0]]), tf.constant([[1.0], [5.0]])
    np.testing.assert_array_equal(
        wasserstein.critic_loss(real, fake), [-2.0, 4.0]
    )
    np.testing.assert_array_equal(wasserstein.lifter_loss(fake), [-1.0, -5.0])


def test_penalty_of_a_linear_critic():
    # |grad| = 5 everywhere: (5 - 1)^2.
    real, fake = tf.random.stateless_normal([2, 3, 2], seed=[1, 2])
    share = tf.constant([0.0, 0.5, 1.0])
    penalty = wasserstein.gradient_penalty(linear(3, 4), real, fake, share)
    np.testing.assert_allclose(penalty, [16.0] * 3, rtol=1e-6)
    penalty = wasserstein.gradient_penalty(linear(0.6, 0.8), real, fake, share)
    np.testing.assert_allclose(penalty, [0.0] * 3, atol=1e-6)


def test_penalty_is_taken_between_the_poses():
    # D = x^2 / 2 has the slope |x|: fake is at 1, real at 3.
    real, fake = tf.constant([[3.0]] * 3), tf.constant([[1.0]] * 3)
    penalty = wasserstein.gradient_penalty(
        lambda x: x**2 / 2, real, fake, tf.constant([0.0, 0.5, 1.0])
    )
    np.testing.assert_allclose(penalty, [0.0, 1.0, 4.0])


@pytest.mark.parametrize("weight", [0.0, 2.0])
def test_only_the_critic_gets_a_finite_gradient(weight):
    real, fake = tf.ones([2, 1]), tf.zeros([2, 1])
    weight = tf.constant(weight)
    with tf.GradientTape() as tape:
        tape.watch([weight, real, fake])
        penalty = wasserstein.gradient_penalty(
            lambda x: weight * x, real, fake, tf.constant([0.2, 0.7])
        )
    gradients = tape.gradient(penalty, [weight, real, fake])
    # d/dw of two times (w - 1)^2; at slope 0 there is no direction.
    assert float(gradients[0]) == pytest.approx(4.0 if weight else 0.0)
    assert gradients[1:] == [None, None]
