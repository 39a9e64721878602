"""Tracks: what every reader of keypoint files returns.

A detector writes who it saw in which frame; a track is one person through the
frames of one video.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from tf_poselift.keypoint_files import association
from tf_poselift.keypoint_files import on_disk


@dataclasses.dataclass(frozen=True, eq=False)
class Track:
    """One person in one video; frames without the person are not there.

    Attributes:
      name: of the video: the file's or folder's, without its ending.
      person: number of the person within the video.
      frame_index: [T] int64, increasing.
      keypoints_2d: [T, J, 2] float32 pixels, origin top left; 0 where missing;
        on disk where the reader was given an `on_disk.Store`.
      scores: [T, J] float32 in [0, 1]; 0 = missing; likewise.
      image_size: (width, height) in pixels, if the file tells.
    """

    name: str
    person: int
    frame_index: np.ndarray
    keypoints_2d: on_disk.Rows
    scores: on_disk.Rows
    image_size: tuple[float, float] | None = None

    def highest_score(self) -> float:
        """Returns the highest score of any joint; 0 of no frame."""
        parts = on_disk.slices(len(self.frame_index))
        return max((float(self.scores[p].max()) for p in parts), default=0.0)


def from_detections(
    name: str,
    frame_index: Sequence[int],
    detections: on_disk.Rows,
    *,
    identity: Sequence[int] | None = None,
    stills: bool = False,
    image_size: tuple[float, float] | None = None,
    store: on_disk.Memory = on_disk.MEMORY,
) -> list[Track]:
    """Puts the detections of a video together to tracks.

    Scores are clipped to [0, 1]. A joint is missing where a number is not
    finite or its score is not above 0. People without any joint are left out.

    Args:
      name: of the video.
      frame_index: [N] the frame of every detection.
      detections: [N, J, 3] x, y in pixels and score.
      identity: [N] who it is, if the detector tells. Numbers below 0, or one
        that stands twice in a frame, tell nothing: then, as without it,
        people are followed from frame to frame (`association`).
      stills: every detection is another person.
      image_size: (width, height) in pixels.
      store: makes the arrays of the tracks.
    """
    frame_index = np.asarray(frame_index, np.int64)
    keypoints_2d, scores, kept = _cleaned(detections, store)
    order = np.flatnonzero(kept)
    order = order[np.argsort(frame_index[order], kind="stable")]
    if not len(order):
        return []
    frame_index = frame_index[order]
    keypoints_2d, scores = (
        _rows(array, order, store) for array in (keypoints_2d, scores)
    )
    if stills:
        person = np.arange(len(order))
    elif identity is not None and _tells(
        named := np.asarray(identity, np.int64)[order], frame_index
    ):
        person = named
    else:
        person = association.follow(frame_index, keypoints_2d, scores)
    # Rows of one person next to each other, still in the order of time.
    by_person = np.argsort(person, kind="stable")
    numbers, starts = np.unique(person[by_person], return_index=True)
    return [
        Track(
            name=name,
            person=int(number),
            frame_index=frame_index[rows],
            keypoints_2d=_rows(keypoints_2d, rows, store),
            scores=_rows(scores, rows, store),
            image_size=image_size,
        )
        for number, rows in zip(
            numbers, np.split(by_person, starts[1:]), strict=True
        )
    ]


def _cleaned(detections: on_disk.Rows, store: on_disk.Memory):
    """Returns keypoints [N, J, 2], scores [N, J] and who has a joint [N]."""
    count, joints, _ = detections.shape
    keypoints_2d = store.empty(count, joints, 2)
    scores = store.empty(count, joints)
    kept = np.zeros(count, bool)
    for rows in on_disk.slices(count):
        part = detections[rows]
        keypoints_2d[rows], own = clean(part[..., :2], part[..., 2])
        scores[rows], kept[rows] = own, own.any(axis=-1)
    return keypoints_2d, scores, kept


def _rows(array: on_disk.Rows, rows: np.ndarray, store: on_disk.Memory):
    """Returns `array[rows]`, made in chunks; the array itself for all rows."""
    if np.array_equal(rows, np.arange(len(array))):
        return array
    result = store.empty(len(rows), *array.shape[1:])
    for part in on_disk.slices(len(rows)):
        result[part] = array[rows[part]]
    return result


def clean(
    keypoints_2d: np.ndarray, scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns both as float32, 0 where a joint is missing; scores <= 1."""
    finite = np.isfinite(keypoints_2d).all(axis=-1) & ~np.isnan(scores)
    scores = np.where(finite, np.clip(scores, 0.0, 1.0), 0.0)
    seen = (scores > 0.0)[..., np.newaxis]
    keypoints_2d = np.where(seen, keypoints_2d, 0.0)
    return keypoints_2d.astype(np.float32), scores.astype(np.float32)


def _tells(identity: np.ndarray, frame_index: np.ndarray) -> bool:
    """Whether the numbers keep the people of every frame apart."""
    pairs = np.stack([frame_index, identity], axis=-1)
    unique = len(np.unique(pairs, axis=0)) == len(pairs)
    return bool(unique and (identity >= 0).all())
