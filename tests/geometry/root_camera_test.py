import numpy as np
import pytest
import tensorflow as tf

from tf_poselift.geometry import root_camera


def test_by_hand():
    # At twice the distance a joint is twice as far from the axis.
    points = tf.constant([[[0.5, -1.0], [0.5, -1.0], [0.5, -1.0]]])
    depth = tf.constant([[0.0, 4.0, -2.0]])
    joints = root_camera.lift(points, depth, distance=4.0)
    expected = [[0.5, -1, 0], [1, -2, 4], [0.25, -0.5, -2]]
    np.testing.assert_allclose(joints[0], expected)


def test_project_undoes_lift():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(5, 7, 2)).astype(np.float32)
    depth = rng.normal(size=(5, 7)).astype(np.float32)
    joints = root_camera.lift(points, depth, distance=10.0)
    seen = root_camera.project(joints, distance=10.0)
    np.testing.assert_allclose(seen, points, atol=1e-5)


def test_far_away_is_orthographic():
    joints = tf.constant([[[1.0, 2.0, 3.0]]])
    seen = root_camera.project(joints, distance=1e6)
    np.testing.assert_allclose(seen, [[[1, 2]]], rtol=1e-5)


def test_nothing_comes_nearer_than_one():
    points = tf.constant([[[1.0, 1.0]]])
    depth = tf.Variable([[-50.0]])
    with tf.GradientTape() as tape:
        joints = root_camera.lift(points, depth, distance=10.0)
        seen = root_camera.project(joints * [1.0, 1.0, 9.0], distance=10.0)
    np.testing.assert_allclose(joints, [[[0.1, 0.1, -9.0]]], rtol=1e-5)
    np.testing.assert_allclose(seen, points, rtol=1e-5)
    assert np.isfinite(tape.gradient(seen, depth)).all()


@pytest.mark.parametrize("distance", [1.0, 0.0, -3.0])
def test_refuses_a_camera_in_the_pose(distance):
    with pytest.raises(ValueError, match=f"Received: {distance}"):
        root_camera.project(tf.zeros([1, 2, 3]), distance=distance)


def test_refuses_other_shapes():
    with pytest.raises(ValueError, match="`depth`"):
        root_camera.lift(tf.zeros([1, 3, 2]), tf.zeros([1, 1]), distance=10.0)
    with pytest.raises(ValueError, match="`joints`"):
        root_camera.project(tf.zeros([1, 3, 2]), distance=10.0)
