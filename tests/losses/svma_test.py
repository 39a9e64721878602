import math

import numpy as np
import pytest
import tensorflow as tf

from tf_poselift import skeletons
from tf_poselift.losses import svma

SKELETON = skeletons.from_dict(
    {
        "name": "arms",
        "joints": {
            "neck": None,
            "left_hand": "neck",
            "right_hand": "neck",
            "left_tip": "left_hand",
            "right_tip": "right_hand",
        },
        "pairs": [["left_hand", "right_hand"], ["left_tip", "right_tip"]],
    }
)


def test_pose_distance_by_hand():
    first = tf.constant([[[3.0, 0, 0], [0, 4, 0], [9, 9, 9]]])
    mask = tf.constant([[1.0, 1.0, 0.0]])
    # |(3, 4)| / 2 joints.
    distance = svma.pose_distance(first, tf.zeros_like(first), mask)
    assert distance.numpy() == pytest.approx([2.5])


def test_camera_distance_by_hand():
    first = tf.constant([[[1.0, 2, 3], [4, 5, -6]]])
    distance = svma.camera_distance(first, tf.zeros_like(first))
    assert distance.numpy() == pytest.approx([21 / 6])


def test_reprojection_distance_by_hand():
    # Three poses that differ in one joint of two, at x = 0, 1 and 3.
    poses = np.zeros((1, 3, 2, 2), np.float32)
    poses[0, :, 1, 0] = [0, 1, 3]
    distance = svma.reprojection_distance(tf.constant(poses), tf.ones([1, 2]))
    # (1 + 3 + 2) / (3 * 2).
    assert distance.numpy() == pytest.approx([1.0])
    # Hidden, it counts neither above nor below the line.
    mask = tf.constant([[1.0, 0.0]])
    assert svma.reprojection_distance(poses, mask).numpy() == [0.0]
    equal = tf.ones([1, 5, 2, 2])
    assert svma.reprojection_distance(equal, mask).numpy() == [0.0]


def test_camera_loss_is_zero_for_a_scaled_rotation_only():
    c, s = math.cos(0.7), math.sin(0.7)
    cameras = tf.constant(
        [
            [[0.1, 0, 0], [0, 0.1, 0]],
            [[3 * c, 0, 3 * s], [0, 3, 0]],
            [[1, 0, 0], [0, 0, 0]],  # diag(2, 0) - I
            [[1, 0, 0], [1, 0, 0]],  # [[0, 1], [1, 0]]
        ]
    )
    np.testing.assert_allclose(
        svma.camera_loss(cameras), [0, 0, 2**0.5, 2**0.5], atol=1e-6
    )


def test_symmetry_loss_by_hand():
    joints = np.zeros((1, 5, 3), np.float32)
    joints[0, 1] = [3, 4, 0]  # left hand: 5
    joints[0, 2] = [0, 0, 2]  # right hand: 2
    joints[0, 3] = joints[0, 1] + [0, 1, 0]  # left tip: 1
    joints[0, 4] = joints[0, 2] + [0, 0, 3]  # right tip: 3
    joints = tf.constant(joints)
    # (3^2 + 2^2) / 2.
    loss = svma.symmetry_loss(joints, tf.ones([1, 5]), SKELETON)
    assert loss.numpy() == pytest.approx([6.5])
    without_a_tip = tf.constant([[1.0, 1, 1, 0, 1]])
    loss = svma.symmetry_loss(joints, without_a_tip, SKELETON)
    assert loss.numpy() == pytest.approx([9.0])
    loss = svma.symmetry_loss(joints, tf.zeros([1, 5]), SKELETON)
    assert loss.numpy() == [0.0]


def test_symmetric_bones_of_a_person():
    # Hips, thighs, shins, shoulders, upper and lower arms.
    assert len(skeletons.load("human36m_17").symmetric_bones) == 6


def test_gradients_are_finite_where_everything_is_zero():
    joints, mask = tf.zeros([1, 5, 3]), tf.ones([1, 5])
    camera = tf.zeros([1, 2, 3])
    with tf.GradientTape() as tape:
        tape.watch([joints, camera])
        loss = tf.add_n(
            [
                svma.pose_distance(joints, joints * 2.0, mask),
                svma.camera_distance(camera, camera * 2.0),
                svma.reprojection_distance(
                    tf.stack([joints[..., :2], joints[..., 1:]], 1), mask
                ),
                svma.camera_loss(camera),
                svma.symmetry_loss(joints, mask, SKELETON),
            ]
        )
    for gradient in tape.gradient(loss, [joints, camera]):
        assert np.isfinite(gradient).all()


def test_skeleton_without_pairs_is_refused():
    chain = skeletons.from_dict(
        {"name": "chain", "joints": {"a": None, "b": "a"}}
    )
    with pytest.raises(
        ValueError,
        match="`pairs` of left and right joints. Received: `chain`.*"
        "--config=symmetry_weight=0",
    ):
        svma.require_symmetry(chain)
    svma.require_symmetry(SKELETON)
