"""Tracks: what every reader of keypoint files returns.

A detector writes who it saw in which frame; a track is one person through the
frames of one video.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from tf_poselift.keypoint_files import association


@dataclasses.dataclass(frozen=True, eq=False)
class Track:
    """One person in one video; frames without the person are not there.

    Attributes:
      name: of the video: the file's or folder's, without its ending.
      person: number of the person within the video.
      frame_index: [T] int64, increasing.
      keypoints_2d: [T, J, 2] float32 pixels, origin top left; 0 where missing.
      scores: [T, J] float32 in [0, 1]; 0 = missing.
      image_size: (width, height) in pixels, if the file tells.
    """

    name: str
    person: int
    frame_index: np.ndarray
    keypoints_2d: np.ndarray
    scores: np.ndarray
    image_size: tuple[float, float] | None = None


def from_detections(
    name: str,
    frame_index: Sequence[int],
    detections: np.ndarray,
    *,
    identity: Sequence[int] | None = None,
    stills: bool = False,
    image_size: tuple[float, float] | None = None,
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
    """
    frame_index = np.asarray(frame_index, np.int64)
    detections = np.asarray(detections, np.float64)
    keypoints_2d, scores = clean(detections[..., :2], detections[..., 2])
    kept = scores.any(axis=-1)
    order = np.flatnonzero(kept)
    order = order[np.argsort(frame_index[order], kind="stable")]
    frame_index, keypoints_2d, scores = (
        array[order] for array in (frame_index, keypoints_2d, scores)
    )
    if not len(order):
        return []
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
            keypoints_2d=keypoints_2d[rows],
            scores=scores[rows],
            image_size=image_size,
        )
        for number, rows in zip(
            numbers, np.split(by_person, starts[1:]), strict=True
        )
    ]


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
