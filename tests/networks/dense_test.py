import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_poselift.networks import dense

RNG = np.random.default_rng(0)
INPUTS = tf.constant(RNG.normal(size=[16, 5]), tf.float32)
UPSTREAM = tf.constant(RNG.normal(size=[16, 3]), tf.float32)


def everything(kind, training, dtype):
    """Outputs, and gradients by the inputs, the kernel and the bias."""
    layer = kind(3, dtype=dtype)
    layer.build(INPUTS.shape)
    layer.kernel.assign(np.linspace(-1.0, 1.0, 15).reshape(5, 3))
    layer.bias.assign([0.5, -1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(INPUTS)
        outputs = layer(INPUTS, training=training)
        loss = tf.reduce_sum(UPSTREAM * tf.cast(outputs, tf.float32) ** 2)
    weights = [layer.kernel.value, layer.bias.value]
    return outputs, *tape.gradient(loss, [INPUTS, *weights])


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    ("dtype", "rtol"),
    [("float32", 1e-5), ("mixed_bfloat16", 0.01)],  # bfloat16: a digit in 128
)
def test_does_what_keras_s_does(training, dtype, rtol):
    ours, theirs = (
        everything(kind, training, dtype)
        for kind in (dense.Dense, keras.layers.Dense)
    )
    for got, want in zip(ours, theirs, strict=True):
        assert got.dtype == want.dtype
        np.testing.assert_allclose(
            tf.cast(got, tf.float32), tf.cast(want, tf.float32), rtol=rtol
        )


@pytest.mark.parametrize("training", [False, True])
def test_bias_is_added_as_a_sum_only_in_training(training):
    layer = dense.Dense(3)
    layer.build(INPUTS.shape)
    function = tf.function(lambda x: layer(x, training=training))
    graph = function.get_concrete_function(INPUTS).graph
    types = {operation.type for operation in graph.get_operations()}
    assert ("BiasAdd" in types) == (not training)
