"""Smooths tracks and lifted people, however long, and says by how much."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from tf_poselift.keypoint_files import lifted
from tf_poselift.keypoint_files import on_disk
from tf_poselift.keypoint_files import smoothing
from tf_poselift.keypoint_files import tracks as tracks_lib


class _Seen:
    """Keypoints [T, J, 2] of a track, NaN where missing."""

    def __init__(self, track: tracks_lib.Track):
        self._track = track

    def __len__(self) -> int:
        return len(self._track.frame_index)

    def __getitem__(self, rows: slice) -> np.ndarray:
        seen = (self._track.scores[rows] > 0.0)[..., np.newaxis]
        points = self._track.keypoints_2d[rows]
        return np.where(seen, points, np.float32(np.nan))


def tracks(
    found: Sequence[tracks_lib.Track],
    method: str,
    fps: float,
    notes: list[str],
    store: on_disk.Memory,
) -> list[tracks_lib.Track]:
    """Smooths the keypoints of everybody.

    Args:
      found: everybody.
      method: one of `smoothing.METHODS`.
      fps: frames per second.
      notes: gets the mean acceleration before and after.
      store: makes the arrays.
    """
    before, after, smoothed = [], [], []
    for track in found:
        points = store.empty(*track.keypoints_2d.shape)

        def write(rows: slice, values: np.ndarray, points=points) -> None:
            points[rows] = np.nan_to_num(values)

        smoothing.smooth_in_parts(
            method, _Seen(track), track.frame_index, fps, write
        )
        result = dataclasses.replace(track, keypoints_2d=points)
        before.append(smoothing.acceleration(_Seen(track), track.frame_index))
        after.append(smoothing.acceleration(_Seen(result), track.frame_index))
        smoothed.append(result)
    notes.append(_smoothed("2D", before, after, "pixels"))
    return smoothed


def people(
    lifted_people: Sequence[lifted.Person],
    method: str,
    fps: float,
    unit: str,
    notes: list[str],
    store: on_disk.Memory,
) -> list[lifted.Person]:
    """Smooths the joints of everybody in 3D.

    Args:
      lifted_people: everybody.
      method: one of `smoothing.METHODS`.
      fps: frames per second.
      unit: of the joints.
      notes: gets the mean acceleration before and after.
      store: makes the arrays.
    """
    before, after, smoothed = [], [], []
    for person in lifted_people:
        frames, joints_3d = person.frame_index, person.joints_3d
        result = store.empty(*joints_3d.shape)
        smoothing.smooth_in_parts(
            method, joints_3d, frames, fps, result.__setitem__
        )
        before.append(smoothing.acceleration(joints_3d, frames))
        after.append(smoothing.acceleration(result, frames))
        smoothed.append(dataclasses.replace(person, joints_3d=result))
    name = "model units" if unit == "model" else unit
    notes.append(_smoothed("3D", before, after, name))
    return smoothed


def _smoothed(what: str, before, after, unit: str) -> str:
    """Says how much smoother it became, over the people who moved."""
    means = [
        np.mean([v for v in values if np.isfinite(v)] or [np.nan])
        for values in (before, after)
    ]
    return (
        f"mean acceleration {what}: {means[0]:.4g} {unit} per frame^2, "
        f"smoothed {means[1]:.4g}"
    )
