import math

import numpy as np
import pytest
import tensorflow as tf

from tf_poselift.losses import yu

# Two joints that are 5 and 1 away; the third is not seen.
ONE = tf.constant([[[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [9.0, 9.0, 9.0]]])
OTHER = tf.constant([[[3.0, 0.0, 4.0], [1.0, 2.0, 1.0], [0.0, 0.0, 0.0]]])
MASK = tf.constant([[1.0, 1.0, 0.0]])


@pytest.mark.parametrize(
    ("norm", "expected"), [("squared", 25.0 + 1.0), ("distance", 3.0)]
)
def test_pose_error_by_hand(norm, expected):
    error = yu.pose_error(ONE, OTHER, MASK, norm=norm)
    np.testing.assert_allclose(error, [expected], rtol=1e-6)
    nothing_seen = yu.pose_error(ONE, OTHER, 0.0 * MASK, norm=norm)
    np.testing.assert_array_equal(nothing_seen, [0.0])


@pytest.mark.parametrize("norm", ["squared", "distance"])
def test_gradients_are_finite_where_poses_agree(norm):
    joints = tf.Variable(tf.stack([ONE, ONE], axis=1))
    mask = tf.stack([MASK, MASK], axis=1)
    with tf.GradientTape() as tape:
        loss = yu.motion_error(joints, joints, mask, norm=norm)
        loss += yu.bone_error(0.0 * joints, mask, ((0, 1),), norm=norm)
        loss += yu.pose_error(joints[:, 0], joints[:, 1], MASK, norm=norm)
    assert np.isfinite(tf.convert_to_tensor(tape.gradient(loss, joints))).all()


def test_motion_is_compared_not_place():
    joints = tf.stack([ONE, OTHER], axis=1)
    mask = tf.stack([MASK, MASK], axis=1)
    # What is wrong in the same way in both frames is no motion.
    returned = joints + 7.0
    np.testing.assert_allclose(
        yu.motion_error(joints, returned, mask, norm="squared"), [0.0]
    )
    # The first joint of the second frame is (0, 3, 4) off.
    off = np.zeros((1, 2, 3, 3), np.float32)
    off[0, 1, 0] = 0.0, 3.0, 4.0
    returned = joints + off
    assert float(
        yu.motion_error(joints, returned, mask, norm="squared")[0]
    ) == pytest.approx(25.0)
    # It does not count where one of the frames misses it.
    mask = mask * [[[1.0, 1.0, 1.0], [0.0, 1.0, 1.0]]]
    np.testing.assert_allclose(
        yu.motion_error(joints, returned, mask, norm="squared"), [0.0]
    )


@pytest.mark.parametrize(
    ("norm", "expected"), [("squared", 4), ("distance", 1)]
)
def test_bones_by_hand(norm, expected):
    # The bone 0-1 is 1 long, then 3; the bone 1-2 turns, but stays 2 long.
    first = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 2.0, 0.0]]
    second = [[5.0, 0.0, 0.0], [5.0, 3.0, 0.0], [5.0, 3.0, 2.0]]
    joints = tf.constant([[first, second]])
    mask = tf.ones([1, 2, 3])
    bones = ((0, 1), (1, 2))
    error = yu.bone_error(joints, mask, bones, norm=norm)
    np.testing.assert_allclose(error, [expected])
    # An end that one frame misses.
    mask = mask * [[[1.0, 1.0, 1.0], [0.0, 1.0, 1.0]]]
    np.testing.assert_allclose(
        yu.bone_error(joints, mask, bones, norm=norm), [0.0]
    )


def test_a_rigid_body_has_no_bone_error():
    rng = np.random.default_rng(0)
    pose = rng.normal(size=(5, 3))
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    joints = tf.constant(np.stack([pose, pose @ rotation + 3.0])[None])
    error = yu.bone_error(
        tf.cast(joints, tf.float32),
        tf.ones([1, 2, 5]),
        ((0, 1), (1, 2), (2, 3), (3, 4)),
        norm="squared",
    )
    np.testing.assert_allclose(error, [0.0], atol=1e-9)


