import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_poselift.networks import batch_norm

RNG = np.random.default_rng(0)
INPUTS = tf.constant(RNG.normal(3.0, 2.0, [64, 7]), tf.float32)
UPSTREAM = tf.constant(RNG.normal(size=[64, 7]), tf.float32)


def layer_of(kind, **kwargs):
    layer = kind(momentum=0.9, epsilon=1e-5, **kwargs)
    layer.build(INPUTS.shape)
    layer.gamma.assign(np.linspace(0.5, 2.0, 7))
    layer.beta.assign(np.linspace(-1.0, 1.0, 7))
    return layer


def everything(kind):
    """Outputs, gradients, what is kept of the batch, and what is served."""
    layer = layer_of(kind)
    with tf.GradientTape() as tape:
        tape.watch(INPUTS)
        outputs = layer(INPUTS, training=True)
        # Not linear, or the gradient by x would be next to nothing.
        loss = tf.reduce_sum(UPSTREAM * tf.tanh(outputs))
    weights = [layer.gamma.value, layer.beta.value]
    return (
        outputs,
        *tape.gradient(loss, [INPUTS, *weights]),
        layer.moving_mean.value,
        layer.moving_variance.value,
        layer(INPUTS, training=False),
    )


def test_does_what_keras_s_does():
    pairs = zip(
        everything(batch_norm.BatchNormalization),
        everything(keras.layers.BatchNormalization),
        strict=True,
    )
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=2e-6)


def test_a_batch_by_hand():
    layer = batch_norm.BatchNormalization(momentum=0.9, epsilon=0.0)
    outputs = layer(tf.constant([[1.0], [3.0]]), training=True)
    # Mean 2, deviation 1.
    np.testing.assert_allclose(outputs, [[-1.0], [1.0]], rtol=1e-6)
    np.testing.assert_allclose(layer.moving_mean, [0.2], rtol=1e-6)
    np.testing.assert_allclose(layer.moving_variance, [1.0], rtol=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_what_is_kept_of_a_batch_passes_no_gradient(jit_compile):
    layer = layer_of(batch_norm.BatchNormalization)

    @tf.function(jit_compile=jit_compile)
    def gradients(first, second):
        with keras.StatelessScope(), tf.GradientTape() as tape:
            tape.watch([first, second])
            layer(first, training=True)
            outputs = layer(second, training=False)
        return tape.gradient(
            outputs, [first, second], unconnected_gradients="zero"
        )

    of_first, of_second = gradients(INPUTS, INPUTS + 1.0)
    np.testing.assert_array_equal(of_first, tf.zeros_like(INPUTS))
    assert np.all(of_second.numpy() > 0.0)


def test_a_frozen_layer_keeps_its_statistics():
    layer = layer_of(batch_norm.BatchNormalization)
    layer.trainable = False
    outputs = layer(INPUTS, training=True)
    np.testing.assert_array_equal(layer.moving_mean, np.zeros(7))
    np.testing.assert_array_equal(outputs, layer(INPUTS, training=False))


def test_half_precision_is_normalised_in_float32():
    layer = layer_of(batch_norm.BatchNormalization, dtype="mixed_bfloat16")
    outputs = layer(INPUTS, training=True)
    assert outputs.dtype == tf.bfloat16
    assert layer.moving_mean.dtype == "float32"
    expected = layer_of(batch_norm.BatchNormalization)(
        tf.cast(tf.cast(INPUTS, tf.bfloat16), tf.float32), training=True
    )
    np.testing.assert_allclose(
        tf.cast(outputs, tf.float32), expected, rtol=0.01, atol=0.01
    )
