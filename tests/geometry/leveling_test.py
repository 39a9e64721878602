"""Rotations that turn a scene upright."""

import numpy as np
import pytest

from tf_poselift.geometry import leveling


def test_a_camera_that_looks_down_is_turned_up():
    # Looking down by 30 degrees, what hangs points away from the camera, too.
    down = [0.0, np.cos(np.radians(30)), np.sin(np.radians(30))]
    rotation = leveling.from_pitch(30.0)
    np.testing.assert_allclose(rotation @ down, [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(rotation @ [1, 0, 0], [1, 0, 0])
    assert np.linalg.det(rotation) == pytest.approx(1.0)


def test_the_median_direction_becomes_up_whatever_the_lengths():
    vectors = np.array(
        [[0, -1, 1], [0, -5, 5], [0, -2, 2], [9, 9, 9], [np.nan] * 3, [0] * 3],
        float,
    )
    rotation = leveling.from_up(vectors[[0, 1, 2, 4, 5]])
    up = rotation @ [0, -1, 1]
    np.testing.assert_allclose(up / np.sqrt(2), [0, -1, 0], atol=1e-12)
    # The smallest one turns about x alone.
    np.testing.assert_allclose(rotation @ [1, 0, 0], [1, 0, 0], atol=1e-12)
    with_outlier = leveling.from_up(vectors)
    assert np.abs(with_outlier - rotation).max() < 0.5


def test_no_direction_is_refused():
    with pytest.raises(ValueError, match="agree on what is up"):
        leveling.from_up(np.full((3, 3), np.nan))
    with pytest.raises(ValueError, match="Received: 2 directions"):
        leveling.from_up(np.array([[0.0, 1, 0], [0.0, -1, 0]]))
    with pytest.raises(ValueError, match="must have shape"):
        leveling.from_up(np.zeros(3))


def test_turns_are_the_smallest_rotations():
    rng = np.random.default_rng(0)
    start = rng.normal(size=(100, 3))
    end = rng.normal(size=(100, 3))
    start /= np.linalg.norm(start, axis=-1, keepdims=True)
    end /= np.linalg.norm(end, axis=-1, keepdims=True)
    rotation = leveling.turn(start, end)
    np.testing.assert_allclose(
        (rotation @ start[..., None])[..., 0], end, atol=1e-12
    )
    np.testing.assert_allclose(np.linalg.det(rotation), 1.0)
    cos = (np.trace(rotation, axis1=-2, axis2=-1) - 1) / 2
    np.testing.assert_allclose(cos, (start * end).sum(-1), atol=1e-9)


@pytest.mark.parametrize("axis", [[1.0, 0, 0], [0, -1.0, 0], [0.6, 0, 0.8]])
def test_opposite_and_equal_directions(axis):
    axis = np.array(axis)
    back = leveling.turn(axis, -axis)
    np.testing.assert_allclose(back @ axis, -axis, atol=1e-12)
    assert np.linalg.det(back) == pytest.approx(1.0)
    np.testing.assert_allclose(leveling.turn(axis, axis), np.eye(3))
