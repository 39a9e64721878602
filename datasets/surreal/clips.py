"""A clip of SURREAL from its `*_info.mat`, with left and right put right.

The published camera (getIntrinsicBlender.m, getExtrinsicBlender.m) is

    x_camera = R (x_world - camLoc),  R = [[0, 0, -1], [0, 1, 0], [-1, 0, 0]]

with a focal length of 600 and the centre (160, 120) of 320 x 240 pixels. It
has det R = -1: the world is right-handed, so the images are mirrored, and what
looks like a person's left arm is the right one. Here images are mirrored back,

    u' = 320 - u,  R' = diag(-1, 1, 1) R,  det R' = +1,

and nothing else: joint names, `joints3D` and the body stay what they are.
"""

import pathlib
from typing import Any

import numpy as np

from tf_poselift.data import mat_files
from tf_poselift.data import records

JOINTS = 24
IMAGE_SIZE = (320.0, 240.0)
FPS = 30.0  # every fourth frame of motion captured at 120 Hz
# Subjects, and one trial, whose bodies were fitted wrongly.
MONSTER_SUBJECTS = ("18", "19")
MONSTER_TRIALS = ("143_21",)
SUFFIX = "_info.mat"
_VARIABLES = ("joints2D", "joints3D", "camLoc")
_INTRINSICS = np.array([[600.0, 0.0, 160.0], [0.0, 600.0, 120.0], [0, 0, 1.0]])
_ROTATION = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])  # R'
# The files' world has -y up; here z is up: (x, y, z) = (x, z, -y) of theirs.
_TO_Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
_NEAREST = 500.0  # mm: a camera cannot see a person who is nearer
_PELVIS = 0


def trial(sequence: str) -> str:
    """Returns the CMU trial of a sequence: "ung_104_34" is of 104_34, too."""
    return sequence.removeprefix("ung_")


def is_monster(sequence: str) -> bool:
    """Tells the sequences with bodies that are none."""
    name = trial(sequence)
    return name in MONSTER_TRIALS or name.split("_")[0] in MONSTER_SUBJECTS


def clip(path: pathlib.Path) -> tuple[str, dict[str, Any]]:
    """Reads RUN/SEQUENCE/SEQUENCE_cNNNN_info.mat.

    Joints outside the image keep their pixels. Where the camera loses the
    person (the pelvis outside the image, or a joint less than 0.5 m in front of
    the camera) all scores are 0 and the frame is not to be evaluated.

    Returns:
      The clip's id and its record.

    Raises:
      ValueError: names the file: damaged, or not of this form.
    """
    keypoints_2d, joints, center = _read(path)
    width, height = IMAGE_SIZE
    keypoints_2d[..., 0] = width - keypoints_2d[..., 0]
    joints_3d = (joints - center) @ _ROTATION.T
    rotation = _ROTATION @ _TO_Z_UP.T
    pelvis = keypoints_2d[:, _PELVIS]
    seen = (
        (joints_3d[..., 2].min(axis=-1) >= _NEAREST)
        & (pelvis >= 0.0).all(axis=-1)
        & (pelvis <= (width, height)).all(axis=-1)
    )
    run, sequence = path.parent.parent.name, path.parent.name
    clip_id = f"{run}_{path.name.removesuffix(SUFFIX)}"
    return clip_id, records.example(
        clip_id=clip_id,
        subject=trial(sequence).split("_")[0],
        action=trial(sequence),
        fps=FPS,
        keypoints_2d=np.where(seen[:, None, None], keypoints_2d, 0.0)[:, None],
        scores=np.repeat(seen[:, None, None], JOINTS, axis=-1),
        frame_valid=seen,
        image_size=np.array([IMAGE_SIZE]),
        joints_3d=joints_3d[:, None],
        cameras={
            "intrinsics": _INTRINSICS[None],
            "distortion": np.zeros((1, 5)),
            "rotation": rotation[None],
            "translation": -(_ROTATION @ center)[None],
        },
    )


def _read(path: pathlib.Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns pixels [T, 24, 2], joints [T, 24, 3] and camera [3] in mm."""
    found = mat_files.read_v5(path, _VARIABLES)
    # Of a clip of one frame MATLAB drops the last axis.
    pixels, joints = (
        value[..., np.newaxis] if value.ndim == 2 else value
        for value in (found["joints2D"], found["joints3D"])
    )
    frames = pixels.shape[-1]
    if (
        pixels.shape != (2, JOINTS, frames)
        or joints.shape != (3, JOINTS, frames)
        or found["camLoc"].size != 3
    ):
        shapes = [found[name].shape for name in _VARIABLES]
        raise ValueError(
            f"{path}: `joints2D` [2, {JOINTS}, T], `joints3D` [3, {JOINTS}, T] "
            f"and `camLoc` [3, 1] must fit. Received: {shapes}."
        )
    center = found["camLoc"].astype(np.float64).reshape(3)
    return (
        np.transpose(pixels, (2, 1, 0)).astype(np.float64),
        1000.0 * np.transpose(joints, (2, 1, 0)).astype(np.float64),
        1000.0 * center,
    )
