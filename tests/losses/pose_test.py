import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from tf_poselift import skeletons
from tf_poselift.losses import pose

FACING = skeletons.Facing(back=(0,), front=(1,), right=(2,), left=(3,))
# Without a neck, as in COCO.
MEAN = skeletons.Facing(back=(2, 3), front=(1,), right=(2,), left=(3,))


def person(azimuth: float) -> np.ndarray:
    """Neck, nose, right and left shoulder of somebody who faces the camera.

    Camera axes: x right, y down, z forward. Facing the camera, the nose is
    nearer than the neck and the left shoulder is on the image's right. Then
    turned about the vertical axis.
    """
    joints = np.array(
        [[0, 0, 0], [0, -0.1, -0.1], [-0.2, 0, 0], [0.2, 0, 0]], np.float32
    )
    c, s = math.cos(azimuth), math.sin(azimuth)
    return joints @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]], np.float32)


@pytest.mark.parametrize("azimuth", [0.0, 1.0, 2.0, math.pi, -1.5])
def test_sine_is_minus_one_for_a_person_from_any_side(azimuth):
    joints = person(azimuth)[None]
    assert pose.facing_sine(joints, FACING).numpy() == pytest.approx([-1.0])
    mirrored = joints * [1, 1, -1]
    assert pose.facing_sine(mirrored, FACING).numpy() == pytest.approx([1.0])


@pytest.mark.parametrize("azimuth", [0.0, 2.0])
def test_the_mean_of_several_joints_counts(azimuth):
    # The middle of the shoulders is where the neck would be.
    joints = person(azimuth)
    joints[0] = np.nan
    assert pose.facing_sine(joints, MEAN).numpy() == pytest.approx(-1.0)
    mirrored = joints * [1, 1, -1]
    assert pose.facing_sine(mirrored, MEAN).numpy() == pytest.approx(1.0)


def test_every_joint_of_a_mean_must_be_seen():
    mirrored = tf.constant(person(0.5) * [1, 1, -1], tf.float32)
    front = skeletons.Facing(back=(2,), front=(0, 1), right=(2,), left=(3,))
    masks = tf.constant([[1.0, 1, 1, 1], [0, 1, 1, 1], [1, 0, 1, 1]])
    loss = pose.facing_loss(tf.stack([mirrored] * 3), masks, front).numpy()
    assert loss[0] > 0.1
    assert loss[1:].tolist() == [0.0, 0.0]
    # The neck is not in the rule.
    loss = pose.facing_loss(tf.stack([mirrored] * 3), masks, MEAN).numpy()
    assert loss == pytest.approx([1.0, 1.0, 0.0], abs=1e-6)


def test_loss_punishes_the_mirrored_pose_only():
    joints = np.stack([person(0.5), person(0.5) * [1, 1, -1]])
    loss = pose.facing_loss(
        tf.constant(joints, tf.float32), tf.ones([2, 4]), FACING
    )
    assert loss.numpy() == pytest.approx([0.0, 1.0], abs=1e-6)


def test_loss_is_zero_where_a_joint_of_the_rule_is_missing():
    mirrored = tf.constant(person(0.5) * [1, 1, -1], tf.float32)[None]
    mask = tf.constant([[1.0, 1.0, 0.0, 1.0]])
    assert pose.facing_loss(mirrored, mask, FACING).numpy() == [0.0]


def test_gradient_is_finite_where_face_and_shoulders_have_no_length():
    joints = tf.zeros([1, 4, 3])
    with tf.GradientTape() as tape:
        tape.watch(joints)
        loss = pose.facing_loss(joints, tf.ones([1, 4]), FACING)
    assert np.isfinite(tape.gradient(loss, joints)).all()
    assert loss.numpy() == [0.0]


def test_skeleton_without_a_face_is_refused():
    with pytest.raises(
        ValueError,
        match="Received: `human36m_16`. Without it nothing tells a pose from "
        "its depth mirror. .*`back`, `front`, `right` and `left` "
        ".docs/skeletons.md.*--config=facing_weight=0",
    ):
        pose.require_facing(skeletons.load("human36m_16"))
    skeleton = dataclasses.replace(skeletons.load("human36m_16"), facing=FACING)
    assert pose.require_facing(skeleton) == FACING


def test_joint_error_by_hand():
    predicted = tf.constant([[[3.0, 4.0], [1.0, 0.0], [9.0, 9.0]]])
    truth = tf.zeros([1, 3, 2])
    mask = tf.constant([[1.0, 1.0, 0.0]])
    # Joint 0: 7 or 25; joint 1: 1 or 1; joint 2 is missing.
    assert pose.joint_error(predicted, truth, mask, power=1).numpy() == [4.0]
    assert pose.joint_error(predicted, truth, mask, power=2).numpy() == [13.0]
    none = pose.joint_error(predicted, truth, tf.zeros([1, 3]), power=2)
    assert none.numpy() == [0.0]
