"""Clips on the floor of the Human3.6M laboratory, seen by its cameras."""

import numpy as np
import pytest

from tf_poselift import schema
from tf_poselift.data import mocap_clips

CONFIGS = {config.name: config for config in mocap_clips.CONFIGS}


def _walk(frames: int = 40, speed: float = 100.0) -> np.ndarray:
    """A pelvis, a head and a foot that go along y, speed in mm per frame."""
    joints = np.array([[5.0, 0, 900], [5, 0, 1600], [5, 30, 100]])
    joints = np.tile(joints, (frames, 1, 1))
    joints[..., 1] += speed * np.arange(frames)[:, np.newaxis]
    joints[0, 2, 2] = 0.0  # one frame in which the foot is 0.1 m lower
    return joints


def _example(name: str, joints: np.ndarray, position: int = 0) -> dict:
    config = CONFIGS[name]
    return mocap_clips.example(config, position, joints, clip_id="walk")


def test_the_floor_is_the_5th_percentile_of_the_lowest_joint():
    placed = mocap_clips.place(_walk(), centred="frame")
    np.testing.assert_allclose(placed[1:, 2, 2], 0.0, atol=1e-9)
    assert placed[0, 2, 2] == pytest.approx(-100.0)


def test_centring_by_frame_and_by_clip():
    joints = _walk()
    frame = mocap_clips.place(joints, centred="frame")
    np.testing.assert_allclose(frame[:, 0, :2], 0.0, atol=1e-9)
    clip = mocap_clips.place(joints, centred="clip")
    assert clip[0, 0].tolist() == [0.0, -1950.0, 800.0]
    assert clip[-1, 0].tolist() == [0.0, 1950.0, 800.0]
    np.testing.assert_allclose(frame - frame[:, :1], clip - clip[:, :1])


def test_subjects_take_turns():
    first, second, eighth = (
        mocap_clips.cameras_in_turn(i, distorted=True) for i in (0, 1, 7)
    )
    np.testing.assert_array_equal(first.translation, eighth.translation)
    # S1 and S5, camera 54138969.
    np.testing.assert_allclose(first.centers[0, 0], 1841.107, atol=1e-3)
    np.testing.assert_allclose(second.centers[0, 0], 2097.392, atol=1e-3)
    perfect = mocap_clips.cameras_in_turn(0, distorted=False)
    assert not perfect.distortion.any() and first.distortion.any()


def test_an_undistorted_record_is_a_pinhole_image_of_its_joints():
    record = _example("human36m_cameras_undistorted", _walk())
    joints = record[schema.JOINTS_3D]
    assert joints.shape == (40, 4, 3, 3)
    rays = joints / joints[..., 2:]
    intrinsics = record[schema.CAMERAS][schema.INTRINSICS]
    pixels = np.einsum("vij,tvnj->tvni", intrinsics, rays)[..., :2]
    np.testing.assert_allclose(record[schema.KEYPOINTS_2D], pixels, atol=1e-2)
    assert (record[schema.SCORES] == 1.0).all()
    assert record[schema.FRAME_VALID].all()
    assert record[schema.FPS] == 30.0
    moved = _example("human36m_cameras", _walk())[schema.KEYPOINTS_2D]
    shift = np.linalg.norm(moved - pixels, axis=-1)
    assert 0.1 < shift.max() < 10.0


def test_a_person_who_leaves_a_view_is_missing_there():
    record = _example("trajectories", _walk(speed=250.0))
    scores, valid = record[schema.SCORES], record[schema.FRAME_VALID]
    # The path is 9.8 m long, the cameras stand 4 to 5 m from its middle.
    assert valid[20] and not valid[0] and not valid[-1]
    np.testing.assert_array_equal(valid, scores.min(axis=(1, 2)) > 0.0)
    assert scores[0].max() == 1.0  # the far cameras still see the person
    unseen = scores == 0.0
    assert (record[schema.KEYPOINTS_2D][unseen] == 0.0).all()
    assert record[schema.JOINTS_3D_VALID].all()
    depth = record[schema.JOINTS_3D][..., 2]
    assert depth.min() < 0.0 and depth[~unseen].min() >= 500.0


def test_refusals():
    with pytest.raises(ValueError, match="Clip `walk` has no frames."):
        _example("trajectories", np.zeros((0, 3, 3)))
    with pytest.raises(ValueError, match="Unknown centring `room`. Known"):
        mocap_clips.CameraConfig(name="a", distorted=True, centred="room")
