"""MMPose's JSON, of its inferencer and of its demos.

A video: a list of {`frame_id`, `instances`}, or that list as `instance_info`
beside `meta_info`. An image: the list of its instances. An instance has
`keypoints` [[x, y], ...] and `keypoint_scores` (some models exceed 1), and
`track_id` where tracking was on.
"""

import pathlib

import numpy as np

from tf_poselift import skeletons
from tf_poselift.keypoint_files import json_files
from tf_poselift.keypoint_files import parsing
from tf_poselift.keypoint_files import tracks


def matches(content) -> bool:
    """Whether it is one of these forms."""
    if isinstance(content, dict):
        return "instance_info" in content
    return json_files.is_list_with(
        content, "instances"
    ) or json_files.is_list_with(content, "keypoints", "keypoint_scores")


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
      ValueError: names the file, the frame and the instance that are not as
        above.
    """
    if isinstance(content, dict):
        content = content["instance_info"]
    if json_files.is_list_with(content, "keypoints"):
        content = [{"instances": content}]
    frames, rows, identity, where = [], [], [], []
    for i, frame in enumerate(content):
        instances = json_files.entry(frame, "instances", f"{path}, entry {i}")
        number = frame.get("frame_id", i)
        for k, instance in enumerate(instances):
            place = f"{path}, frame {number}, instance {k}"
            rows.append(_row(instance, place))
            frames.append(number)
            identity.append(instance.get("track_id", -1))
            where.append(place)
    return tracks.from_detections(
        path.stem,
        frames,
        parsing.triples(rows, skeleton, where.__getitem__),
        identity=identity,
        stills=stills,
        image_size=image_size,
    )


def _row(instance, where: str) -> list[float]:
    """Returns x, y, score for every joint as one list."""
    points = json_files.entry(instance, "keypoints", where)
    scores = json_files.entry(instance, "keypoint_scores", where)
    points = parsing.numbers([points], lambda _: where)[0]
    scores = parsing.numbers([scores], lambda _: where)[0]
    if points.shape != (*scores.shape, 2) or scores.ndim != 1:
        raise ValueError(
            f"{where}: `keypoints` must be [J, 2] and `keypoint_scores` [J]. "
            f"Received: {points.shape} and {scores.shape}."
        )
    return np.concatenate([points, scores[:, None]], axis=-1).ravel().tolist()
