"""Calibrated cameras from a TOML file, as Pose2Sim and anipose write it.

A table per camera, of any name; tables without `matrix` ([metadata]) are passed
over:

    [cam_01]
    name = "cam_01"                  # else the table's name
    size = [1088.0, 1920.0]          # width, height in pixels
    matrix = [[f_x, 0.0, c_x], [0.0, f_y, c_y], [0.0, 0.0, 1.0]]
    distortions = [k1, k2, p1, p2]   # OpenCV; a fifth is k3
    rotation = [1.69, 1.05, -0.42]   # world to camera, axis times radians
    translation = [0.32, 0.96, 2.89] # of the same, metres
    fisheye = false
"""

import dataclasses
import pathlib
import tomllib
from typing import Any

import numpy as np
from scipy.spatial import transform

_MM = 1000.0
# No camera is as far from the origin, in metres: these are millimetres.
_FARTHEST = 100.0


@dataclasses.dataclass(frozen=True, eq=False)
class Calibration:
    """V cameras. `x_camera = rotation @ x_world + translation`.

    Attributes:
      names: V names.
      sections: V names of the tables.
      image_size: [V, 2] width and height, pixels.
      intrinsics: [V, 3, 3] pixels.
      distortion: [V, 5], OpenCV order k1 k2 p1 p2 k3.
      rotation: [V, 3, 3] world to camera.
      translation: [V, 3] mm.
    """

    names: tuple[str, ...]
    sections: tuple[str, ...]
    image_size: np.ndarray
    intrinsics: np.ndarray
    distortion: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray

    def cameras(self) -> dict[str, np.ndarray]:
        """Returns the arrays of a record's `cameras`."""
        return {
            key: getattr(self, key)
            for key in ("intrinsics", "distortion", "rotation", "translation")
        }


def read(path: pathlib.Path) -> Calibration:
    """Returns the cameras in the order of the file.

    Raises:
      ValueError: names the file and the camera: not TOML, an entry that is
        missing or of another form, a fisheye lens, skew, millimetres.
      FileNotFoundError: no such file.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not valid TOML: {error}.") from error
    tables = {
        section: table
        for section, table in content.items()
        if isinstance(table, dict) and "matrix" in table
    }
    names = tuple(str(t.get("name", section)) for section, t in tables.items())
    if not names or len(set(names)) < len(names):
        raise ValueError(
            f"{path} must have a table with `matrix` for every camera, each of "
            f"another name. Received: {', '.join(names) or 'none'}."
        )
    cameras = [
        _camera(table, f"{path}, [{section}]")
        for section, table in tables.items()
    ]
    return Calibration(
        names=names,
        sections=tuple(tables),
        **{key: np.stack([c[key] for c in cameras]) for key in cameras[0]},
    )


def _camera(table: dict[str, Any], where: str) -> dict[str, np.ndarray]:
    """Returns the arrays of one camera."""
    if table.get("fisheye", False):
        raise ValueError(
            f"{where}: `fisheye` must be false. Received: true; its lens model "
            "is another. Undistort the keypoints first."
        )
    matrix = _numbers(table, "matrix", (3, 3), where)
    if matrix[0, 1] or matrix[1, 0] or matrix[2].tolist() != [0.0, 0.0, 1.0]:
        raise ValueError(
            f"{where}: `matrix` must be [[f_x, 0, c_x], [0, f_y, c_y], "
            f"[0, 0, 1]]. Received: {matrix.tolist()}."
        )
    distortions = table.get("distortions")
    if not isinstance(distortions, list) or len(distortions) not in (4, 5):
        raise ValueError(
            f"{where}: `distortions` must be k1, k2, p1, p2 and maybe k3. "
            f"Received: {distortions}."
        )
    distortion = np.zeros(5)
    distortion[: len(distortions)] = _numbers(
        table, "distortions", (len(distortions),), where
    )
    translation = _numbers(table, "translation", (3,), where)
    if np.linalg.norm(translation) > _FARTHEST:
        raise ValueError(
            f"{where}: `translation` must be in metres. Received: "
            f"{translation.tolist()}. Divide millimetres by 1000."
        )
    rotation = _numbers(table, "rotation", (3,), where)
    return {
        "image_size": _numbers(table, "size", (2,), where),
        "intrinsics": matrix,
        "distortion": distortion,
        "rotation": transform.Rotation.from_rotvec(rotation).as_matrix(),
        "translation": translation * _MM,
    }


def _numbers(table, key: str, shape: tuple[int, ...], where) -> np.ndarray:
    try:
        array = np.array(table.get(key), np.float64)
    except (TypeError, ValueError):
        array = np.zeros(0)
    if array.shape != shape or not np.isfinite(array).all():
        raise ValueError(
            f"{where}: `{key}` must be numbers of shape {shape}. Received: "
            f"{table.get(key)}."
        )
    return array
