"""Numbers and names out of the entries of keypoint files.

Errors name the file and the place.
"""

import re
from collections.abc import Callable
from collections.abc import Sequence

import numpy as np

from tf_poselift import skeletons


def triples(
    rows: Sequence[Sequence[float]],
    skeleton: skeletons.Skeleton,
    where: Callable[[int], str],
) -> np.ndarray:
    """Returns N flat lists of x, y, score for every joint as [N, J, 3].

    Args:
      rows: N lists of 3 J numbers.
      skeleton: J joints.
      where: names the file and the place of row i, for errors.

    Raises:
      ValueError: names the first row that is not such a list.
    """
    size = 3 * skeleton.num_joints
    for i, row in enumerate(rows):
        if not isinstance(row, list) or len(row) % 3:
            raise ValueError(
                f"{where(i)}: the keypoints must be a list of x, y, score for "
                "every joint. Received: "
                + (
                    f"{len(row)} numbers."
                    if isinstance(row, list)
                    else f"{row}."
                )
            )
        if len(row) != size:
            check_joints(len(row) // 3, skeleton, where(i))
    return numbers(rows, where).reshape(-1, skeleton.num_joints, 3)


def numbers(rows: Sequence, where: Callable[[int], str]) -> np.ndarray:
    """Returns equally long rows as float64; null becomes NaN.

    Raises:
      ValueError: names the first row that holds something else.
    """
    try:
        return np.array(rows, np.float64)
    except (TypeError, ValueError):
        for i, row in enumerate(rows):
            try:
                np.array(row, np.float64)
            except (TypeError, ValueError) as error:
                raise ValueError(
                    f"{where(i)}: must hold numbers. {error}."
                ) from error
        raise


def check_joints(
    received: int, skeleton: skeletons.Skeleton, where: str
) -> None:
    """Raises ValueError if a file's joints are not those of the skeleton.

    The message names both numbers and the skeletons that would fit.
    """
    if received == skeleton.num_joints:
        return
    fitting = [
        name
        for name in skeletons.names()
        if skeletons.load(name).num_joints == received
    ]
    raise ValueError(
        f"{where}: must have the {skeleton.num_joints} joints of the skeleton "
        f"`{skeleton.name}`. Received: {received} joints. Skeletons with "
        f"{received}: {', '.join(fitting) or 'none; write a YAML file'}."
    )


def frame_numbers(
    names: Sequence[str], where: str, *, stills: bool = False
) -> dict[str, int]:
    """Returns {name: number of the frame}, the last number in the name.

    Args:
      names: of images or files: "12.jpg", "walk_000000000012_keypoints.json".
      where: names the file or folder, for errors.
      stills: the names need no number; they are counted in their order.

    Raises:
      ValueError: a name without a number, or two names with the same.
    """
    distinct = sorted(set(names))
    if stills:
        return {name: i for i, name in enumerate(distinct)}
    found = {}
    for name in distinct:
        digits = re.findall(r"\d+", name.rpartition(".")[0] or name)
        if not digits:
            raise ValueError(
                f"{where}: the names of frames must end in the frame's number. "
                f"Received: `{name}`. Unrelated images are stills."
            )
        number = int(digits[-1])
        if number in found:
            raise ValueError(
                f"{where}: the names of frames must differ in their last "
                f"number. Received: `{found[number]}` and `{name}`. Have one "
                "file or folder per video; unrelated images are stills."
            )
        found[number] = name
    return {name: number for number, name in found.items()}
