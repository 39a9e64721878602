import numpy as np
import pytest

from tf_poselift import schema
from tf_poselift.data import virtual_cameras

POINT = np.array([[[100.0, 200.0, 900.0]]])  # one frame, one joint, mm
# Of POINT seen by the cameras of S1: computed once, elsewhere, from the
# published calibration with OpenCV's lens model.
CAMERA_SPACE = [
    [-334.053, -295.811, 5087.755],
    [420.696, -489.602, 5540.697],
    [267.361, -585.999, 5373.657],
    [118.893, -545.915, 4372.770],
]
PIXELS = [
    [437.448, 449.023],
    [595.911, 406.854],
    [576.864, 376.442],
    [546.017, 359.324],
]


def test_human36m_sees_the_golden_point():
    cameras = virtual_cameras.human36m()["S1"]
    keypoints_2d, joints_camera = virtual_cameras.view(POINT, cameras)
    assert keypoints_2d.shape == (1, 4, 1, 2)
    np.testing.assert_allclose(joints_camera[0, :, 0], CAMERA_SPACE, atol=2e-3)
    np.testing.assert_allclose(keypoints_2d[0, :, 0], PIXELS, atol=2e-3)
    assert keypoints_2d.dtype == joints_camera.dtype == np.float32


def test_view_with_the_lens_model_of_human36m():
    cameras = virtual_cameras.human36m()["S1"]
    keypoints_2d, _ = virtual_cameras.view(POINT, cameras, model="human36m")
    np.testing.assert_allclose(
        keypoints_2d[0, :, 0],
        [
            [437.459, 449.033],
            [595.901, 406.866],
            [576.856, 376.462],
            [546.010, 359.354],
        ],
        atol=1e-3,
    )


def test_human36m_has_seven_subjects_and_two_image_sizes():
    sets = virtual_cameras.human36m()
    assert list(sets) == ["S1", "S5", "S6", "S7", "S8", "S9", "S11"]
    for cameras in sets.values():
        np.testing.assert_array_equal(
            cameras.image_size,
            [[1000, 1002], [1000, 1000], [1000, 1000], [1000, 1002]],
        )
        # They stand 3.5 to 6 m from the middle, at head height.
        distance = np.linalg.norm(cameras.centers[:, :2], axis=-1)
        assert (3500 < distance).all() and (distance < 6000).all()
        assert (1400 < cameras.centers[:, 2]).all()
        assert (cameras.centers[:, 2] < 1700).all()


def test_calibration_fits_a_record():
    calibration = virtual_cameras.human36m()["S9"].calibration()
    assert list(calibration) == list(schema.CALIBRATION)
    for key, field in schema.CALIBRATION.items():
        assert calibration[key].shape == (4, *field.shape[1:])


def test_look_at_puts_up_up_and_the_target_in_the_middle():
    # From the south, 2 m up, towards a target 3 m north of it.
    rotation, translation = virtual_cameras.look_at(
        [0.0, -3000.0, 2000.0], [0.0, 0.0, 2000.0]
    )
    east, north, up = np.eye(3)
    np.testing.assert_allclose(rotation @ east, [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(rotation @ up, [0, -1, 0], atol=1e-12)
    np.testing.assert_allclose(rotation @ north, [0, 0, 1], atol=1e-12)
    target = rotation @ [0.0, 0.0, 2000.0] + translation
    np.testing.assert_allclose(target, [0.0, 0.0, 3000.0], atol=1e-9)


@pytest.mark.parametrize("position", [[0.0, 0.0, 5.0], [0.0, 0.0, 0.0]])
def test_look_at_refuses_a_view_straight_down(position):
    with pytest.raises(ValueError, match="nor look along `up`"):
        virtual_cameras.look_at(position, [0.0, 0.0, 0.0])


def test_ring_stands_around_its_target():
    cameras = virtual_cameras.ring(
        4, distance=4000.0, elevation=np.pi / 6, target=(100.0, 0.0, 900.0)
    )
    side, height = 4000.0 * np.cos(np.pi / 6), 900.0 + 2000.0
    np.testing.assert_allclose(
        cameras.centers,
        [
            [100.0 + side, 0.0, height],
            [100.0, side, height],
            [100.0 - side, 0.0, height],
            [100.0, -side, height],
        ],
        atol=1e-6,
    )
    keypoints_2d, joints_camera = virtual_cameras.view(
        np.array([[[100.0, 0.0, 900.0]]]), cameras
    )
    np.testing.assert_allclose(keypoints_2d, 500.0, atol=1e-2)
    np.testing.assert_allclose(joints_camera[..., 2], 4000.0, atol=1e-2)
    np.testing.assert_allclose(np.linalg.det(cameras.rotation), 1.0)


def test_random_cameras_repeat_and_stay_in_their_ranges():
    def draw(seed):
        return virtual_cameras.random_cameras(
            seed, 500, distance=(3000.0, 6000.0), elevation=(-0.1, 0.3)
        ).centers

    centers = draw([1, 2])
    np.testing.assert_array_equal(centers, draw([1, 2]))
    assert not np.allclose(centers, draw(3))
    distance = np.linalg.norm(centers, axis=-1)
    elevation = np.arcsin(centers[:, 2] / distance)
    assert 3000 <= distance.min() < 3100 and 5900 < distance.max() <= 6000
    assert -0.1 <= elevation.min() < -0.09 and 0.29 < elevation.max() <= 0.3
    azimuth = np.arctan2(centers[:, 1], centers[:, 0])
    counts, _ = np.histogram(azimuth, bins=4, range=(-np.pi, np.pi))
    assert counts.min() > 90  # of 125 expected in each quarter


def test_view_refuses_a_joint_behind_a_camera():
    cameras = virtual_cameras.ring(2, distance=1000.0)
    joints_world = np.array([[[0.0, 0.0, 0.0], [2000.0, 0.0, 0.0]]])
    with pytest.raises(ValueError, match="depth -1000 mm in view 0"):
        virtual_cameras.view(joints_world, cameras)
