"""What the user says about a folder of keypoint files.

Options come from flags (or the configuration that TFDS is given) and from
`keypoints.yaml` in the folder, which may hold any of them; the former win.
"""

import dataclasses
import pathlib
import re
from collections.abc import Mapping
from typing import Any

import tensorflow_datasets as tfds
import yaml

from tf_poselift import checks
from tf_poselift import skeletons
from tf_poselift.keypoint_files import calibration
from tf_poselift.keypoint_files import reading

FILE = "keypoints.yaml"
FPS = 30.0
MIN_SCORE = 0.3
# What an option must be, for errors.
OPTIONS = {
    "name": "letters, digits, `_`, `-` or `.`",
    "skeleton": "the name of a skeleton, or a YAML file",
    "calibration": "a TOML file of cameras",
    "fps": "a number above 0",
    "image_size": "WIDTH,HEIGHT in pixels",
    "min_score": "a number from 0 to 1",
    "format": f"one of {', '.join(reading.FORMATS)}",
    "stills": "true or false",
}


@dataclasses.dataclass(eq=False, kw_only=True)
class Config(tfds.core.BuilderConfig):
    """Options of the user's; None: `keypoints.yaml` or the default decides."""

    folder: str | None = None
    skeleton: str | None = None
    calibration: str | None = None
    fps: float | None = None
    image_size: Any = None
    min_score: float | None = None
    format: str | None = None
    stills: bool | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Settings:
    """Checked options.

    Attributes:
      folder: with the keypoint files.
      skeleton: that the detector writes.
      calibration: the cameras of synchronised views, or None.
      fps: frames per second.
      image_size: (width, height) where no file tells, or None.
      min_score: joints with a lower score are missing.
      format: of all files, or None: their form tells.
      stills: every detection is another person.
    """

    folder: pathlib.Path
    skeleton: skeletons.Skeleton
    calibration: calibration.Calibration | None
    fps: float
    image_size: tuple[float, float] | None
    min_score: float
    format: str | None
    stills: bool

    def options(self) -> dict[str, Any]:
        """Returns what makes the records, as JSON has it; no path."""
        return {
            "folder": self.folder.resolve().name,
            "skeleton": self.skeleton.name,
            "cameras": list(self.calibration.names) if self.calibration else [],
            "fps": self.fps,
            "image_size": list(self.image_size) if self.image_size else [],
            "min_score": self.min_score,
            "stills": self.stills,
        }


def read_file(folder: pathlib.Path) -> dict[str, Any]:
    """Returns the options in `keypoints.yaml`; {} if it is not there.

    Raises:
      ValueError: not YAML, or an option that is unknown.
    """
    path = folder / FILE
    if not path.is_file():
        return {}
    try:
        options = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(options, dict):
        raise ValueError(f"{path} must be `option: value`, one a line.")
    for option in options:
        checks.check_member(f"option of {path}:", str(option), OPTIONS)
    for option in ("skeleton", "calibration"):  # files beside this one
        value = str(options.get(option, ""))
        if value.endswith((".yaml", ".yml", ".toml")):
            options[option] = str(folder / value)
    return options


def check_name(name: Any) -> str:
    """Returns the name of the data set; ValueError if it cannot be one."""
    if not re.fullmatch(r"[\w.\-]+", str(name or "")):
        raise ValueError(
            f"`name` must be {OPTIONS['name']}: the data set will be "
            "`keypoints/NAME`. Received: "
            + (f"`{name}`." if name else "none. Give `--name=NAME`.")
        )
    return str(name)


def load(folder: pathlib.Path, given: Mapping[str, Any]) -> Settings:
    """Returns the settings of a folder.

    Args:
      folder: with the keypoint files.
      given: options that win over those of `keypoints.yaml`.

    Raises:
      ValueError: no skeleton, or names the option that is not as it must be.
      FileNotFoundError: no such skeleton or calibration file.
    """
    given = {key: value for key, value in given.items() if value is not None}
    options = read_file(folder) | given
    if not options.get("skeleton"):
        raise ValueError(
            "`skeleton` must say which joints the detector writes, in their "
            "order: files of BODY_25 and BODY_25B look alike, so it is never "
            f"guessed. Give `--skeleton=NAME` or a YAML file, or write it into "
            f"{folder / FILE}. Names: {', '.join(skeletons.names())}."
        )
    stills = _check("stills", options.get("stills", False), _truth)
    cameras = options.get("calibration")
    if cameras and stills:
        raise ValueError("`stills` must be false with a `calibration`.")
    return Settings(
        folder=folder,
        skeleton=skeletons.load(str(options["skeleton"])),
        calibration=calibration.read(pathlib.Path(cameras).expanduser())
        if cameras
        else None,
        # Stills have no rate; a record must have one.
        fps=_check("fps", options.get("fps", 1.0 if stills else FPS), _rate),
        image_size=_check("image_size", options.get("image_size"), _size),
        min_score=_check(
            "min_score", options.get("min_score", MIN_SCORE), _share
        ),
        format=_check("format", options.get("format"), _format),
        stills=stills,
    )


def _check(option: str, value: Any, convert) -> Any:
    """Returns `convert(value)`, which raises ValueError if it does not fit."""
    try:
        return convert(value)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`{option}` must be {OPTIONS[option]}. Received: {value}."
        ) from error


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _rate(value: Any) -> float:
    if not 0.0 < float(value) < float("inf"):
        raise ValueError
    return float(value)


def _share(value: Any) -> float:
    if not 0.0 <= float(value) <= 1.0:
        raise ValueError
    return float(value)


def _format(value: Any) -> str | None:
    if value is not None and value not in reading.FORMATS:
        raise ValueError
    return value


def _size(value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    if isinstance(value, str):
        value = value.split(",")
    width, height = (_rate(number) for number in value)
    return width, height
