"""Two cameras 4 m from a person, the second one to the side."""

import numpy as np
import pytest
import tensorflow as tf

from tf_poselift.losses import bouazizi

# World to camera. The second looks along the first's -x.
FRONT = np.eye(3, dtype=np.float32)
SIDE = np.float32([[0, 0, 1], [0, 1, 0], [-1, 0, 0]])
ROTATION = np.stack([FRONT, SIDE])[None]
ROOT = np.tile(np.float32([0, 0, 4]), (1, 2, 1, 1))  # m, both cameras
INTRINSICS = np.tile(
    np.float32([[1000, 0, 500], [0, 2000, 400], [0, 0, 1]]), (1, 2, 1, 1)
)
# Root and one joint, from the front and from the side.
POSE = np.float32(
    [[[[0, 0, 0], [0.1, 0.2, 0.3]], [[0, 0, 0], [0.3, 0.2, -0.1]]]]
)
EVERY_PAIR = np.ones((1, 2, 2, 2), np.float32)


def keypoints():
    """[1, 2, 2, 2] pixels of `POSE`."""
    points = POSE + ROOT
    return np.float32([1000, 2000]) * points[..., :2] / points[
        ..., 2:
    ] + np.float32([500, 400])


def test_a_pose_is_seen_from_every_camera():
    moved = bouazizi.to_all_views(POSE, ROTATION).numpy()
    for source in range(2):
        np.testing.assert_allclose(moved[:, source], POSE, atol=1e-7)


@pytest.mark.parametrize(("power", "expected"), [(1, 0.45), (2, 0.0925)])
def test_triangulation_loss_by_hand(power, expected):
    target = np.copy(POSE)
    target[0, 0, 1] += [0.2, -0.1, 0.1]  # of two joints
    target[0, 1, 1] += [0.0, 0.0, 0.25]  # of one
    target[0, 1, 0] += 9.0
    mask = np.float32([[[1, 1], [0, 1]]])
    loss = bouazizi.triangulation_loss(POSE, target, mask, power=power)
    # View 0: 0.4 / 2 or 0.06 / 2; view 1: 0.25 or 0.0625.
    np.testing.assert_allclose(loss, [expected], rtol=1e-5)


def test_reprojection_loss_counts_pixels_at_the_distance_of_the_root():
    moved = bouazizi.to_all_views(POSE, ROTATION)
    observed = keypoints()

    def loss(mask=EVERY_PAIR):
        return bouazizi.reprojection_loss(
            moved, ROOT, observed, mask, INTRINSICS, power=1
        ).numpy()

    np.testing.assert_allclose(loss(), [0.0], atol=1e-6)
    # 10 of 1000 and 30 of 2000 pixels at 4 m: 0.04 and 0.06 m, one joint of
    # two, in view 0, for the poses of both views.
    observed[0, 0, 1] += [10.0, 30.0]
    np.testing.assert_allclose(loss(), [0.1], rtol=1e-4)
    mask = np.copy(EVERY_PAIR)
    mask[0, 1] = 0.0
    np.testing.assert_allclose(loss(mask), [0.05], rtol=1e-4)
    mask[0, :, 0, 1] = 0.0
    np.testing.assert_allclose(loss(mask), [0.0], atol=1e-6)


def test_consistency_is_zero_for_one_body_and_counts_pairs_of_views():
    def loss(joints, mask=EVERY_PAIR):
        return bouazizi.consistency_loss(
            bouazizi.to_all_views(joints, ROTATION), joints, mask, power=1
        ).numpy()

    np.testing.assert_allclose(loss(POSE), [0.0], atol=1e-6)
    other = np.copy(POSE)
    other[0, 1, 1] += [0.1, 0.0, -0.2]
    # One joint of two, in both directions: 2 * 0.3 / 2.
    np.testing.assert_allclose(loss(other), [0.3], rtol=1e-5)
    mask = np.copy(EVERY_PAIR)
    mask[0, 0, 1] = 0.0
    np.testing.assert_allclose(loss(other, mask), [0.15], rtol=1e-5)


def test_what_serves_as_truth_gets_no_gradient():
    joints = tf.Variable(POSE + np.float32([[[[0]], [[1]]]]))
    target = tf.Variable(POSE)
    mask = np.ones((1, 2, 2), np.float32)
    with tf.GradientTape(persistent=True) as tape:
        moved = bouazizi.to_all_views(joints, ROTATION)
        # Only the pose of view 1 is moved, to view 0.
        pair = np.zeros((1, 2, 2, 2), np.float32)
        pair[0, 1, 0] = 1.0
        consistency = bouazizi.consistency_loss(moved, joints, pair, power=1)
        learned = bouazizi.triangulation_loss(joints, target, mask, power=1)
    gradient = tape.gradient(consistency, joints).numpy()
    assert not gradient[0, 0].any() and gradient[0, 1].all()
    assert tape.gradient(learned, target) is None


def test_output_triangulation_meets_where_the_rays_meet():
    mask = np.ones((1, 2, 2), np.float32)
    found, valid = bouazizi.output_triangulation(POSE, ROOT, ROTATION, mask)
    np.testing.assert_array_equal(valid, [[1.0, 1.0]])
    np.testing.assert_allclose(found[0], POSE[0, 0], atol=1e-5)
    # A wrong depth moves a prediction along its ray: the projections, and
    # what is triangulated from them, stay.
    deeper = np.copy(POSE)
    deeper[0, :, 1] = 1.1 * (POSE + ROOT)[0, :, 1] - ROOT[0, :, 0]
    found, _ = bouazizi.output_triangulation(deeper, ROOT, ROTATION, mask)
    np.testing.assert_allclose(found[0], POSE[0, 0], atol=1e-5)
    mask[0, 1, 1] = 0.0
    _, valid = bouazizi.output_triangulation(POSE, ROOT, ROTATION, mask)
    np.testing.assert_array_equal(valid, [[1.0, 0.0]])


def test_gradients_are_finite_at_a_camera():
    """Where a prediction stands on the camera, or all are equal."""
    joints = tf.Variable(np.tile(np.float32([0, 0, -4]), (1, 2, 2, 1)))
    with tf.GradientTape() as tape:
        moved = bouazizi.to_all_views(joints, ROTATION)
        output, _ = bouazizi.output_triangulation(
            joints, ROOT, ROTATION, np.ones((1, 2, 2), np.float32)
        )
        total = (
            bouazizi.reprojection_loss(
                moved, ROOT, keypoints(), EVERY_PAIR, INTRINSICS, power=1
            )
            + bouazizi.consistency_loss(moved, joints, EVERY_PAIR, power=2)
            + tf.reduce_sum(output)
        )
    assert np.isfinite(total).all()
    assert np.isfinite(tape.gradient(total, joints)).all()
