import math

import numpy as np
import tensorflow as tf

from tf_poselift.geometry import rotations
from tf_poselift.geometry import unit_camera


def test_lift_by_hand():
    # Eq. 7; the second joint would be behind the camera.
    joints = unit_camera.lift(
        tf.constant([[0.1, -0.2], [0.3, 0.0]]),
        tf.constant([2.0, -12.0]),
        distance=10.0,
    )
    np.testing.assert_allclose(joints, [[1.2, -2.4, 12], [0.3, 0, 1]])


def test_projection_undoes_the_lift():
    rng = np.random.default_rng(0)
    points = tf.constant(rng.normal(size=(4, 5, 2)) * 0.1, tf.float32)
    depth = tf.constant(rng.normal(size=(4, 5)), tf.float32)
    joints = unit_camera.lift(points, depth, distance=10.0)
    np.testing.assert_allclose(
        unit_camera.project(joints), points, rtol=1e-5, atol=1e-7
    )


def test_view_turns_about_the_vertical_and_then_tilts():
    # A quarter turn about y takes z to x; half of one about x, y to z.
    quarter = tf.constant([math.pi / 2, 0.0, math.pi / 2])
    tilt = tf.constant([0.0, math.pi / 2, math.pi / 2])
    rotation = rotations.of_view(quarter, tilt)
    moved = unit_camera.turn(
        tf.constant([[[0.0, 2.0, 1.0]]] * 3),
        tf.zeros([3, 1, 3]),
        rotation,
        distance=0.0,
    )
    np.testing.assert_allclose(
        moved[:, 0], [[1, 2, 0], [0, -1, 2], [1, 0, 2]], atol=1e-6
    )


def test_turn_puts_the_root_in_front_and_turn_back_undoes_it():
    rng = np.random.default_rng(1)
    joints = tf.constant(rng.normal(size=(2, 3, 5, 3)), tf.float32)
    root = joints[..., :1, :]
    rotation = rotations.of_view(
        tf.constant([1.0, -2.0]), tf.constant([0.2, -0.3])
    )[:, tf.newaxis]
    turned = unit_camera.turn(joints, root, rotation, distance=10.0)
    np.testing.assert_allclose(
        turned[..., 0, :], np.broadcast_to([0, 0, 10.0], (2, 3, 3)), atol=1e-5
    )
    distances = np.linalg.norm(turned - turned[..., :1, :], axis=-1)
    np.testing.assert_allclose(
        distances, np.linalg.norm(joints - root, axis=-1), rtol=1e-5, atol=1e-5
    )
    np.testing.assert_allclose(
        unit_camera.turn_back(turned, root, rotation, distance=10.0),
        joints,
        atol=1e-5,
    )
