import numpy as np
import pytest
from scipy.spatial import transform

from tf_poselift.data import kinematics

ARM = (-1, 0, 1)  # shoulder, elbow, wrist
OFFSETS = np.array([[9.0, 9.0, 9.0], [2.0, 0.0, 0.0], [1.0, 0.0, 0.0]])


def _about_z(*degrees: float) -> np.ndarray:
    angles = np.array(degrees)[:, np.newaxis]
    return transform.Rotation.from_euler("z", angles, degrees=True).as_matrix()


def test_forward_kinematics_bends_a_two_bone_arm():
    # Frame 0: straight along x. Frame 1: upper arm up, forearm back to x.
    local = np.stack([_about_z(0, 0, 0), _about_z(90, -90, 0)])
    root = np.array([[0.0, 0.0, 0.0], [5.0, 0.0, 1.0]])
    positions, rotations = kinematics.forward_kinematics(
        ARM, OFFSETS, local, root
    )
    expected = [
        [[0, 0, 0], [2, 0, 0], [3, 0, 0]],
        [[5, 0, 1], [5, 2, 1], [6, 2, 1]],
    ]
    np.testing.assert_allclose(positions, expected, atol=1e-12)
    np.testing.assert_allclose(rotations[1, 1], np.eye(3), atol=1e-12)


def test_bones_keep_their_length():
    local = transform.Rotation.random(60, rng=0).as_matrix()
    positions, rotations = kinematics.forward_kinematics(
        ARM, OFFSETS, local.reshape(20, 3, 3, 3), np.ones((20, 3))
    )
    bones = np.linalg.norm(np.diff(positions, axis=1), axis=-1)
    np.testing.assert_allclose(bones, np.tile([2.0, 1.0], (20, 1)))
    identity = rotations @ np.swapaxes(rotations, -1, -2)
    np.testing.assert_allclose(
        identity, np.broadcast_to(np.eye(3), identity.shape), atol=1e-12
    )


@pytest.mark.parametrize("parents", [(0, 0, 1), (-1, 2, 0), (-1, -1, 0)])
def test_forward_kinematics_refuses_a_child_before_its_parent(parents):
    with pytest.raises(ValueError, match="`parents` must start with the root"):
        kinematics.forward_kinematics(
            parents, OFFSETS, np.zeros((1, 3, 3, 3)), np.zeros((1, 3))
        )


def test_forward_kinematics_refuses_another_joint_count():
    with pytest.raises(ValueError, match=r"`offsets` must have shape"):
        kinematics.forward_kinematics(
            ARM, OFFSETS[:2], np.zeros((1, 3, 3, 3)), np.zeros((1, 3))
        )


def test_sample_times_include_an_end_that_rounding_hides():
    times = kinematics.sample_times(0.1 + 0.2 - 1e-9, 10.0)
    np.testing.assert_allclose(times, [0.0, 0.1, 0.2, 0.3])


def test_interpolate_follows_uneven_frames():
    values = np.array([[0.0], [1.0], [4.0]])
    times = np.array([0.0, 0.5, 1.0, 2.0, 4.0])
    got = kinematics.interpolate(values, np.array([0.0, 1.0, 4.0]), times)
    np.testing.assert_allclose(got[:, 0], [0.0, 0.5, 1.0, 2.0, 4.0])


def test_interpolate_rotations_turns_evenly_along_the_short_way():
    # 0 and 90 degrees about z; the second quaternion has its sign turned,
    # which is the same rotation.
    half = np.sqrt(0.5)
    quaternions = np.array([[1.0, 0.0, 0.0, 0.0], [-half, 0.0, 0.0, -half]])
    got = kinematics.interpolate_rotations(
        quaternions, np.array([0.0, 1.0]), np.array([0.0, 1 / 3, 1.0 + 1e-12])
    )
    np.testing.assert_allclose(got, _about_z(0, 30, 90), atol=1e-9)


def test_a_single_frame_is_held():
    times = np.array([0.0])
    held = kinematics.interpolate(np.ones((1, 3)), times, times)
    np.testing.assert_array_equal(held, np.ones((1, 3)))
    turned = kinematics.interpolate_rotations(
        np.array([[0.0, 0.0, 0.0, 2.0]]), times, times
    )
    np.testing.assert_allclose(turned, _about_z(180), atol=1e-12)


def test_y_up_to_z_up_keeps_handedness():
    axes = kinematics.y_up_to_z_up(np.eye(3))
    np.testing.assert_array_equal(axes, [[1, 0, 0], [0, 0, 1], [0, -1, 0]])
    assert np.linalg.det(axes) == pytest.approx(1.0)