def mean_kl(scale, valid, *, mean, deviation):
    """Over the valid examples."""
    sums = yu.scale_sums(scale, valid, mean=mean)
    values = yu.kl_to_prior(scale, sums, mean=mean, deviation=deviation)
    return tf.reduce_mean(tf.boolean_mask(values, valid))


def test_kl_is_that_of_two_normals():
    rng = np.random.default_rng(0)
    scale = rng.normal(0.8, 0.2, size=(64, 2)).astype(np.float32)
    valid = np.arange(64) < 48
    value = mean_kl(
        tf.constant(scale), tf.constant(valid), mean=0.7, deviation=0.1
    )
    m, s = scale[:48].mean(), scale[:48].std()
    # Eq. 4.
    expected = math.log(0.1 / s) + (s**2 + (0.7 - m) ** 2) / 0.02 - 0.5
    assert float(value) == pytest.approx(expected, rel=1e-4)


def test_kl_is_zero_only_at_the_prior():
    scale = tf.constant([[0.6], [0.8]])  # mean 0.7, deviation 0.1
    valid = tf.constant([True, True])
    at = mean_kl(scale, valid, mean=0.7, deviation=0.1)
    assert float(at) == pytest.approx(0.0, abs=1e-5)
    for mean, deviation in ((0.75, 0.1), (0.7, 0.12), (0.7, 0.08)):
        off = mean_kl(scale, valid, mean=mean, deviation=deviation)
        assert float(off) > 0.01


def test_kl_over_two_replicas_is_that_over_one():
    scale = tf.random.stateless_normal([1024, 2], (0, 1), 1.0, 0.2)
    valid = tf.random.stateless_uniform([1024], (0, 2)) < 0.8
    prior = {"mean": 0.9, "deviation": 0.15}
    halves = slice(512), slice(512, 1024)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(scale)
        whole = mean_kl(scale, valid, **prior)
        sums = tf.add_n(
            [yu.scale_sums(scale[h], valid[h], mean=0.9) for h in halves]
        )
        parts = tf.add_n(
            [
                tf.reduce_sum(
                    tf.where(
                        valid[h], yu.kl_to_prior(scale[h], sums, **prior), 0.0
                    )
                )
                for h in halves
            ]
        ) / tf.reduce_sum(tf.cast(valid, tf.float32))
    assert float(parts) == pytest.approx(float(whole), rel=1e-5)
    one, two = tape.gradient(whole, scale), tape.gradient(parts, scale)
    np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-8)


def test_kl_has_the_gradient_of_eq_4():
    scale = tf.random.stateless_normal([64, 1], (0, 1), 1.0, 0.2)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(scale)
        ours = mean_kl(scale, tf.ones([64], tf.bool), mean=0.9, deviation=0.15)
        m, s = tf.reduce_mean(scale), tf.math.reduce_std(scale)
        printed = (
            tf.math.log(0.15 / s)
            + (s**2 + (0.9 - m) ** 2) / (2 * 0.15**2)
            - 0.5
        )
    assert float(ours) == pytest.approx(float(printed), rel=1e-5)
    np.testing.assert_allclose(
        tape.gradient(ours, scale),
        tape.gradient(printed, scale),
        rtol=1e-3,
        atol=1e-6,
    )


def test_kl_of_equal_scales_is_finite():
    scale = tf.Variable(tf.ones([4, 1]))
    valid = tf.constant([True, False, True, True])
    for shown in (valid, tf.zeros([4], tf.bool)):
        with tf.GradientTape() as tape:
            sums = yu.scale_sums(scale, shown, mean=1.0)
            loss = yu.kl_to_prior(scale, sums, mean=1.0, deviation=0.1)
        assert np.isfinite(loss).all()
        assert np.isfinite(tape.gradient(loss, scale)).all()
