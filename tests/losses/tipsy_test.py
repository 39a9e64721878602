import math

import numpy as np
import pytest
import tensorflow as tf

from tf_poselift.geometry import rotations
from tf_poselift.losses import tipsy

# Two joints of a pose with every coordinate known.
POSE = tf.constant([[[0.5, 0.1, -0.25], [-1.0, 0.4, 0.75]]])
BOTH = tf.ones([1, 2])


def test_part_mean_counts_the_joints_of_the_part():
    residual = tf.constant([[[3.0, 4.0], [1.0, 0.0], [9.0, 9.0]]])
    np.testing.assert_allclose(
        tipsy.part_mean(residual, tf.constant([[1.0, 1.0, 0.0]])), [13.0]
    )
    np.testing.assert_allclose(
        tipsy.part_mean(residual, tf.zeros([1, 3])), [0.0]
    )


def test_quarter_turns_of_a_rigid_body_are_zero():
    x, y, z = tf.unstack(POSE, axis=-1)
    views = [(z, -x), (-z, x), (-x, -z)]  # what is seen, and its depth

    def lift(points):
        seen, depth = views.pop(0)
        np.testing.assert_allclose(points, tf.stack([seen, y], axis=-1))
        return depth

    np.testing.assert_allclose(
        tipsy.quarter_turns(lift, POSE), np.zeros([1, 2, 3])
    )


def test_quarter_turns_by_hand():
    # A lifter that answers 0: what is left is x, -x and z.
    residual = tipsy.quarter_turns(lambda p: tf.zeros(p.shape[:2]), POSE)
    np.testing.assert_allclose(
        residual[0], [[0.5, -0.5, -0.25], [-1.0, 1.0, 0.75]]
    )
    # Eq. 2 to 4, summed: (2 * 0.25 + 0.0625 + 2 * 1 + 0.5625) / 2.
    np.testing.assert_allclose(tipsy.part_mean(residual, BOTH), [1.5625])


def test_reprojection_of_the_right_depths_is_zero():
    angle = tf.constant([0.7])
    rotation = rotations.of_view(angle, tf.constant([0.1]))
    turned = tf.einsum("bij,bkj->bki", rotation, POSE)
    residual = tipsy.reprojection(
        lambda _: turned[..., 2], POSE[..., :2], turned[..., :2], rotation
    )
    np.testing.assert_allclose(residual, np.zeros([1, 2, 2]), atol=1e-6)


def test_reprojection_by_hand():
    # A quarter turn shows (z, y); depths that are 0.2 too large land 0.2 to
    # the left when turned back: x = x' cos - z' sin.
    rotation = rotations.of_view(tf.constant([math.pi / 2]), tf.constant([0.0]))
    view = tf.gather(POSE, [2, 1], axis=-1)
    residual = tipsy.reprojection(
        lambda _: -POSE[..., 0] + 0.2, POSE[..., :2], view, rotation
    )
    np.testing.assert_allclose(residual[0], [[0.2, 0.0], [0.2, 0.0]], atol=1e-6)


def test_continuous_by_hand():
    # z_1 = 2 x_1 + 3 x_2, z_2 = x_1 y_2: x + z dG/dx.
    def lift(points):
        (x1, x2), y2 = tf.unstack(points[..., 0], axis=1), points[:, 1, 1]
        return tf.stack([2 * x1 + 3 * x2, x1 * y2], axis=1)

    points = tf.constant([[[0.5, 0.1], [0.25, 0.4]]])
    # z = (1.75, 0.2); dG/dx z = (2 * 1.75 + 3 * 0.2, 0.4 * 1.75).
    np.testing.assert_allclose(
        tipsy.continuous(lift, points, BOTH)[0, :, 0],
        [0.5 + 4.1, 0.25 + 0.7],
        rtol=1e-6,
    )
    # A joint that is missing does not move the others.
    mask = tf.constant([[1.0, 0.0]])
    np.testing.assert_allclose(
        tipsy.continuous(lift, points, mask)[0, 0, 0], 0.5 + 3.5, rtol=1e-6
    )


@pytest.mark.parametrize("jit_compile", [False, True])
def test_continuous_is_zero_on_circles_of_any_radius(jit_compile):
    # Points of a turning rigid body lie on circles: z = sqrt(r^2 - x^2).
    radius = tf.Variable(1.0)

    @tf.function(jit_compile=jit_compile)
    def loss_and_slope(points):
        with tf.GradientTape() as tape:
            residual = tipsy.continuous(
                lambda p: tf.sqrt(radius**2 - tf.unstack(p, axis=2)[0] ** 2),
                points,
                BOTH,
            )
            loss = tf.reduce_sum(residual)
        return loss, tape.gradient(loss, radius)

    loss, slope = loss_and_slope(POSE[..., :2] * 0.5)
    assert float(loss) == pytest.approx(0.0, abs=1e-6)
    assert float(slope) == pytest.approx(0.0, abs=1e-5)
