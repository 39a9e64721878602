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
# Misfit of a BVH's rigid skeleton, a share of the joints' mean distance from
# the root: 1 % on clean motion capture, 6.5 % where models/human36m_17 lifts
# it, 10 to 20 % where a model has seen next to nobody.
_GOOD_FIT = 0.08
_USABLE_FIT = 0.12


def check_formats(formats: Sequence[str]) -> None:
    """Raises ValueError for a format that is not one of `FORMATS`, or none."""
    for name in formats:
        checks.check_member("format", name, FORMATS)
    if not formats or len(set(formats)) < len(formats):
        raise ValueError(
            f"`formats` must be some of {', '.join(FORMATS)}, each once. "
            f"Received: {', '.join(formats) or 'none'}."
        )


def check_folder(name: str, folder: pathlib.Path) -> None:
    """Raises ValueError if files cannot be written there.

    Args:
      name: of the argument.
      folder: which need not be there yet; nothing is made.
    """
    place = folder.absolute()
    there = next(p for p in (place, *place.parents) if os.path.lexists(p))
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        reason = "cannot be written to" if there.is_dir() else "is no folder"
        raise ValueError(
            f"`{name}` must be a folder, or one that can be made. Received: "
            f"{folder}; {there} {reason}."
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
    _make(place.parent)
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
        paths = _put_in_place(sorted(staging.iterdir()), place.parent)
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(place)) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return paths, notes + _older_files(place, paths)


def _make(folder: pathlib.Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"cannot be made a folder ({error.strerror})"
        raise OSError(error.errno, reason, str(folder)) from error


def _put_in_place(
    paths: Sequence[pathlib.Path], folder: pathlib.Path
) -> list[pathlib.Path]:
    """Moves files into a folder; none of them if one cannot replace."""
    targets = [folder / path.name for path in paths]
    for target in targets:
        if target.is_dir():
            raise IsADirectoryError(
                f"{target} must be a file or nothing. Received: a folder. Move "
                "it away, or write elsewhere."
            )
    for path, target in zip(paths, targets, strict=True):
        os.replace(path, target)
    return targets


def _older_files(
    place: pathlib.Path, written: Sequence[pathlib.Path]
) -> list[str]:
    """Names a video's files that were there before and are not replaced.

    They stay: somebody may have asked for them, or made them.
    """
    together, alone = "|".join(_TOGETHER), "|".join(_ALONE)
    form = re.compile(
        rf"{re.escape(place.name)}(\.({together})|_\d+\.({alone}))"
    )
    names = {path.name for path in place.parent.iterdir()}
    older = sorted(filter(form.fullmatch, names - {p.name for p in written}))
    if not older:
        return []
    return [f"older files, not of this run, stay: {', '.join(older)}"]


def _write_alone(
    name: str, staging: pathlib.Path, stem: str, video: lifted.Video
) -> list[str]:
    """Writes a file for every person of whom a joint was lifted."""
    if len(video.people) > 1 and all(len(p.size) == 1 for p in video.people):
        raise ValueError(
            f"{name} holds motion. Received: {len(video.people)} people of one "
            f"frame each in {video.name}, which are stills."
        )
    notes, fits, filled = [], [], 0
    for person in video.people:
        if not any(part.valid.any() for part in person.parts()):
            continue
        path = staging / f"{stem}_{person.number}.{name}"
        fit = _ALONE[name].write(path, video, person)
        if fit is not None:
            fits.append(fit)
            span = person.frame_index[-1] - person.frame_index[0] + 1
            filled += int(span) - len(person.frame_index)
    if fits:
        notes.append(f"{name}: {_verdict(fits, video.unit)}")
    if filled:
        notes.append(f"{name}: {filled} missing frames are filled")
    return notes


def _verdict(fits: Sequence[write_bvh.Fit], unit: str) -> str:
    """Says how far rigid skeletons are from the joints, and what that means."""
    sights = sum(fit.sights for fit in fits)
    mean, share = (
        sum(getattr(fit, name) * fit.sights for fit in fits) / sights
        for name in ("distance", "share")
    )
    unit = "model units" if unit == "model" else unit
    mean, unit = (1000.0 * mean, "mm") if unit == "m" else (mean, unit)
    text = (
        f"the fitted skeleton is {mean:.4g} {unit} from the lifted joints in "
        f"the mean, {share:.1%} of their distance from the root: "
    )
    if share <= _GOOD_FIT:
        return text + "good"
    if share <= _USABLE_FIT:
        return text + "usable; feet and hands will drift a little"
    return text + (
        f"POOR (above {_USABLE_FIT:.0%}): bones change their length from frame "
        "to frame, the model does not know such people. Look at `--render`; "
        "train longer and on more people, or try models/human36m_17"
    )


def file_name(name: str) -> str:
    """Returns a video's name as a path that stays inside a folder.

    Other characters than letters, digits, `_`, `-` and `.` become `_`.
    """
    parts = [
        re.sub(r"[^\w.\-]+", "_", part).strip(".") for part in name.split("/")
    ]
    return "/".join(part for part in parts if part) or "video"
