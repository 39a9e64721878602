"""Who is who from frame to frame, where the detector does not tell.

A detection continues the track whose last pose is nearest: the mean distance of
the joints that both show, divided by the diagonal of the box of the joints
seen, the larger of both poses. Of all pairings of a frame's detections with the
tracks the one with the most pairs counts, and of these the one with the
smallest sum (Hungarian algorithm).

- A pair is nearer than `MAX_STEP` diagonals, or it is somebody new. Walking at
  30 frames a second moves a person by 0.02 of it.
- A track that finds nobody stays open for `MAX_GAP` frames (of the frames that
  the file counts in: if it has every fifth frame, of those). Who comes back
  later is somebody new. Short tracks stay.
"""

import numpy as np
from scipy import optimize

from tf_poselift.keypoint_files import on_disk

MAX_STEP = 0.5
MAX_GAP = 15
_FAR = 1e6  # costs more than any pairing that counts


def follow(
    frame_index: np.ndarray, keypoints_2d: on_disk.Rows, scores: on_disk.Rows
) -> np.ndarray:
    """Returns the number of the person [N] of every detection.

    Args:
      frame_index: [N] in increasing order.
      keypoints_2d: [N, J, 2].
      scores: [N, J]; 0 = missing.
    """
    person = np.zeros(len(frame_index), np.int64)
    frames, starts = np.unique(frame_index, return_index=True)
    if len(frames) < 2:
        return np.arange(len(frame_index))
    max_gap = MAX_GAP * np.diff(frames).min()
    size = np.concatenate(
        [
            _size(keypoints_2d[rows], scores[rows] > 0.0)
            for rows in on_disk.slices(len(frame_index))
        ]
    )
    count = 0
    latest = np.zeros(0, np.int64)  # the last detection of every open track
    for rows in np.split(np.arange(len(frame_index)), starts[1:]):
        open_since = frame_index[rows[0]] - frame_index[latest]
        latest = latest[open_since <= max_gap]
        cost = _steps(keypoints_2d, scores, size, latest, rows)
        track, found = optimize.linear_sum_assignment(cost)
        near = cost[track, found] < _FAR
        track, found = track[near], found[near]
        person[rows[found]] = person[latest[track]]
        new = np.setdiff1d(np.arange(len(rows)), found)
        person[rows[new]] = count + np.arange(len(new))
        count += len(new)
        latest = np.concatenate([np.delete(latest, track), rows])
    return person


def _size(keypoints_2d: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Diagonal [N] of the box of the joints that are seen, at least 1 pixel."""
    seen = seen[..., np.newaxis]
    low = np.where(seen, keypoints_2d, np.inf).min(axis=1)
    high = np.where(seen, keypoints_2d, -np.inf).max(axis=1)
    return np.maximum(np.linalg.norm(high - low, axis=-1), 1.0)


def _steps(keypoints_2d, scores, size, latest, rows) -> np.ndarray:
    """Cost [tracks, detections] of every pair, in diagonals."""
    both = (scores[latest] > 0.0)[:, np.newaxis] & (scores[rows] > 0.0)
    steps = np.linalg.norm(
        keypoints_2d[latest][:, np.newaxis] - keypoints_2d[rows], axis=-1
    )
    shared = both.sum(axis=-1)
    mean = (steps * both).sum(axis=-1) / np.maximum(shared, 1)
    larger = np.maximum(size[latest][:, np.newaxis], size[rows])
    near = (shared > 0) & (mean < MAX_STEP * larger)
    return np.where(near, mean / larger, _FAR)
