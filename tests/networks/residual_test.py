import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_poselift.networks import residual


def make(**kwargs):
    options = {
        "width": 4,
        "blocks": 1,
        "initializer": keras.initializers.HeNormal,
        "seed": 3,
    } | kwargs
    network = residual.ResidualNetwork(2, **options)
    network(tf.zeros([1, 6]))
    return network


def leaky(x, slope):
    return np.where(x > 0, x, slope * x)


@pytest.mark.parametrize("skip", ["before", "after"])
def test_equals_the_formula_in_numpy(skip):
    network = make(skip=skip, negative_slope=0.2)
    features = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
    (w1, b1), (w2, b2), (w3, b3) = (
        layer.get_weights() for layer in network.hidden
    )
    h1 = leaky(features @ w1 + b1, 0.2)
    h2 = leaky(h1 @ w2 + b2, 0.2)
    if skip == "before":
        h3 = leaky(h2 @ w3 + b3 + h1, 0.2)
    else:
        h3 = leaky(h2 @ w3 + b3, 0.2) + h1
    w4, b4 = network.last.get_weights()
    np.testing.assert_allclose(network(features), h3 @ w4 + b4, atol=1e-5)


def test_layers_start_different_and_seeds_repeat():
    normal = functools.partial(keras.initializers.RandomNormal, stddev=0.02)
    first, again, other = (
        make(width=6, initializer=normal, seed=seed) for seed in (1, 1, 2)
    )
    kernels = [layer.get_weights()[0] for layer in first.hidden]
    assert not np.array_equal(kernels[0], kernels[1])
    for a, b, c in zip(
        first.get_weights(),
        again.get_weights(),
        other.get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)
        assert a.ndim == 1 or not np.array_equal(a, c)


def test_initial_deviation_is_the_configured_one():
    normal = functools.partial(keras.initializers.RandomNormal, stddev=0.02)
    network = make(width=512, initializer=normal)
    kernel = network.hidden[1].get_weights()[0]
    assert kernel.std() == pytest.approx(0.02, rel=0.02)


def test_dropout_and_batch_norm_act_in_training_only():
    network = make(width=64, batch_norm=True, dropout=0.5)
    features = tf.random.stateless_normal([8, 6], seed=[1, 2])
    np.testing.assert_array_equal(network(features), network(features))
    assert not np.allclose(
        network(features, training=True), network(features), atol=1e-3
    )


def test_output_is_float32_under_a_mixed_policy():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = make()
    finally:
        keras.config.set_dtype_policy("float32")
    assert network(tf.zeros([3, 6])).dtype == tf.float32
    assert network.hidden[0].compute_dtype == "bfloat16"


def test_layer_norm_keeps_examples_apart():
    network = make(width=8, layer_norm=True)
    features = tf.random.stateless_normal([4, 6], seed=[1, 2])
    together = network(features, training=True)
    np.testing.assert_allclose(
        together[1:2], network(features[1:2], training=True), atol=1e-6
    )
    hidden = network.norms[0](network.hidden[0](features)).numpy()
    np.testing.assert_allclose(hidden.mean(axis=-1), 0.0, atol=1e-5)
    np.testing.assert_allclose(hidden.std(axis=-1), 1.0, atol=1e-2)
    assert not network.non_trainable_variables


def trained(network, features):
    """Outputs, and gradients by everything."""
    with tf.GradientTape() as tape:
        tape.watch(features)
        outputs = network(features, training=True)
        loss = tf.reduce_sum(outputs**2)
    weights = [variable.value for variable in network.trainable_variables]
    return outputs, *tape.gradient(loss, [features, *weights])


@pytest.mark.parametrize("skip", ["before", "after"])
@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_gradient_of_the_activation_is_that_of_its_input(
    monkeypatch, skip, slope
):
    network = make(skip=skip, negative_slope=slope)
    features = tf.random.stateless_normal([7, 6], seed=(0, 1))
    ours = trained(network, features)
    monkeypatch.setattr(
        residual, "_leaky_relu", lambda x, slope: tf.nn.leaky_relu(x, slope)
    )
    for got, want in zip(ours, trained(network, features), strict=True):
        np.testing.assert_array_equal(got, want)


def test_gradient_has_a_gradient():
    network = make(negative_slope=0.2)
    features = tf.random.stateless_normal([3, 6], seed=(0, 1))
    theirs = []
    for training in (True, False):
        with tf.GradientTape() as outer:
            outer.watch(features)
            with tf.GradientTape() as inner:
                inner.watch(features)
                outputs = tf.reduce_sum(
                    network(features, training=training) ** 2
                )
            slope = inner.gradient(outputs, features)
            loss = tf.reduce_sum(slope**2)
        theirs.append(outer.gradient(loss, features))
    np.testing.assert_allclose(*theirs, rtol=1e-6)
    assert np.abs(theirs[0]).max() > 0
