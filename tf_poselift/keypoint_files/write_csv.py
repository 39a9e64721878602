"""Lifted people as a long CSV: a row for every joint in every frame.

The columns are `frame`, `person`, `joint`, `x`, `y`, `z`, `score` and `unit`.
x, y, z are the 3D, not pixels, and empty where the joint was not seen or the
frame not lifted; the axes are the camera's (x right, y down, z forward). A
column `uncertainty`, in the same unit, is the last of a model that tells it.
"""

import pathlib

import numpy as np

from tf_poselift.keypoint_files import lifted


def write(path: pathlib.Path, video: lifted.Video) -> None:
    """Writes a video."""
    joints = video.skeleton.joints
    told = video.tells_uncertainty
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("frame,person,joint,x,y,z,score,unit")
        file.write(",uncertainty\n" if told else "\n")
        for person in video.people:
            for part in person.parts():
                _write_frames(file, part, joints, video.unit, told)


def _write_frames(
    file, part: lifted.Person, joints, unit: str, told: bool
) -> None:
    ends = [unit] * len(joints)
    for t, frame in enumerate(part.frame_index.tolist()):
        begin = f"{frame},{part.number},"
        values = np.column_stack([part.joints_3d[t], part.scores[t]]).tolist()
        if told:
            ends = [
                f"{unit},{value:.6f}" if value == value else f"{unit},"
                for value in part.uncertainty[t].tolist()
            ]
        file.writelines(
            f"{begin}{joint},{x:.6f},{y:.6f},{z:.6f},{score:.4f},{end}\n"
            if x == x  # not NaN
            else f"{begin}{joint},,,,{score:.4f},{end}\n"
            for joint, (x, y, z, score), end in zip(
                joints, values, ends, strict=True
            )
        )
