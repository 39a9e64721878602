"""Smooths the points of one person over time, 2D or 3D.

- `one_euro`: a low-pass filter whose cut-off rises with speed (Casiez, Roussel
  and Vogel 2012, "1 Euro filter"); looks only back, lags a little.
- `savgol`: a cubic through a third of a second (Savitzky and Golay 1964);
  looks both ways.

Frames that are missing for longer than `MAX_GAP` part the video in two.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from scipy import signal

from tf_poselift.keypoint_files import on_disk

METHODS = ("one_euro", "savgol")
MAX_GAP = 10
# Of the one-euro filter: Hz at rest, Hz per body size per second, Hz for the
# speed. Speeds are in sizes of the person, so that pixels, model units and
# metres behave alike.
_MIN_CUTOFF = 3.0
_BETA = 15.0
_SPEED_CUTOFF = 1.0
_WINDOW = 0.3  # seconds, of savgol
_ORDER = 3
# Rows beside a chunk that are smoothed with it: what is farther away counts
# for nothing (a joint that is missing for longer excepted).
_MARGIN = 1024


class Points(Protocol):
    """[T, J, D] of which slices are read; NaN where missing."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice) -> np.ndarray: ...


def smooth_in_parts(
    method: str,
    points: Points,
    frame_index: np.ndarray,
    fps: float,
    write: Callable[[slice, np.ndarray], None],
) -> None:
    """Smooths what may be too long for the memory.

    Args:
      method: one of `METHODS`.
      points: [T, J, D]; NaN where missing.
      frame_index: [T] increasing.
      fps: frames of `frame_index` per second.
      write: gets rows and what `smooth` would return for them; must not change
        `points`.
    """
    size = _size(on_disk.sample(points)) if len(points) else 1.0
    step = int(np.diff(frame_index).min()) if len(points) > 1 else 1
    for rows in on_disk.slices(len(points)):
        wide = slice(max(rows.start - _MARGIN, 0), rows.stop + _MARGIN)
        smoothed = smooth(
            method, points[wide], frame_index[wide], fps, size=size, step=step
        )
        write(
            rows, smoothed[rows.start - wide.start :][: rows.stop - rows.start]
        )


def smooth(
    method: str,
    points: np.ndarray,
    frame_index: np.ndarray,
    fps: float,
    *,
    size: float | None = None,
    step: int | None = None,
) -> np.ndarray:
    """Returns points [T, J, D] without jitter; what is NaN stays NaN.

    Args:
      method: one of `METHODS`.
      points: [T, J, D]; NaN where missing.
      frame_index: [T] increasing.
      fps: frames of `frame_index` per second.
      size: of the person, in the unit of the points; None: as they show.
      step: frames from one detection to the next; None: the smallest there is.
    """
    if not len(points):
        return points
    known = np.isfinite(points)
    smoothed = points.astype(np.float64)
    # Detectors may skip: every n-th frame is a step.
    if step is None:
        step = int(np.diff(frame_index).min()) if len(points) > 1 else 1
    steps = frame_index // step
    cuts = np.flatnonzero(np.diff(steps) > MAX_GAP) + 1
    size = _size(points) if size is None else size
    for rows in np.split(np.arange(len(points)), cuts):
        dense, place = _on_every_step(smoothed[rows], steps[rows])
        if method == "savgol":
            dense = _savgol(dense, fps / step)
        else:
            dense = _one_euro(dense, fps / step, size)
        smoothed[rows] = dense[place]
    return np.where(known, smoothed, np.nan).astype(points.dtype)


def acceleration(points: Points, frame_index: np.ndarray) -> float:
    """Returns the mean length of the second difference, per frame squared.

    Over joints that are known in three frames that follow each other; NaN if
    there are none.

    Args:
      points: [T, J, D]; NaN where missing.
      frame_index: [T] increasing.
    """
    total, count = 0.0, 0
    for start in range(0, len(points) - 2, on_disk.CHUNK):
        rows = slice(start, start + on_disk.CHUNK + 2)
        part = points[rows].astype(np.float64)
        gaps = np.diff(frame_index[rows])
        second = part[2:] - 2.0 * part[1:-1] + part[:-2]
        second = second[(gaps[1:] == 1) & (gaps[:-1] == 1)]
        length = np.linalg.norm(second, axis=-1)
        length = length[np.isfinite(length)]
        total, count = total + float(length.sum()), count + len(length)
    return total / count if count else float("nan")


def _size(points: np.ndarray) -> float:
    """Returns the median diagonal of the box of a frame's points."""
    seen = np.isfinite(points)
    low = np.where(seen, points, np.inf).min(axis=1)
    high = np.where(seen, points, -np.inf).max(axis=1)
    diagonal = np.linalg.norm(high - low, axis=-1)
    diagonal = diagonal[np.isfinite(diagonal) & (diagonal > 0.0)]
    return float(np.median(diagonal)) if len(diagonal) else 1.0


def _on_every_step(points, steps) -> tuple[np.ndarray, np.ndarray]:
    """Returns points on all steps, gaps filled, and where the given ones are.

    Linear between; a joint that was never seen is 0.
    """
    place = steps - steps[0]
    every = np.arange(place[-1] + 1)
    dense = np.zeros((len(every), *points.shape[1:]))
    for joint in range(points.shape[1]):
        for axis in range(points.shape[2]):
            values = points[:, joint, axis]
            known = np.isfinite(values)
            if known.any():
                dense[:, joint, axis] = np.interp(
                    every, place[known], values[known]
                )
    return dense, place


def _savgol(points: np.ndarray, rate: float) -> np.ndarray:
    window = max(5, 2 * round(_WINDOW * rate / 2.0) + 1)
    if len(points) < window:
        return points
    return signal.savgol_filter(points, window, _ORDER, axis=0)


def _one_euro(points: np.ndarray, rate: float, size: float) -> np.ndarray:
    smoothed = np.empty_like(points)
    smoothed[0] = points[0]
    speed = np.zeros_like(points[0])
    keep_speed = _share(_SPEED_CUTOFF, rate)
    for t in range(1, len(points)):
        moved = (points[t] - smoothed[t - 1]) * (rate / size)
        speed += keep_speed * (moved - speed)
        share = _share(_MIN_CUTOFF + _BETA * np.abs(speed), rate)
        smoothed[t] = smoothed[t - 1] + share * (points[t] - smoothed[t - 1])
    return smoothed


def _share(cutoff, rate: float):
    """Returns the share of the new value: Casiez et al., Eq. 3 and 5."""
    turns = 2.0 * np.pi * cutoff / rate
    return turns / (turns + 1.0)
