"""AlphaPose's JSON: a list of people of all frames.

{`image_id`: "12.jpg", `keypoints`: x, y, score for every joint (17 of COCO, 26
of Halpe), `score`, `box`, `idx`}; `idx` is the person where tracking was on.
Scores may exceed 1 (AlphaPose, docs/output.md).
"""

import pathlib

from tf_poselift import skeletons
from tf_poselift.keypoint_files import json_files
from tf_poselift.keypoint_files import parsing
from tf_poselift.keypoint_files import tracks


def matches(content) -> bool:
    """Whether it is such a list; COCO's `image_id` is a number."""
    return json_files.is_list_with(
        content, "image_id", "keypoints"
    ) and isinstance(content[0]["image_id"], str)


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
    where = [f"{path}, entry {i}" for i in range(len(content))]
    entries = list(zip(content, where, strict=True))
    names = [str(json_files.entry(e, "image_id", w)) for e, w in entries]
    rows = [json_files.entry(e, "keypoints", w) for e, w in entries]
    number = parsing.frame_numbers(names, str(path), stills=stills)
    return tracks.from_detections(
        path.stem,
        [number[name] for name in names],
        parsing.triples(rows, skeleton, where.__getitem__),
        identity=[_identity(entry) for entry in content],
        stills=stills,
        image_size=image_size,
    )


def _identity(person: dict) -> int:
    value = person.get("idx")
    value = value[0] if isinstance(value, list) and value else value
    return int(value) if isinstance(value, int | float) else -1
