"""COCO's JSON: results of a detector, and annotations.

Results: a list of {`image_id`, `category_id`, `keypoints` x, y, score for every
joint, `score`}. The image's number is the frame's.

Annotations (`person_keypoints_*.json`): `images` with `id`, `width`, `height`;
`annotations` with `image_id` and `keypoints` x, y, v for every joint. v = 0:
not annotated; 1: hidden, 2: visible; both are where the joint is, and score 1.
Crowds (`iscrowd`) are left out. The images are unrelated: stills.
https://cocodataset.org/#format-data
"""

import dataclasses
import pathlib

import numpy as np

from tf_poselift import skeletons
from tf_poselift.keypoint_files import json_files
from tf_poselift.keypoint_files import parsing
from tf_poselift.keypoint_files import tracks


def matches(content) -> bool:
    """Whether it is one of both; AlphaPose's `image_id` is text."""
    if isinstance(content, dict):
        return {"images", "annotations"} <= set(content)
    return json_files.is_list_with(
        content, "image_id", "keypoints"
    ) and isinstance(content[0]["image_id"], int)


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
      ValueError: names the file and the entry that are not as above.
    """
    if isinstance(content, dict):
        return _annotations(content, path, skeleton)
    where = [f"{path}, result {i}" for i in range(len(content))]
    entries = list(zip(content, where, strict=True))
    rows = [json_files.entry(e, "keypoints", w) for e, w in entries]
    return tracks.from_detections(
        path.stem,
        _image_ids(
            [json_files.entry(e, "image_id", w) for e, w in entries], path
        ),
        parsing.triples(rows, skeleton, where.__getitem__),
        stills=stills,
        image_size=image_size,
    )


def _annotations(content, path, skeleton) -> list[tracks.Track]:
    images = {}
    for i, image in enumerate(content["images"]):
        number = json_files.entry(image, "id", f"{path}, image {i}")
        size = (image.get("width"), image.get("height"))
        images[number] = size if all(size) else None
    people = [
        (person, f"{path}, annotation {person.get('id', i)}")
        for i, person in enumerate(content["annotations"])
        if not person.get("iscrowd") and person.get("num_keypoints", 1)
    ]
    rows = [json_files.entry(p, "keypoints", w) for p, w in people]
    array = parsing.triples(rows, skeleton, lambda i: people[i][1])
    of_image = [json_files.entry(p, "image_id", w) for p, w in people]
    for number, (_, where) in zip(of_image, people, strict=True):
        if number not in images:
            raise ValueError(
                f"{where}: `image_id` must be among the images. Received: "
                f"{number}."
            )
    # A v of 2 is "visible", no certainty; the tracks make 1 of it.
    found = tracks.from_detections(
        path.stem, _image_ids(of_image, path), array, stills=True
    )
    return [
        dataclasses.replace(track, image_size=images[int(track.frame_index[0])])
        for track in found
    ]


def _image_ids(values: list, path: pathlib.Path) -> np.ndarray:
    for i, value in enumerate(values):
        if not isinstance(value, int):
            raise ValueError(
                f"{path}, entry {i}: `image_id` must be a number. Received: "
                f"{value}."
            )
    return np.array(values, np.int64)
