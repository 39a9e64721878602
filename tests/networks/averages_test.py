import keras
import numpy as np
import pytest

from tf_poselift.networks import averages


def network():
    model = keras.Sequential(
        [
            keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros"),
            keras.layers.BatchNormalization(center=False, scale=False),
        ]
    )
    model.build([None, 1])
    return model


def test_decay_rises_to_its_value():
    model = network()
    average = averages.Average(model, 0.5)
    kernel = model.layers[0].kernel
    kernel.assign([[1.0]])
    average.update(0)  # decay 1/10
    np.testing.assert_allclose(average.variables[0], [[0.9]], rtol=1e-6)
    kernel.assign([[0.0]])
    average.update(1)  # decay 2/11
    np.testing.assert_allclose(
        average.variables[0], [[0.9 * 2 / 11]], rtol=1e-6
    )
    average.update(1000)  # decay 0.5
    np.testing.assert_allclose(average.variables[0], [[0.9 / 11]], rtol=1e-6)


def test_moving_statistics_of_batch_norm_are_averaged_and_copied():
    model = network()
    average = averages.Average(model, 0.9)
    model.layers[1].moving_mean.assign([10.0])
    average.update(10**6)
    np.testing.assert_array_equal(model.layers[1].moving_mean, [10.0])
    average.copy_to_network()
    np.testing.assert_allclose(model.layers[1].moving_mean, [1.0], rtol=1e-5)


@pytest.mark.parametrize("decay", [1.0, -0.1, float("nan")])
def test_refuses_a_decay_out_of_range(decay):
    with pytest.raises(ValueError, match="`average_decay` must be at least 0"):
        averages.Average(network(), decay)
