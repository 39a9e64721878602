"""The videos that a file or folder of keypoints holds, one after the other."""

import pathlib
from collections.abc import Iterator
from collections.abc import Sequence
from typing import NamedTuple

from tf_poselift import skeletons
from tf_poselift.keypoint_files import on_disk
from tf_poselift.keypoint_files import openpose
from tf_poselift.keypoint_files import reading
from tf_poselift.keypoint_files import tracks as tracks_lib
from tf_poselift.keypoint_files import writing


class Source(NamedTuple):
    """A file, or a folder of OpenPose, and where it lies in the whole."""

    path: pathlib.Path
    folder: str  # "" at the top


def sources(path: pathlib.Path) -> list[Source]:
    """Returns what there is to read.

    Raises:
      FileNotFoundError: no such file or folder.
      ValueError: a folder without keypoint files, or two files whose output
        would have one name.
    """
    if path.is_file():
        return [Source(path, "")]
    if not path.is_dir():
        raise FileNotFoundError(f"No file or folder at {path}.")
    if openpose.is_folder(path):
        return [Source(path, "")]
    found = [
        Source(p, "" if p.parent == path else _relative(p.parent, path))
        for p in reading.sources(path)
    ]
    if not found:
        raise ValueError(
            f"{path} must hold keypoint files (.json, .csv, .npy, .npz) or "
            "folders of OpenPose. Received: a folder without."
        )
    first: dict[str, pathlib.Path] = {}
    for source in found:
        name = name_of(source)
        if name in first:
            raise ValueError(
                f"Files must differ in more than their endings. Received: "
                f"{first[name]} and {source.path}, which would both be written "
                f"as `{name}`. Lift them one by one."
            )
        first[name] = source.path
    return found


def _relative(folder: pathlib.Path, top: pathlib.Path) -> str:
    return folder.relative_to(top).as_posix() + "/"


def name_of(source: Source) -> str:
    """Returns the name of a source's output, without an ending."""
    path = source.path.resolve()  # "." has no name
    own = path.name if path.is_dir() else path.stem
    return writing.file_name(source.folder + own)


def read(
    given: Sequence[Source],
    skeleton: skeletons.Skeleton,
    *,
    format: str | None = None,
    image_size: tuple[float, float] | None = None,
    stills: bool = False,
) -> Iterator[tuple[str, list[tracks_lib.Track]]]:
    """Yields the name of every video and its tracks, reading file by file.

    A video in which nobody was seen has none. Long arrays are on disk. The
    arguments are those of `reading.read`.

    Raises:
      ValueError: as `reading.read`, or two videos whose output would have one
        name; the second is not yielded.
    """
    taken: dict[str, str] = {}
    for source in given:
        found = reading.read(
            source.path,
            skeleton,
            format=format,
            image_size=image_size,
            stills=stills,
            store=on_disk.Store(),
        )
        if not found:
            yield name_of(source), []
        # A file of VideoPose3D holds many videos, and names them.
        by_name: dict[str, list[tracks_lib.Track]] = {}
        for track in found:
            by_name.setdefault(track.name, []).append(track)
        del found
        outputs = _outputs(source, list(by_name))
        _check_apart(source, outputs, taken)
        for name, output in outputs.items():
            yield output, by_name.pop(name)


def _outputs(source: Source, names: Sequence[str]) -> dict[str, str]:
    """Returns {name of a video in a source: name of its output}."""
    if len(names) == 1 and "/" not in names[0]:
        return {names[0]: name_of(source)}
    return {name: writing.file_name(source.folder + name) for name in names}


def _check_apart(
    source: Source, outputs: dict[str, str], taken: dict[str, str]
) -> None:
    """Checks that no output replaces another; adds a source's to `taken`."""
    for name, output in outputs.items():
        what = f"`{name}` of {source.path}"
        if output in taken:
            raise ValueError(
                "Videos must differ in more than characters that names of "
                f"files do not keep. Received: {taken[output]} and {what}, "
                f"which would both be written as `{output}`. Rename one."
            )
        taken[output] = what


def parse_size(texts: Sequence[str] | None) -> tuple[float, float] | None:
    """Returns WIDTH, HEIGHT in pixels as numbers; None for None.

    Raises:
      ValueError: not two numbers above 0.
    """
    if texts is None:
        return None
    try:
        width, height = (float(text) for text in texts)
    except ValueError:
        width = height = 0.0
    if not (0.0 < width < 1e6 and 0.0 < height < 1e6):
        raise ValueError(
            "`image_size` must be WIDTH,HEIGHT in pixels. Received: "
            f"{','.join(texts)}."
        )
    return width, height
