import math

import numpy as np
import pytest
import tensorflow as tf

from tf_poselift.losses import adversarial

LOG_2 = math.log(2.0)


def test_undecided_discriminator_has_loss_two_log_two():
    zero = tf.zeros([3, 1])
    np.testing.assert_allclose(
        adversarial.discriminator_loss(zero, zero), [2 * LOG_2] * 3, rtol=1e-6
    )


def test_losses_by_hand():
    # D = sigmoid(log 3) = 3/4.
    logit = tf.constant([[math.log(3.0)]])
    assert adversarial.non_saturating_loss(logit).numpy() == pytest.approx(
        [-math.log(0.75)]
    )
    assert adversarial.saturating_loss(logit).numpy() == pytest.approx(
        [math.log(0.25)]
    )
    assert adversarial.discriminator_loss(logit, -logit).numpy() == (
        pytest.approx([-2 * math.log(0.75)])
    )


def test_both_lifter_losses_push_the_logit_up():
    logit = tf.constant([[-4.0]])
    slopes = []
    for loss in (
        adversarial.non_saturating_loss,
        adversarial.saturating_loss,
    ):
        with tf.GradientTape() as tape:
            tape.watch(logit)
            value = loss(logit)
        slopes.append(float(tape.gradient(value, logit)[0, 0]))
    # d/dx softplus(-x) = -sigmoid(-x); d/dx -softplus(x) = -sigmoid(x).
    assert slopes == pytest.approx([-0.982014, -0.0179862], rel=1e-4)


def test_finite_far_out():
    logits = tf.constant([[1e4], [-1e4]])
    for value in (
        adversarial.discriminator_loss(logits, -logits),
        adversarial.non_saturating_loss(logits),
        adversarial.saturating_loss(logits),
    ):
        assert np.isfinite(value).all()


def test_accuracy_counts_each_side_half():
    real = tf.constant([[1.0], [1.0], [-1.0], [-1.0]])
    fake = tf.constant([[-1.0], [1.0], [-1.0], [1.0]])
    np.testing.assert_array_equal(
        adversarial.accuracy(real, fake), [1.0, 0.5, 0.5, 0.0]
    )


def test_flipped_labels_exchange_the_two_poses():
    # -2 log(3/4) where the discriminator is right, -2 log(1/4) where the
    # labels say that it is wrong.
    logit = tf.constant([[math.log(3.0)]] * 2)
    loss = adversarial.discriminator_loss(
        logit, -logit, flipped=tf.constant([False, True])
    )
    np.testing.assert_allclose(
        loss, [-2 * math.log(0.75), -2 * math.log(0.25)], rtol=1e-6
    )


@pytest.mark.parametrize("saturating", [False, True])
def test_lifter_factor_is_the_ratio_of_the_derivatives(saturating):
    logits = tf.constant([[-30.0], [-3.0], [0.0], [2.0], [12.0]])
    lifter_loss = (
        adversarial.saturating_loss
        if saturating
        else adversarial.non_saturating_loss
    )
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        lifter = lifter_loss(logits)
        real = tf.zeros_like(logits)
        discriminator = adversarial.discriminator_loss(real, logits)
    factor = adversarial.lifter_factor(logits, saturating=saturating)
    np.testing.assert_allclose(
        tape.gradient(discriminator, logits)[:, 0] * factor,
        tape.gradient(lifter, logits)[:, 0],
        rtol=1e-5,
    )


def test_lifter_factor_stays_finite():
    factor = adversarial.lifter_factor(tf.constant([[-60.0], [-1e4], [1e4]]))
    np.testing.assert_allclose(factor, [-np.exp(60.0)] * 2 + [0.0], rtol=1e-5)
