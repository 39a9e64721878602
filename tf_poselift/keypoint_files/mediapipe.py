"""MediaPipe's pose landmarks as JSON.

MediaPipe writes no file itself; programs dump its results, a list of one entry
per frame (or that list as `frames`). An entry is

- {`landmarks` or `pose_landmarks` or `poseLandmarks`: the people}, with
  `frame` or `frame_index` if not every frame is there, or
- the people themselves; null or an empty list where nobody was seen.

People are a list of poses (tasks API), or one pose. A pose is a list of
landmarks, or {`landmark`: the list} (the legacy message as JSON); a landmark is
{`x`, `y`, `visibility`}, or a list that begins x, y and ends in the visibility.
x and y are divided by the image's width and height: the size must be known.
"""

import pathlib
from typing import Any

import numpy as np

from tf_poselift import skeletons
from tf_poselift.keypoint_files import parsing
from tf_poselift.keypoint_files import tracks

_PEOPLE = ("pose_landmarks", "poseLandmarks", "landmarks", "landmark")
_FRAME = ("frame_index", "frame")


def matches(content) -> bool:
    """Whether an entry has landmarks by name."""
    entries = _entries(content)
    first = next((e for e in entries if e), None)
    if isinstance(first, dict):
        return any(key in first for key in _PEOPLE)
    while isinstance(first, list) and first:
        first = first[0]
    return isinstance(first, dict) and {"x", "y", "visibility"} <= set(first)


def _entries(content) -> list:
    content = content.get("frames") if isinstance(content, dict) else content
    return content if isinstance(content, list) else []


def parse(
    content,
    path: pathlib.Path,
    skeleton: skeletons.Skeleton,
    *,
    image_size: tuple[float, float] | None = None,
    stills: bool = False,
) -> list[tracks.Track]:
    """Returns everybody in a file; `tracks` says the rest.

    Raises:
      ValueError: no image size; names the file and the frame that are not as
        above.
    """
    if image_size is None:
        raise ValueError(
            f"{path}: MediaPipe divides by the image's size, which must be "
            "given. Received: no `image_size`."
        )
    frames, rows, where = [], [], []
    for i, entry in enumerate(_entries(content)):
        number = i
        if isinstance(entry, dict):
            number = next((entry[k] for k in _FRAME if k in entry), i)
        for k, pose in enumerate(_poses(entry)):
            place = f"{path}, frame {number}, person {k}"
            rows.append(_row(pose, place))
            frames.append(number)
            where.append(place)
    array = parsing.triples(rows, skeleton, where.__getitem__)
    return tracks.from_detections(
        path.stem,
        frames,
        array * np.array([*image_size, 1.0]),
        stills=stills,
        image_size=image_size,
    )


def _poses(people: Any) -> list:
    """Returns the poses of a frame, each a list of landmarks."""
    if isinstance(people, dict):
        people = next((people[key] for key in _PEOPLE if key in people), None)
        if isinstance(people, dict):
            return _poses(people)
    people = [person for person in people or () if person]
    if not people:
        return []
    first = people[0]
    if isinstance(first, dict) and "landmark" in first:
        return [pose["landmark"] for pose in people]
    is_landmark = isinstance(first, dict) or not isinstance(
        first[0], list | dict
    )
    return [people] if is_landmark else people


def _row(pose, where: str) -> list[float]:
    """Returns x, y, visibility for every landmark as one list."""
    row = []
    for j, landmark in enumerate(pose):
        try:
            if isinstance(landmark, dict):
                visibility = landmark.get("visibility", 1.0)
                row += [landmark["x"], landmark["y"], visibility]
            else:
                row += [landmark[0], landmark[1], landmark[-1]]
        except (KeyError, IndexError, TypeError) as error:
            raise ValueError(
                f"{where}: landmark {j} must have x, y and visibility. "
                f"Received: {landmark}."
            ) from error
    return row
