import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_poselift.networks import dropout

ONES = tf.ones([500, 400])


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.5])
def test_drops_the_share_and_keeps_the_mean(rate):
    dropped = dropout.Dropout(rate, seed=3)(ONES, training=True).numpy()
    # 200,000 units: five standard deviations are 0.0056 at most.
    np.testing.assert_allclose((dropped == 0.0).mean(), rate, atol=0.006)
    np.testing.assert_allclose(dropped.max(), 1.0 / (1.0 - rate), rtol=1e-6)
    for axis in (0, 1):  # no example and no unit is preferred
        share = (dropped == 0.0).mean(axis=axis)
        assert np.abs(share - rate).max() < 6 * np.sqrt(rate / 400)


def test_nothing_is_dropped_when_served_or_without_a_rate():
    layer = dropout.Dropout(0.5, seed=3)
    np.testing.assert_array_equal(layer(ONES), ONES)
    layer = dropout.Dropout(0.0, seed=3)
    np.testing.assert_array_equal(layer(ONES, training=True), ONES)


def test_masks_of_calls_layers_rows_and_columns_are_independent():
    layer = dropout.Dropout(0.5, seed=3)
    other = dropout.Dropout(0.5, seed=4)
    first, second, third = (
        (each(ONES, training=True).numpy() == 0.0) - 0.5
        for each in (layer, layer, other)
    )
    for a, b in [
        (first, second),
        (first, third),
        (first[1:], first[:-1]),
        (first[:, 1:], first[:, :-1]),
        (first[1:, 1:], first[:-1, :-1]),
    ]:
        # Correlation of 200,000 pairs: deviation 0.0022.
        assert abs(4 * (a * b).mean()) < 0.011


def test_a_seed_repeats_and_xla_draws_the_same():
    def twice(**kwargs):
        layer = dropout.Dropout(0.25, seed=3)

        @tf.function(**kwargs)
        def run():
            with keras.StatelessScope():
                return layer(ONES, training=True), layer(ONES, training=True)

        return run()

    for plain, compiled in zip(twice(), twice(jit_compile=True), strict=True):
        np.testing.assert_array_equal(plain, compiled)


def test_gradients_pass_where_units_are_kept():
    layer = dropout.Dropout(0.5, seed=3)
    inputs = tf.Variable(tf.ones([4, 6]))
    with tf.GradientTape() as tape:
        outputs = layer(inputs, training=True)
    gradient = tape.gradient(outputs, inputs).numpy()
    np.testing.assert_array_equal(gradient, outputs)


def test_half_precision_stays_half():
    layer = dropout.Dropout(0.5, seed=3, dtype="mixed_bfloat16")
    outputs = layer(tf.cast(ONES, tf.bfloat16), training=True)
    assert outputs.dtype == tf.bfloat16
    assert set(np.unique(outputs.numpy().astype(float))) == {0.0, 2.0}
