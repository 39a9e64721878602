"""Jitter goes, motion stays, gaps stay gaps."""

import numpy as np
import pytest

from tf_poselift.keypoint_files import smoothing

FPS = 30.0
FRAMES = np.arange(120)


def motion(frames=FRAMES) -> np.ndarray:
    """Two joints on circles of 100 pixels, one turn in four seconds."""
    angle = 2.0 * np.pi * frames[:, np.newaxis] / (4.0 * FPS) + [0.0, 1.0]
    return 100.0 * np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def noisy(seed=0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0.0, 2.0, (120, 2, 2))
    return (motion() + noise).astype(np.float32)


@pytest.mark.parametrize("method", smoothing.METHODS)
def test_jitter_goes_and_motion_stays(method):
    points = noisy()
    smoothed = smoothing.smooth(method, points, FRAMES, FPS)
    assert smoothed.dtype == np.float32
    before = smoothing.acceleration(points, FRAMES)
    assert smoothing.acceleration(smoothed, FRAMES) < 0.75 * before
    assert np.abs(smoothed - motion()).mean() < 5.0
    scaled = smoothing.smooth(method, points / 1000.0, FRAMES, FPS)
    np.testing.assert_allclose(scaled * 1000.0, smoothed, atol=1e-3)


def test_savgol_keeps_a_cubic():
    points = (FRAMES[:, None, None] / 60.0) ** 3 + np.zeros((1, 1, 3))
    smoothed = smoothing.smooth("savgol", points, FRAMES, FPS)
    np.testing.assert_allclose(smoothed, points, atol=1e-9)


def test_one_euro_looks_only_back():
    points = noisy()
    cut = smoothing.smooth("one_euro", points[:60], FRAMES[:60], FPS)
    # The size that speeds are measured in is the whole clip's.
    whole = smoothing.smooth("one_euro", points, FRAMES, FPS)
    np.testing.assert_allclose(cut, whole[:60], atol=0.5)


@pytest.mark.parametrize("method", smoothing.METHODS)
def test_missing_joints_stay_missing(method):
    points = noisy()
    points[40:44, 0] = np.nan
    points[:, 1] = np.nan
    smoothed = smoothing.smooth(method, points, FRAMES, FPS)
    np.testing.assert_array_equal(np.isnan(smoothed), np.isnan(points))
    assert np.abs(smoothed - motion())[:, 0][~np.isnan(points[:, 0])].max() < 15


@pytest.mark.parametrize("method", smoothing.METHODS)
def test_who_comes_back_begins_anew(method):
    """Nothing of before a long absence is mixed into after it."""
    points = noisy()
    frames = np.concatenate([FRAMES[:60], FRAMES[60:] + 300])
    points[60:] += 5000.0
    smoothed = smoothing.smooth(method, points, frames, FPS)
    alone = smoothing.smooth(method, points[60:], frames[60:], FPS)
    np.testing.assert_allclose(smoothed[60:], alone, atol=0.5)
    assert smoothed[:60].max() < 200.0


def test_every_fifth_frame_is_a_step():
    points = noisy()
    five = smoothing.smooth("savgol", points, 5 * FRAMES, 5 * FPS)
    one = smoothing.smooth("savgol", points, FRAMES, FPS)
    np.testing.assert_allclose(five, one, atol=1e-4)


@pytest.mark.parametrize("method", smoothing.METHODS)
@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_few_frames_are_fine(method, count):
    points = noisy()[:count]
    smoothed = smoothing.smooth(method, points, FRAMES[:count], FPS)
    assert smoothed.shape == points.shape and np.isfinite(smoothed).all()


def test_acceleration_is_the_second_difference_of_neighbours():
    points = np.zeros((4, 1, 2))
    points[2] = [3.0, 4.0]
    # Seconds: (3, 4) and -2 (3, 4).
    assert smoothing.acceleration(points, np.arange(4)) == 7.5
    assert smoothing.acceleration(points, np.array([0, 1, 2, 9])) == 5.0
    assert np.isnan(smoothing.acceleration(points[:2], np.arange(2)))
