"""Writes a lifted video in several formats, all of its files or none."""

import os
import pathlib
import re
import shutil
import uuid
from collections.abc import Sequence

from tf_poselift import checks
from tf_poselift.keypoint_files import lifted
from tf_poselift.keypoint_files import write_bvh
from tf_poselift.keypoint_files import write_csv
from tf_poselift.keypoint_files import write_json
from tf_poselift.keypoint_files import write_npz
from tf_poselift.keypoint_files import write_trc

# A file for everybody.
_TOGETHER = {"npz": write_npz, "csv": write_csv, "json": write_json}
# A file per person, `NAME_PERSON`.
_ALONE = {"trc": write_trc, "bvh": write_bvh}
FORMATS = (*_TOGETHER, *_ALONE)


def check_formats(formats: Sequence[str]) -> None:
    """Raises ValueError for a format that is not one of `FORMATS`, or none."""
    for name in formats:
        checks.check_member("format", name, FORMATS)
    if not formats or len(set(formats)) < len(formats):
        raise ValueError(
            f"`formats` must be some of {', '.join(FORMATS)}, each once. "
            f"Received: {', '.join(formats) or 'none'}."
        )


def write(
    video: lifted.Video, folder: pathlib.Path, formats: Sequence[str]
) -> tuple[list[pathlib.Path], list[str]]:
    """Writes `folder/NAME.FORMAT`, in place of what may be there.

    The files are written beside and renamed when all are whole.

    Returns:
      the files, and what the user should know.

    Raises:
      ValueError: an unknown format, or a video that a format cannot hold.
      OSError: a file cannot be written; none of the video's was replaced.
    """
    check_formats(formats)
    place = folder / video.name
    place.parent.mkdir(parents=True, exist_ok=True)
    staging = place.parent / f".staging-{uuid.uuid4().hex[:8]}"
    notes: list[str] = []
    try:
        staging.mkdir()
        for name in formats:
            if name in _TOGETHER:
                path = staging / f"{place.name}.{name}"
                _TOGETHER[name].write(path, video)
            else:
                notes += _write_alone(name, staging, place.name, video)
        paths = []
        for path in sorted(staging.iterdir()):
            os.replace(path, place.parent / path.name)
            paths.append(place.parent / path.name)
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(place)) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return paths, notes


def _write_alone(
    name: str, staging: pathlib.Path, stem: str, video: lifted.Video
) -> list[str]:
    """Writes a file for every person of whom a joint was lifted."""
    if len(video.people) > 1 and all(len(p.size) == 1 for p in video.people):
        raise ValueError(
            f"{name} holds motion. Received: {len(video.people)} people of one "
            f"frame each in {video.name}, which are stills."
        )
    notes, distances, filled = [], [], 0
    for person in video.people:
        if not person.valid.any():
            continue
        path = staging / f"{stem}_{person.number}.{name}"
        distance = _ALONE[name].write(path, video, person)
        if distance is not None:
            distances.append((distance, int(person.valid.sum())))
            span = person.frame_index[-1] - person.frame_index[0] + 1
            filled += int(span) - len(person.frame_index)
    if distances:
        weight = sum(count for _, count in distances)
        mean = sum(d * count for d, count in distances) / weight
        unit = "model units" if video.unit == "model" else video.unit
        mean, unit = (1000.0 * mean, "mm") if unit == "m" else (mean, unit)
        notes.append(
            f"{name}: the fitted skeleton is {mean:.4g} {unit} from the lifted "
            "joints in the mean"
            + (f"; {filled} missing frames are filled" if filled else "")
        )
    return notes


def file_name(name: str) -> str:
    """Returns a video's name as a path that stays inside a folder.

    Other characters than letters, digits, `_`, `-` and `.` become `_`.
    """
    parts = [
        re.sub(r"[^\w.\-]+", "_", part).strip(".") for part in name.split("/")
    ]
    return "/".join(part for part in parts if part) or "video"
