import numpy as np
import pytest
import tensorflow as tf

from tf_poselift.geometry import safe_ops


def value_and_gradient(function, x, *, jit=False):
    @tf.function(jit_compile=jit)
    def compute(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        return y, tape.gradient(y, x)

    y, gradient = compute(tf.constant(x, tf.float32))
    return y.numpy(), gradient.numpy()


@pytest.mark.parametrize("jit", [False, True])
def test_norm_and_its_gradient(jit):
    x = [[3.0, 0.0, 4.0], [0.0, 0.0, 0.0]]
    y, gradient = value_and_gradient(safe_ops.norm, x, jit=jit)
    np.testing.assert_allclose(y, [5.0, 0.0])
    np.testing.assert_allclose(
        gradient, [[0.6, 0.0, 0.8], [0.0, 0.0, 0.0]], rtol=1e-6
    )


def test_norm_axes_and_keepdims():
    x = tf.ones([2, 3, 4])
    np.testing.assert_allclose(safe_ops.norm(x, axis=(-2, -1)), [12**0.5] * 2)
    assert safe_ops.norm(x, axis=1, keepdims=True).shape == (2, 1, 4)


def test_norm_second_gradient_is_finite_at_zero():
    x = tf.zeros([2, 3])
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = safe_ops.norm(x)
        penalty = tf.square(safe_ops.norm(inner.gradient(y, x)) - 1.0)
    assert np.isfinite(outer.gradient(penalty, x)).all()


@pytest.mark.parametrize("jit", [False, True])
def test_divide_and_its_gradients_at_zero(jit):
    # x = (numerator, denominator)
    y, gradient = value_and_gradient(
        lambda x: safe_ops.divide(x[:, 0], x[:, 1]),
        [[6.0, 3.0], [0.0, 0.0], [5.0, 0.0]],
        jit=jit,
    )
    np.testing.assert_allclose(y, [2.0, 0.0, 0.0])
    np.testing.assert_allclose(
        gradient, [[1 / 3, -2 / 3], [0.0, 0.0], [0.0, 0.0]], rtol=1e-6
    )


def test_normalize():
    y, gradient = value_and_gradient(
        safe_ops.normalize, [[0.0, 3.0, -4.0], [0.0, 0.0, 0.0]]
    )
    np.testing.assert_allclose(y, [[0.0, 0.6, -0.8], [0.0, 0.0, 0.0]])
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("size", [1e-30, 1e-22, 1e-18, 1e-6, 1e15])
def test_normalize_is_finite_at_any_size(size):
    y, gradient = value_and_gradient(safe_ops.normalize, [[size, 0.0, size]])
    assert np.isfinite(y).all()
    assert np.isfinite(gradient).all()
