"""npz of VideoPose3D, and plain arrays of stills."""

import pathlib
import pickle

import numpy as np
import pytest

from tf_poselift import skeletons
from tf_poselift.keypoint_files import reading

POSE = np.array([[[10.0, 90.0], [10.0, 20.0]]])


def test_videopose3d_has_videos_of_people(tmp_path, skeleton):
    walk = np.concatenate([POSE, POSE + 1.0])
    gap = np.array([[[10.0, 90.0], [np.nan, 20.0]], [[0.0, 0.0], [5.0, 5.0]]])
    positions = {
        "a.mp4": {"custom": [walk, gap]},
        "S1": {"Walking 1": [walk]},
    }
    metadata = {"video_metadata": {"a.mp4": {"w": 640, "h": 480}}}
    path = tmp_path / "data_2d_custom_mine.npz"
    np.savez_compressed(path, positions_2d=positions, metadata=metadata)
    assert reading.detect(path) == "videopose3d"
    first, second, other = reading.read(path, skeleton)
    assert first.name == second.name == "data_2d_custom_mine/a.mp4"
    assert (first.person, second.person) == (0, 1)
    assert first.image_size == (640.0, 480.0)
    np.testing.assert_array_equal(first.keypoints_2d, walk)
    assert second.scores.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert other.name == "data_2d_custom_mine/S1/Walking 1"
    assert other.image_size is None


class _Touch:
    """A pickle that makes a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return pathlib.Path.touch, (self.path,)


def test_a_pickle_that_runs_something_is_refused_and_not_run(
    tmp_path, skeleton
):
    trap, path = tmp_path / "trap", tmp_path / "evil.npz"
    np.savez(path, positions_2d=np.array(_Touch(trap), dtype=object))
    with pytest.raises(ValueError, match=r"evil.npz.*nothing of it was run"):
        reading.read(path, skeleton)
    (tmp_path / "evil.npy").write_bytes(pickle.dumps(_Touch(trap)))
    with pytest.raises(ValueError, match="evil.npy is no array of numbers"):
        reading.read(tmp_path / "evil.npy", skeleton)
    assert not trap.exists()


@pytest.mark.parametrize("form", ["points", "flat", "scored", "npz"])
def test_every_row_of_an_array_is_another_person(form, tmp_path, skeleton):
    poses = np.concatenate([POSE, np.zeros_like(POSE), POSE + 5.0])
    array = {
        "flat": poses.reshape(3, 4),
        "scored": np.concatenate([poses, poses[..., :1] * 0.05], axis=-1),
    }.get(form, poses)
    path = tmp_path / f"people.{'npz' if form == 'npz' else 'npy'}"
    (np.savez if form == "npz" else np.save)(path, array)
    assert reading.detect(path) == "stills"
    first, last = reading.read(path, skeleton)  # the second has no joint
    assert first.frame_index.tolist() == [0] and first.person == 0
    assert last.frame_index.tolist() == [2] and last.person == 1
    np.testing.assert_array_equal(last.keypoints_2d, POSE + 5.0)
    score = 0.5 if form == "scored" else 1.0
    np.testing.assert_allclose(first.scores, [[score, score]], 1e-6)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros([3, 6]), r"people.npy: must have the 2 joints .*: 3 joints"),
        (np.zeros([3, 5]), r"must have shape \[N, J, 2\], or .*: \(3, 5\)"),
        (np.zeros([3, 2, 4]), r"Received: \(3, 2, 4\)"),
        (np.array(["a"]), "must hold an array of numbers"),
    ],
)
def test_other_arrays_are_refused(array, message, tmp_path, skeleton):
    np.save(tmp_path / "people.npy", array)
    with pytest.raises(ValueError, match=message):
        reading.read(tmp_path / "people.npy", skeleton)


def test_damaged_and_other_npz_are_named(tmp_path, skeleton):
    path = tmp_path / "a.npz"
    np.savez(path, positions_2d={"v": [1]})
    with pytest.raises(ValueError, match="a.npz must hold `positions_2d`, {vi"):
        reading.read(path, skeleton)
    twice = {"v/w": {"custom": [POSE]}, "v": {"w": [POSE]}}
    np.savez(path, positions_2d=twice)
    with pytest.raises(ValueError, match="both `a/v/w`. Rename one"):
        reading.read(path, skeleton)
    np.savez(path, positions_2d={"v": {"custom": [np.zeros([4, 17, 2])]}})
    message = "`v`, `custom`, array 0: must have the 2 joints"
    with pytest.raises(ValueError, match=message):
        reading.read(path, skeleton)
    np.savez(path, a=POSE, b=POSE)
    with pytest.raises(ValueError, match="must hold one array. Received: a, b"):
        reading.read(path, skeleton)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="a.npz is no npz file"):
        reading.detect(path)
    np.save(tmp_path / "a.npy", POSE)
    half = (tmp_path / "a.npy").read_bytes()[:-8]
    (tmp_path / "a.npy").write_bytes(half)
    with pytest.raises(ValueError, match="a.npy is no array of numbers"):
        reading.read(tmp_path / "a.npy", skeleton)


def test_the_real_poses_are_all_read(raw_data):
    path = raw_data / "mpii_poses" / "mpii_poses.npy"
    if not path.is_file():
        pytest.skip("needs mpii_poses in the folder TF_POSELIFT_DATA")
    found = reading.read(path, skeletons.load("human36m_17"))
    assert len(found) == 19919
    assert found[0].keypoints_2d[0, 0].tolist() == [610.0, 187.0]
    assert all(track.scores.all() for track in found)
