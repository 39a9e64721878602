"""Lifted people as NumPy arrays: a row for every person in every frame.

`joints_3d` [N, J, 3] float32, NaN where `valid` [N, J] is false; `person` and
`frame_index` [N] int64; `keypoints_2d` [N, J, 2] pixels and `scores` [N, J],
what was lifted, in the model's joints; `size` [N]: the model's own answer is
`size * joints_3d`, before axes were levelled or joints smoothed; `joints` [J]
names, `parents` [J]; `fps`; `unit`, `axes` and `skeleton` text. No pickle.
Of a model that tells it `uncertainty` [N, J] float32, in the same unit, NaN
where `valid` is false.
"""

import pathlib
import zipfile

import numpy as np

from tf_poselift.keypoint_files import lifted

_ROWS = (
    *("frame_index", "joints_3d", "valid", "keypoints_2d", "scores", "size"),
    "person",
)


def write(path: pathlib.Path, video: lifted.Video) -> None:
    """Writes a video, a chunk in memory at a time."""
    about = {
        "joints": np.array(video.skeleton.joints),
        "parents": np.array(video.skeleton.parents),
        "fps": np.array(video.fps),
        "unit": np.array(f"{video.unit}: {lifted.UNITS[video.unit]}"),
        "axes": np.array(video.axes),
        "skeleton": np.array(video.skeleton.name),
    }
    rows = (*_ROWS, *(["uncertainty"] if video.tells_uncertainty else []))
    # An uncompressed archive of .npy files, as `np.savez` makes it.
    with zipfile.ZipFile(path, "w", allowZip64=True) as archive:
        for name in rows:
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                _write_rows(file, video, name)
        for name, array in about.items():
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


def _write_rows(file, video: lifted.Video, name: str) -> None:
    """Writes one of the arrays that have a row for everybody and frame."""
    count = sum(len(person.frame_index) for person in video.people)
    header = None
    for part in (p for person in video.people for p in person.parts()):
        rows = (
            np.full(len(part.frame_index), part.number)
            if name == "person"
            else np.ascontiguousarray(getattr(part, name))
        )
        if header is None:
            header = {
                "descr": np.lib.format.dtype_to_descr(rows.dtype),
                "fortran_order": False,
                "shape": (count, *rows.shape[1:]),
            }
            np.lib.format.write_array_header_1_0(file, header)
        file.write(rows.tobytes())
