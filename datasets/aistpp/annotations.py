"""Reads AIST++'s annotations: cameras, splits, 2D and 3D of one sequence.

Lengths in the files are centimetres, the world's y axis points up.
"""

import dataclasses
import json
import pathlib
from collections.abc import Mapping

import numpy as np
from scipy.spatial import transform

from tf_poselift import restricted_pickle
from tf_poselift import schema
from tf_poselift.data import kinematics

VIEWS = 9
JOINTS = 17
MM = 10.0  # per centimetre
SPLITS = {"train": "train", "validation": "val", "test": "test"}
# Views that do not fit the others (the authors' run_estimate_keypoints.py).
BAD_VIEWS = {
    "gBR_sBM_cAll_d04_mBR0_ch01": (4, "c05_not_synchronised"),
    "gJB_sBM_cAll_d07_mJB3_ch05": (6, "c07_other_size"),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Cameras:
    """Nine calibrated cameras; world: z up, mm."""

    image_size: np.ndarray  # [9, 2]
    calibration: Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True, eq=False)
class Sequence:
    """What was seen of one dance.

    Attributes:
      keypoints_2d: [T, 9, 17, 2] pixels; 0 where the score is.
      scores: [T, 9, 17].
      joints_world: [T, 17, 3] mm, z up; NaN where unknown.
      flags: words about views that are left out.
    """

    keypoints_2d: np.ndarray
    scores: np.ndarray
    joints_world: np.ndarray
    flags: str


def root(folder: pathlib.Path) -> pathlib.Path | None:
    """Returns the folder in or below `folder` that holds the annotations."""
    found = sorted(folder.glob("**/cameras/mapping.txt"))
    return found[0].parent.parent if found else None


def read_splits(folder: pathlib.Path) -> dict[str, list[str]]:
    """Returns the sequences of every split, without those of the ignore list.

    Raises:
      FileNotFoundError: a list that is not there.
    """
    ignored = set((folder / "ignore_list.txt").read_text().split())
    return {
        split: [
            sequence
            for sequence in (folder / "splits" / f"pose_{name}.txt")
            .read_text()
            .split()
            if sequence not in ignored
        ]
        for split, name in SPLITS.items()
    }


def read_settings(folder: pathlib.Path) -> dict[str, str]:
    """Returns the name of every sequence's camera setting."""
    lines = (folder / "cameras" / "mapping.txt").read_text().split("\n")
    return dict(line.split() for line in lines if line.strip())


def read_cameras(path: pathlib.Path) -> Cameras:
    """Reads a camera setting.

    Raises:
      ValueError: not nine cameras of the known form.
    """
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        matrix, vector, translation, distortion, size = (
            np.array([entry[key] for entry in entries], np.float64)
            for key in (
                "matrix",
                "rotation",
                "translation",
                "distortions",
                "size",
            )
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no camera setting: {error!r}.") from error
    if len(entries) != VIEWS:
        raise ValueError(
            f"{path} must have {VIEWS} cameras. Received: {len(entries)}."
        )
    rotation = transform.Rotation.from_rotvec(vector.reshape(VIEWS, 3))
    # x_camera = R x_y_up + t = (R M^T) (M x_y_up) + t
    to_z_up = kinematics.y_up_to_z_up(np.eye(3)[np.newaxis])[0].T
    return Cameras(
        image_size=size,
        calibration={
            schema.INTRINSICS: matrix,
            schema.DISTORTION: distortion,
            schema.ROTATION: rotation.as_matrix() @ to_z_up.T,
            schema.TRANSLATION: translation.reshape(VIEWS, 3) * MM,
        },
    )


def read_sequence(folder: pathlib.Path, name: str) -> Sequence:
    """Reads the detections and the 3D of a sequence.

    A view of `BAD_VIEWS` is missing as a whole (score 0).

    Raises:
      ValueError: names the file that is damaged or of another shape.
      FileNotFoundError: a file that is not there.
    """
    seen = _entry(folder / "keypoints2d" / f"{name}.pkl", "keypoints2d")
    joints = _entry(folder / "keypoints3d" / f"{name}.pkl", "keypoints3d_optim")
    if seen.shape[::2] != (VIEWS, JOINTS) or seen.shape[3:] != (3,):
        raise ValueError(
            f"keypoints2d/{name}.pkl must be [9, T, 17, 3]. Received: "
            f"{seen.shape}."
        )
    if joints.shape != (seen.shape[1], JOINTS, 3):
        raise ValueError(
            f"keypoints3d/{name}.pkl must be [T, 17, 3] with the "
            f"{seen.shape[1]} frames of keypoints2d. Received: {joints.shape}."
        )
    seen = np.swapaxes(seen, 0, 1)
    found = np.isfinite(seen).all(axis=-1)
    view, flags = BAD_VIEWS.get(name, (None, ""))
    if view is not None:
        found[:, view] = False
    return Sequence(
        keypoints_2d=np.where(found[..., np.newaxis], seen[..., :2], 0.0),
        scores=np.where(found, np.clip(seen[..., 2], 0.0, 1.0), 0.0),
        joints_world=kinematics.y_up_to_z_up(joints) * MM,
        flags=flags,
    )


def _entry(path: pathlib.Path, key: str) -> np.ndarray:
    content = restricted_pickle.load(path)
    if not isinstance(content, dict) or key not in content:
        raise ValueError(f"{path} must be a dictionary with `{key}`.")
    array = np.asarray(content[key])
    if array.dtype.kind != "f" or array.ndim < 3:
        raise ValueError(f"{path}: `{key}` must be an array of numbers.")
    return array
