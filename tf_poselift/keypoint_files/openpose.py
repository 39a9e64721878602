"""OpenPose's JSON: a folder of one file per frame.

`NAME_000000000012_keypoints.json` holds `people`, each with
`pose_keypoints_2d`: x, y, score for every joint (0, 0, 0: not detected), and
`person_id`, [-1] without tracking (OpenPose, doc/02_output.md). BODY_25 and
BODY_25B have the same length, COCO-18 has 18 joints.
"""

import pathlib
from collections.abc import Iterator

import numpy as np

from tf_poselift import skeletons
from tf_poselift.keypoint_files import json_files
from tf_poselift.keypoint_files import on_disk
from tf_poselift.keypoint_files import parsing
from tf_poselift.keypoint_files import tracks

_FRAMES = "[!.]*.json"  # no hidden files


def matches(content) -> bool:
    """Whether it is what a file of one frame holds."""
    return isinstance(content, dict) and "people" in content


def is_folder(path: pathlib.Path) -> bool:
    """Whether a folder holds the frames of one video (looks at one file)."""
    first = min(path.glob(_FRAMES), default=None)
    return first is not None and matches(json_files.load(first))


def read(
    path: pathlib.Path,
    skeleton: skeletons.Skeleton,
    *,
    image_size: tuple[float, float] | None = None,
    stills: bool = False,
    store: on_disk.Memory = on_disk.MEMORY,
) -> list[tracks.Track]:
    """Returns everybody in a folder of frames; `tracks` says the rest.

    Raises:
      ValueError: names the file and the person that are not as above.
    """
    files = sorted(path.glob(_FRAMES))
    numbers = parsing.frame_numbers(
        [f.name for f in files], str(path), stills=stills
    )
    frames: list[int] = []
    identity: list[int] = []

    def blocks() -> Iterator[np.ndarray]:
        """Yields keypoints [n, J, 3]; texts take much more memory."""
        for part in on_disk.slices(len(files)):
            rows, where = [], []
            for file in files[part]:
                people = json_files.load(file)
                people = json_files.entry(people, "people", str(file))
                for i, person in enumerate(people):
                    place = f"{file}, person {i}"
                    rows.append(
                        json_files.entry(person, "pose_keypoints_2d", place)
                    )
                    frames.append(numbers[file.name])
                    identity.append(_identity(person))
                    where.append(place)
            yield parsing.triples(rows, skeleton, where.__getitem__)

    detections = store.gather(blocks(), skeleton.num_joints, 3)
    return tracks.from_detections(
        path.name,
        frames,
        detections,
        identity=identity,
        stills=stills,
        image_size=image_size,
        store=store,
    )


def _identity(person: dict) -> int:
    value = person.get("person_id")
    value = value[0] if isinstance(value, list) and value else value
    return value if isinstance(value, int) else -1
