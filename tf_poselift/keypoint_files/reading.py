"""Finds the keypoint files in a folder and reads any of them.

The form of a file tells its format, not its skeleton: BODY_25 and BODY_25B look
alike. The skeleton always comes from the user.
"""

import pathlib
import zipfile

from tf_poselift import checks
from tf_poselift import skeletons
from tf_poselift.keypoint_files import alphapose
from tf_poselift.keypoint_files import coco
from tf_poselift.keypoint_files import json_files
from tf_poselift.keypoint_files import long_csv
from tf_poselift.keypoint_files import mediapipe
from tf_poselift.keypoint_files import mmpose
from tf_poselift.keypoint_files import on_disk
from tf_poselift.keypoint_files import openpose
from tf_poselift.keypoint_files import stills as stills_format
from tf_poselift.keypoint_files import tracks
from tf_poselift.keypoint_files import videopose3d

# One JSON file holds a video.
_JSON = {
    "coco": coco,
    "alphapose": alphapose,
    "mmpose": mmpose,
    "mediapipe": mediapipe,
}
_OTHERS = {
    "openpose": openpose,
    "csv": long_csv,
    "videopose3d": videopose3d,
    "stills": stills_format,
}
_IN_PIECES = ("openpose", "csv", "videopose3d")
FORMATS = tuple(sorted(_JSON | _OTHERS))
_SUFFIXES = (".json", ".csv", ".npy", ".npz")


def sources(folder: pathlib.Path) -> list[pathlib.Path]:
    """Returns the files and OpenPose folders in a folder and below, sorted.

    Hidden files and what has another ending are left out.

    Raises:
      ValueError: a JSON file that cannot be read.
    """
    if openpose.is_folder(folder):
        return [folder]
    found = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            found += sources(path)
        elif path.suffix.lower() in _SUFFIXES:
            found.append(path)
    return found


def detect(path: pathlib.Path) -> str:
    """Returns the format of a source by its form.

    Raises:
      ValueError: it has no form that is known; lists the formats.
    """
    suffix = path.suffix.lower()
    if path.is_dir():
        return "openpose"
    if suffix == ".csv":
        return "csv"
    if suffix == ".npy":
        return "stills"
    if suffix == ".npz":
        return "videopose3d" if _has_positions(path) else "stills"
    return _detect_json(json_files.load(path), path)


def _has_positions(path: pathlib.Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return f"{videopose3d.POSITIONS}.npy" in archive.namelist()
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path} is no npz file: {error}.") from error


def _detect_json(content, path: pathlib.Path) -> str:
    if openpose.matches(content):
        raise ValueError(
            f"{path} is one frame of OpenPose: every video must be a folder "
            "of such files alone."
        )
    for name, module in _JSON.items():
        if module.matches(content):
            return name
    if content == []:
        return "coco"  # nobody was seen
    raise ValueError(
        f"{path} must be JSON of {', '.join(_JSON)}, or a folder of OpenPose. "
        "Received: another form. If it is one of these, say which (`format`); "
        "if it holds no keypoints, move it away."
    )


def read(
    path: pathlib.Path,
    skeleton: skeletons.Skeleton,
    *,
    format: str | None = None,
    image_size: tuple[float, float] | None = None,
    stills: bool = False,
    store: on_disk.Memory = on_disk.MEMORY,
) -> list[tracks.Track]:
    """Returns the tracks of everybody in a source.

    Args:
      path: a file, or a folder of OpenPose.
      skeleton: that the detector writes, J joints.
      format: one of `FORMATS`; by default the form of the file tells.
      image_size: (width, height) in pixels, where the file does not tell.
      stills: the images are unrelated: every detection is another person.
      store: where the arrays of OpenPose, CSV and VideoPose3D go; the other
        files are in memory as a whole.

    Raises:
      ValueError: names the file and the place that cannot be read, or whose
        joints are not those of the skeleton.
    """
    options = {"image_size": image_size, "stills": stills}
    if format is not None:
        checks.check_member("format", format, FORMATS)
    is_json = path.is_file() and path.suffix.lower() == ".json"
    content = json_files.load(path) if is_json else None
    if format is None:
        format = _detect_json(content, path) if is_json else detect(path)
    if (format in _JSON) != is_json or (format == "openpose") != path.is_dir():
        raise ValueError(
            f"{path} must be of the format `{format}`. Received: "
            f"{'a folder' if path.is_dir() else path.suffix or 'no ending'}."
        )
    try:
        if is_json:
            return _JSON[format].parse(content, path, skeleton, **options)
        if format in _IN_PIECES:
            options["store"] = store
        return _OTHERS[format].read(path, skeleton, **options)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        # Whatever else a damaged file may hold.
        raise ValueError(
            f"{path} must be of the format `{format}`: {error!r}."
        ) from error
