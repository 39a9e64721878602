"""Plain arrays of unrelated people: every row is another person.

`.npy`, or `.npz` with one array: [N, J, 2] pixels, [N, J, 3] with scores, or
[N, 2 J]. Without scores (0, 0) is missing.
"""

import pathlib

import numpy as np

from tf_poselift import restricted_pickle
from tf_poselift import skeletons
from tf_poselift.keypoint_files import parsing
from tf_poselift.keypoint_files import tracks
from tf_poselift.keypoint_files import videopose3d


def read(
    path: pathlib.Path,
    skeleton: skeletons.Skeleton,
    *,
    image_size: tuple[float, float] | None = None,
    stills: bool = True,
) -> list[tracks.Track]:
    """Returns a track of one frame for every row.

    Raises:
      ValueError: names the file, if it holds no such array.
    """
    del stills  # they are
    array = _load(path)
    if array.ndim == 2 and array.shape[1] % 2 == 0:
        parsing.check_joints(array.shape[1] // 2, skeleton, str(path))
        array = array.reshape(len(array), -1, 2)
    detections = videopose3d.with_scores(array, skeleton, str(path))
    return tracks.from_detections(
        path.stem,
        np.arange(len(detections)),
        detections,
        stills=True,
        image_size=image_size,
    )


def _load(path: pathlib.Path) -> np.ndarray:
    if path.suffix == ".npz":
        arrays = restricted_pickle.load_npz(path)
        if len(arrays) != 1:
            raise ValueError(
                f"{path} must hold one array. Received: {', '.join(arrays)}."
            )
        array = next(iter(arrays.values()))
    else:
        try:
            with path.open("rb") as file:
                array = np.load(file, allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise ValueError(
                f"{path} is no array of numbers, or only the start of one: "
                f"{error}."
            ) from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise ValueError(f"{path} must hold an array of numbers.")
    return array
