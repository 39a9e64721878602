"""Memory is bounded by the chunk, not by the video."""

import tracemalloc

import numpy as np
import pytest

from tf_poselift import skeletons
from tf_poselift.keypoint_files import lifting
from tf_poselift.keypoint_files import on_disk
from tf_poselift.keypoint_files import smoothing
from tf_poselift.keypoint_files import tracks as tracks_lib
from tf_poselift.keypoint_files import write_bvh
from tf_poselift.keypoint_files import writing

SKELETON = skeletons.load("human36m_17")


def lift(keypoints_2d, scores):
    """Depths that follow from the picture alone."""
    flat = keypoints_2d - keypoints_2d[:, :1]
    joints = np.concatenate([flat, np.sin(flat[..., :1])], axis=-1)
    size = np.linalg.norm(joints, axis=-1).mean(axis=1)
    return {
        "joints_3d": joints / size[:, np.newaxis, np.newaxis],
        "scale": np.zeros(len(scores), np.float32),
        "valid": np.ones(len(scores), bool),
        "uncertainty": np.abs(joints[..., 2]),
    }


def track(count: int) -> tracks_lib.Track:
    """Somebody who moves for `count` frames, on disk."""
    rng, store = np.random.default_rng(0), on_disk.Store()
    pose = rng.normal(500.0, 100.0, (17, 2))
    parts = (
        np.clip(pose + rng.normal(0.0, 5.0, (100, 17, 2)), 0.0, 1000.0)
        for _ in range(count // 100)
    )
    scores = (np.ones((100, 17)) for _ in range(count // 100))
    return tracks_lib.Track(
        name="walk",
        person=0,
        frame_index=np.arange(count),
        keypoints_2d=store.gather(parts, 17, 2),
        scores=store.gather(scores, 17),
    )


def peak(count: int, folder, **options) -> int:
    """Returns the most bytes that Python had at a time, from 2D to files."""
    given = track(count)
    tracemalloc.start()
    try:
        video, _ = lifting.lift_video(
            "walk",
            [given],
            lift,
            source=SKELETON,
            target=SKELETON,
            options=lifting.Options(**options),
        )
        writing.write(video, folder, writing.FORMATS)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("smooth", [None, "savgol"])
def test_four_times_the_frames_take_no_more_memory(
    smooth, tmp_path, monkeypatch
):
    monkeypatch.setattr(on_disk, "CHUNK", 200)
    monkeypatch.setattr(write_bvh, "_SAMPLE", 200)
    monkeypatch.setattr(smoothing, "_MARGIN", 100)
    options = {"smooth": smooth, "level": True}
    short, long = (
        peak(count, tmp_path / str(count), **options) for count in (2000, 8000)
    )
    # Numbers of frames and the like, and no array of joints (200 bytes).
    assert long - short < 6000 * 60
    assert short > 200 * 17 * 3 * 4
