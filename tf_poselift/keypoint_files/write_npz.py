"""Lifted people as NumPy arrays: a row for every person in every frame.

`joints_3d` [N, J, 3] float32, NaN where `valid` [N, J] is false; `person` and
`frame_index` [N] int64; `keypoints_2d` [N, J, 2] pixels and `scores` [N, J],
what was lifted, in the model's joints; `size` [N]: the model's own answer is
`size * joints_3d`, before axes were levelled or joints smoothed; `joints` [J]
names, `parents` [J]; `fps`; `unit`, `axes` and `skeleton` text. No pickle.
"""

import pathlib

import numpy as np

from tf_poselift.keypoint_files import lifted


def write(path: pathlib.Path, video: lifted.Video) -> None:
    """Writes a video."""
    people = video.people
    rows = {
        name: np.concatenate([getattr(person, name) for person in people])
        for name in (
            *("frame_index", "joints_3d", "valid", "keypoints_2d"),
            *("scores", "size"),
        )
    }
    counts = [len(person.frame_index) for person in people]
    rows["person"] = np.repeat([person.number for person in people], counts)
    np.savez(
        path,
        **rows,
        joints=np.array(video.skeleton.joints),
        parents=np.array(video.skeleton.parents),
        fps=np.array(video.fps),
        unit=np.array(f"{video.unit}: {lifted.UNITS[video.unit]}"),
        axes=np.array(video.axes),
        skeleton=np.array(video.skeleton.name),
    )
