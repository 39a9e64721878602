import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_poselift.networks import adam

SETTINGS = {"beta_1": 0.5, "beta_2": 0.99, "epsilon": 1e-8}


def gradients_of(step):
    draw = np.random.default_rng(step).normal
    return [tf.constant(draw(size=s), tf.float32) for s in ((3, 2), (2,))]


def train(kind, steps, *, wrap=lambda f: f, scope=None, **settings):
    """Weights and the optimizer's variables after some updates."""
    with scope.scope() if scope else contextlib.nullcontext():
        variables = [
            keras.Variable(tf.ones([3, 2])), keras.Variable(tf.zeros([2]))
        ]  # fmt: skip
        optimizer = kind(**SETTINGS | settings)
        optimizer.build(variables)
    update = wrap(lambda *gradients: optimizer.apply(gradients, variables))
    for step in range(steps):
        update(*gradients_of(step))
    return [v.numpy() for v in (*variables, *optimizer.variables)]


def by_hand(steps, rate):
    """The same weights in numpy, as the paper's Algorithm 1 prints it."""
    beta_1, beta_2, epsilon = SETTINGS.values()
    weights = [np.ones([3, 2]), np.zeros([2])]
    m, v = [0.0, 0.0], [0.0, 0.0]
    for step in range(steps):
        for i, gradient in enumerate(gradients_of(step)):
            g = gradient.numpy().astype(np.float64)
            m[i] = beta_1 * m[i] + (1 - beta_1) * g
            v[i] = beta_2 * v[i] + (1 - beta_2) * g**2
            m_hat = m[i] / (1 - beta_1 ** (step + 1))
            v_hat = v[i] / (1 - beta_2 ** (step + 1))
            weights[i] = weights[i] - rate * m_hat / (np.sqrt(v_hat) + epsilon)
    return weights


def test_is_the_paper_s():
    got = train(adam.Adam, 7, learning_rate=0.1)
    for ours, hand in zip(got, by_hand(7, 0.1), strict=False):
        np.testing.assert_allclose(ours, hand, rtol=1e-5)


@pytest.mark.parametrize("jit_compile", [None, False, True])
def test_does_what_keras_s_does(jit_compile):
    wrap = (
        (lambda f: f)
        if jit_compile is None
        else lambda f: tf.function(f, jit_compile=jit_compile)
    )
    rate = keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
    ours, theirs = (
        train(kind, 9, wrap=wrap, learning_rate=rate)
        for kind in (adam.Adam, keras.optimizers.Adam)
    )
    assert len(ours) == len(theirs)
    for got, want in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(got, want, rtol=2e-6, atol=1e-7)


def test_two_replicas_get_the_sum_of_their_gradients():
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])

    def on_both(update):
        def shares(*gradients):  # a third and two thirds
            replica = tf.distribute.get_replica_context()
            part = tf.cast(replica.replica_id_in_sync_group + 1, tf.float32) / 3
            update(*(part * gradient for gradient in gradients))

        return tf.function(
            lambda *gradients: strategy.run(shares, args=gradients)
        )

    two = train(adam.Adam, 3, wrap=on_both, scope=strategy, learning_rate=0.1)
    one = train(adam.Adam, 3, learning_rate=0.1)
    for got, want in zip(two, one, strict=True):
        np.testing.assert_allclose(got, want, rtol=2e-6, atol=1e-7)


def test_continues_what_keras_s_has_begun(tmp_path):
    variable = keras.Variable([1.0, 2.0])

    def optimizer(kind):
        made = kind(0.1)
        made.build([variable])
        return made

    first, second = optimizer(keras.optimizers.Adam), optimizer(adam.Adam)
    first.apply([tf.constant([1.0, -1.0])], [variable])
    path = tf.train.Checkpoint(optimizer=first).write(str(tmp_path / "one"))
    restored = tf.train.Checkpoint(optimizer=second).read(path)
    restored.assert_consumed()
    for got, want in zip(second.variables, first.variables, strict=True):
        np.testing.assert_array_equal(got, want)


def test_refuses_amsgrad():
    with pytest.raises(ValueError, match=r"`amsgrad` must be False here"):
        adam.Adam(0.1, amsgrad=True)
