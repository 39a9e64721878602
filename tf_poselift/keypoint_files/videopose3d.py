"""VideoPose3D's npz of 2D keypoints (`data_2d_custom_*.npz`).

`positions_2d`: {video (or subject): {"custom" (or action): [one array
[T, J, 2] per person or camera]}} in pixels, every frame from 0 on; `metadata`:
`video_metadata` {video: {`w`, `h`}}. There are no scores: what is finite and
not (0, 0) has score 1. Undetected frames were interpolated by whoever wrote it.
(VideoPose3D, data/prepare_data_2d_custom.py.)
"""

import pathlib
from typing import Any

import numpy as np

from tf_poselift import restricted_pickle
from tf_poselift import skeletons
from tf_poselift.keypoint_files import on_disk
from tf_poselift.keypoint_files import parsing
from tf_poselift.keypoint_files import tracks

POSITIONS = "positions_2d"


def read(
    path: pathlib.Path,
    skeleton: skeletons.Skeleton,
    *,
    image_size: tuple[float, float] | None = None,
    stills: bool = False,
    store: on_disk.Memory = on_disk.MEMORY,
) -> list[tracks.Track]:
    """Returns every array of a file as a track `FILE/VIDEO[/ACTION]`.

    Raises:
      ValueError: names the file and the array that are not as above.
    """
    content = restricted_pickle.load_npz(path)
    videos = content.get(POSITIONS)
    if not isinstance(videos, dict) or not all(
        isinstance(actions, dict) for actions in videos.values()
    ):
        raise ValueError(
            f"{path} must hold `{POSITIONS}`, {{video: {{action: [arrays]}}}}. "
            f"Received: {', '.join(content)}."
        )
    sizes = _video_metadata(content.get("metadata"))
    found, named = [], {}
    for video, actions in videos.items():
        size = _image_size(sizes.get(video)) or image_size
        for action, arrays in actions.items():
            parts = [path.stem, video] + [action] * (action != "custom")
            name = "/".join(map(str, parts))
            _check_new(path, name, (video, action), named)
            for i, array in enumerate(arrays):
                where = f"{path}, `{video}`, `{action}`, array {i}"
                array = _array(array, where)
                pieces = (
                    with_scores(array[rows], skeleton, where)
                    for rows in on_disk.slices(len(array))
                )
                detections = store.gather(pieces, skeleton.num_joints, 3)
                found += tracks.from_detections(
                    name,
                    np.arange(len(detections)),
                    detections,
                    identity=np.full(len(detections), i),
                    stills=stills,
                    image_size=size,
                    store=store,
                )
    return found


def _check_new(path, name, place, named) -> None:
    """Video `a/b` and action `b` of video `a` would be one track."""
    other = named.setdefault(name, place)
    if other != place:
        raise ValueError(
            f"{path}: video and action must make a name of its own for every "
            f"track. Received: {other} and {place}, both `{name}`. Rename one."
        )


def with_scores(
    array: np.ndarray, skeleton: skeletons.Skeleton, where: str
) -> np.ndarray:
    """Returns [N, J, 2 or 3] as [N, J, 3]; without scores (0, 0) is missing."""
    if array.ndim != 3 or array.shape[-1] not in (2, 3):
        raise ValueError(
            f"{where}: must have shape [N, J, 2], or [N, J, 3] with scores. "
            f"Received: {array.shape}."
        )
    check = (array.shape[1], skeleton, where)
    parsing.check_joints(*check)
    if array.shape[-1] == 3:
        return array
    seen = np.any(array != 0.0, axis=-1, keepdims=True)
    return np.concatenate([array, seen], axis=-1, dtype=np.float32)


def _array(value: Any, where: str) -> np.ndarray:
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return value
    return parsing.numbers([value], lambda _: where)[0]


def _video_metadata(metadata: Any) -> dict:
    sizes = metadata.get("video_metadata") if isinstance(metadata, dict) else {}
    return sizes if isinstance(sizes, dict) else {}


def _image_size(size: Any) -> tuple[float, float] | None:
    if not isinstance(size, dict) or not {"w", "h"} <= set(size):
        return None
    return float(size["w"]), float(size["h"])
