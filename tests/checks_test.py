import numpy as np
import pytest
import tensorflow as tf

from tf_poselift import checks


@pytest.mark.parametrize(
    "shape", [(17, 2), (5, 17, 2), (3, 4, 17, 2), (0, 17, 2)]
)
def test_leading_axes_are_free(shape):
    checks.check_shape("points", np.zeros(shape), (17, 2))
    checks.check_shape("points", tf.zeros(shape), (17, None))


def test_a_size_that_a_tensor_does_not_know_passes():
    @tf.function(input_signature=[tf.TensorSpec([None, None, 2])])
    def trace(points):
        checks.check_shape("points", points, (17, 2))
        return points

    assert trace(tf.zeros([1, 17, 2])).shape == (1, 17, 2)


@pytest.mark.parametrize("shape", [(2,), (16, 2), (17, 3), (17, 2, 1)])
def test_another_shape_is_refused(shape):
    with pytest.raises(ValueError) as error:
        checks.check_shape("points", np.zeros(shape), (17, 2))
    assert str(error.value) == (
        f"`points` must have shape [..., 17, 2]. Received: {shape}."
    )


def test_a_free_size_is_a_star():
    with pytest.raises(ValueError, match=r"\[..., \*, 3\]. Received: \(3,\)"):
        checks.check_shape("points", np.zeros(3), (None, 3))


def test_finite_numbers_pass():
    checks.check_finite("points", np.array([0.0, -1e30]))
    checks.check_finite("points", np.array([], np.float32))
    checks.check_finite("counts", np.array([1, 2]))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_the_first_bad_number_is_named(value):
    points = np.zeros((2, 3))
    points[1, 2] = points[1, 0] = value
    with pytest.raises(ValueError) as error:
        checks.check_finite("points", points)
    assert f"Received: {value} at (1, 0) (2 of 6 values)" in str(error.value)


def test_numbers_within_their_bounds_pass():
    checks.check_number("share", 0.0, least=0, most=1)
    checks.check_number("share", 1, least=0, most=1)
    checks.check_number("distance", 1e-6, above=0)
    checks.check_number("anything", -1e30)


@pytest.mark.parametrize(
    ("value", "bounds", "text"),
    [
        (1.1, {"least": 0, "most": 1}, "at least 0 and at most 1"),
        (-1, {"least": 0}, "at least 0"),
        (0.0, {"above": 0}, "above 0"),
        (np.nan, {"above": 0}, "above 0"),
    ],
)
def test_a_number_out_of_its_bounds_is_refused(value, bounds, text):
    with pytest.raises(ValueError) as error:
        checks.check_number("distance", value, **bounds)
    assert str(error.value) == f"`distance` must be {text}. Received: {value}."


def test_member_lists_what_is_known():
    checks.check_member("method", "kudo2018", ["svma2021", "kudo2018"])
    with pytest.raises(ValueError) as error:
        checks.check_member("method", "kudo", ["svma2021", "kudo2018"])
    assert str(error.value) == (
        "Unknown method `kudo`. Known: kudo2018, svma2021."
    )
