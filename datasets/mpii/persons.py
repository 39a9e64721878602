"""The annotated people of MPII Human Pose, from any of its three forms.

In all of them pixels count from 1, and a joint that is not annotated is left
out or lies at (0, 0) or (-1, -1). `is_visible`, `visible` and `joints_vis` tell
occluded joints from seen ones; they are not read: where an occluded joint lies
is annotated as well.
"""

import dataclasses
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from tf_poselift.data import mat_files

JOINTS = 16


@dataclasses.dataclass(frozen=True, eq=False)
class Persons:
    """N people on still images.

    Attributes:
      images: N names of image files.
      numbers: N numbers of the people within their images, from 0.
      categories: N categories of activity; "" where the form has none.
      keypoints_2d: [N, 16, 2] pixels from 0; 0 where not annotated.
      annotated: [N, 16].
    """

    images: tuple[str, ...]
    numbers: tuple[int, ...]
    categories: tuple[str, ...]
    keypoints_2d: np.ndarray
    annotated: np.ndarray


def read_mat(path: pathlib.Path) -> Persons:
    """Reads the training people of `mpii_human_pose_v1_u12_1.mat`.

    A struct array of one element comes as that element, an empty one as an
    empty array, and fields may be absent: images without people, people
    without points. The test images have no points.

    Raises:
      ValueError: names the file, and the image of a point that is none.
    """
    release = mat_files.read_v5(path, ("RELEASE",), squeeze=True)["RELEASE"]
    images = _elements(getattr(release, "annolist", None))
    training = np.ravel(getattr(release, "img_train", ()))
    if not images or len(images) != len(training):
        raise ValueError(
            f"{path}: `RELEASE` must have `annolist` and `img_train` of one "
            f"length. Received: {len(images)} and {len(training)}."
        )
    activities = _elements(getattr(release, "act", None))
    activities += [None] * (len(images) - len(activities))
    names, numbers, categories, points = [], [], [], []
    for image, is_training, activity in zip(
        images, training, activities, strict=True
    ):
        if is_training != 1:
            continue
        category = getattr(activity, "cat_name", "")
        for number, rectangle in enumerate(
            _elements(getattr(image, "annorect", None))
        ):
            annotated = getattr(rectangle, "annopoints", None)
            listed = _elements(getattr(annotated, "point", None))
            if listed:
                name = str(image.image.name)
                names.append(name)
                numbers.append(number)
                # An image without an activity has an empty array.
                categories.append(category if isinstance(category, str) else "")
                points.append(_joints(listed, f"{path}, image {name}"))
    return _persons(
        path, names, numbers, np.reshape(points, (-1, JOINTS, 2)), categories
    )


def _elements(value: Any) -> list[Any]:
    """Returns the elements of a struct array, however it was squeezed."""
    if value is None:
        return []
    return list(np.atleast_1d(np.asarray(value, object)).ravel())


def _joints(points: Sequence[Any], where: str) -> np.ndarray:
    """Returns [16, 2] pixels from 1; (-1, -1) where there is no point."""
    joints = np.full((JOINTS, 2), -1.0)
    try:
        ids = [int(point.id) for point in points]
        if not set(ids) <= set(range(JOINTS)):
            raise ValueError(f"id {max(ids)} of 0 to {JOINTS - 1}")
        joints[ids] = [(float(point.x), float(point.y)) for point in points]
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(
            f"{where}: every point must have numbers x, y and id: {error}."
        ) from error
    return joints


def read_json(path: pathlib.Path) -> Persons:
    """Reads `train.json` or `valid.json`: a list of people.

    Raises:
      ValueError: names the file: not JSON (cut off), or not of this form.
    """
    try:
        people = json.loads(path.read_text(encoding="utf-8"))
        names = [str(person["image"]) for person in people]
        joints = np.array([person["joints"] for person in people], float)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} must be a list of people, each with `image` and `joints` "
            f"({JOINTS} pairs); is it cut off? {error!r}."
        ) from error
    return _persons(path, names, _count(names), joints)


def read_hdf5(path: pathlib.Path) -> Persons:
    """Reads `train.h5` or `valid.h5` with `imgname [N]` and `part [N, 16, 2]`.

    Raises:
      ValueError: names the file: damaged, or not of this form.
    """
    found = mat_files.read_hdf5(path, ("imgname", "part"))
    names = [_text(name) for name in found["imgname"]]
    return _persons(path, names, _count(names), found["part"].astype(float))


def _text(name: Any) -> str:
    """Returns text from bytes, or from an array of the letters' codes."""
    if isinstance(name, np.ndarray):
        name = bytes(name.astype(np.uint8).tolist())
    return name.decode() if isinstance(name, bytes) else str(name)


def _count(names: Sequence[str]) -> list[int]:
    """Returns how often each name stood there before."""
    seen: dict[str, int] = {}
    numbers = []
    for name in names:
        numbers.append(seen.get(name, 0))
        seen[name] = numbers[-1] + 1
    return numbers


def _persons(path, names, numbers, joints, categories=None) -> Persons:
    if not names or joints.shape != (len(names), JOINTS, 2):
        raise ValueError(
            f"{path} must have people with {JOINTS} joints of (x, y). "
            f"Received: {len(names)} people, joints {joints.shape}."
        )
    annotated = np.isfinite(joints).all(axis=-1) & (joints > 0.0).any(axis=-1)
    return Persons(
        images=tuple(names),
        numbers=tuple(numbers),
        categories=tuple(categories or [""] * len(names)),
        keypoints_2d=np.where(annotated[..., np.newaxis], joints - 1.0, 0.0),
        annotated=annotated,
    )
