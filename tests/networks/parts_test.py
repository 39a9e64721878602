import keras
import numpy as np
import tensorflow as tf

from tf_poselift.networks import parts

POINTS = tf.reshape(tf.range(10, dtype=tf.float32) / 10, [1, 5, 2])


class Sums:
    """Answers with the sum of the coordinates of every joint."""

    def __call__(self, features, training):
        joints = tf.reshape(features, [tf.shape(features)[0], -1, 2])
        return tf.reduce_sum(joints, axis=-1)


def test_each_part_s_depths_stand_at_its_joints():
    depth = parts.lift(
        {"a": Sums(), "b": Sums()},
        {"a": (4, 1), "b": (2, 3)},
        POINTS,
        training=False,
    )
    # x + y of every joint; joint 0 is in no part.
    np.testing.assert_allclose(depth, np.tanh([[0, 0.5, 0.9, 1.3, 1.7]]))


def test_a_part_does_not_see_the_others():
    networks = {name: keras.layers.Dense(2) for name in ("a", "b")}
    layout = {"a": (1, 2), "b": (3, 4)}
    before = parts.lift(networks, layout, POINTS, training=False)
    moved = POINTS + tf.one_hot([3], 5)[..., tf.newaxis]
    after = parts.lift(networks, layout, moved, training=False)
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert not np.allclose(before[:, 3:], after[:, 3:])


def test_features_and_mask():
    np.testing.assert_allclose(
        parts.features(POINTS, (2, 0)), [[0.4, 0.5, 0.0, 0.1]]
    )
    seen = tf.constant([[1.0, 1.0, 0.0, 1.0]])
    np.testing.assert_array_equal(
        parts.mask(seen, (1, 2)), [[0.0, 1.0, 0.0, 0.0]]
    )


def test_values_of_joints_are_those_of_their_parts():
    values = parts.of_joints(
        {"legs": 0.5, "torso": 2.0, "lifter": 9.0},
        {"legs": (1, 3), "torso": (2,)},
        5,
    )
    np.testing.assert_array_equal(values, [[0.0, 0.5, 2.0, 0.5, 0.0]])
