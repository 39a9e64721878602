"""The annotation files of MPI-INF-3DHP's takes.

Training: `annot.mat` (MATLAB 5) with a cell for each of 14 cameras, a row per
frame, 28 joints. Test: `annot_data.mat` (MATLAB 7.3), one camera, 17 joints.
Joint lists: `mpii_get_joint_set.m` of the data set's kit.
"""

import dataclasses
import os

import numpy as np

from tf_poselift.data import mat_files

# The 17 "relevant" ones of the 28 training joints, in the test set's order.
RELEVANT = (
    7, 5, 14, 15, 16, 9, 10, 11, 23, 24, 25, 18, 19, 20, 4, 3, 6,
)  # fmt: skip
_TRAINING_JOINTS = 28


@dataclasses.dataclass(frozen=True, eq=False)
class Take:
    """T frames of V cameras, 17 joints.

    Attributes:
      keypoints_2d: [T, V, 17, 2] pixels; 0 where they are no numbers.
      joints_3d: [T, V, 17, 3] mm in each camera's space; likewise.
      annotated: [T, V, 17] whether both are numbers.
      valid: [T] evaluate this frame.
      activity: [T] 0 to 6, or -1: not known.
    """

    keypoints_2d: np.ndarray
    joints_3d: np.ndarray
    annotated: np.ndarray
    valid: np.ndarray
    activity: np.ndarray


def read_training(
    path: str | os.PathLike,
    *,
    annotation: str,
    camera_ids: tuple[int, ...],
    frames: int,
) -> Take:
    """Reads an `annot.mat`.

    Args:
      path: of the file.
      annotation: "annot3" or "univ_annot3".
      camera_ids: the V cameras, in the order that is wanted.
      frames: of the video; some files have further rows, which are cut.

    Raises:
      ValueError: names the file: damaged, or not of this form.
    """
    found = mat_files.read_v5(path, ("annot2", annotation, "cameras"))
    # The cells stand in the order of `cameras`, which need not be 0 to 13.
    ids = [int(np.squeeze(number)) for number in found["cameras"].ravel()]
    missing = sorted(set(camera_ids) - set(ids))
    if missing:
        raise ValueError(
            f"{path}: `cameras` must name {list(camera_ids)}. Missing: "
            f"{missing}."
        )

    def joints(name: str, axes: int) -> np.ndarray:
        cells = found[name].ravel()
        shapes = [np.shape(cells[ids.index(n)]) for n in camera_ids
                  if ids.index(n) < len(cells)]  # fmt: skip
        columns = _TRAINING_JOINTS * axes
        if (
            len(shapes) < len(camera_ids)
            or len(set(shapes)) > 1
            or shapes[0][1:] != (columns,)
        ):
            raise ValueError(
                f"{path}: `{name}` must have a cell [frames, {columns}] for "
                f"every camera. Received: {shapes}."
            )
        views = [
            cells[ids.index(n)][:frames].reshape(-1, _TRAINING_JOINTS, axes)
            for n in camera_ids
        ]
        return np.stack([view[:, RELEVANT] for view in views], axis=1)

    keypoints_2d, joints_3d = joints("annot2", 2), joints(annotation, 3)
    if len(keypoints_2d) != len(joints_3d):
        raise ValueError(
            f"{path}: `annot2` and `{annotation}` must have as many rows. "
            f"Received: {len(keypoints_2d)} and {len(joints_3d)}."
        )
    count = len(keypoints_2d)
    return _take(
        keypoints_2d, joints_3d, np.ones(count, bool), np.full(count, -1)
    )


def read_test(path: str | os.PathLike, *, annotation: str) -> Take:
    """Reads an `annot_data.mat`.

    Args:
      path: of the file.
      annotation: "annot3" or "univ_annot3".

    Raises:
      ValueError: names the file: damaged, or not of this form.
    """
    labels = ("valid_frame", "activity_annotation")
    found = mat_files.read_hdf5(path, ("annot2", annotation, *labels))
    frames = found["annot2"].shape[0]
    shapes = {
        "annot2": (frames, 1, len(RELEVANT), 2),
        annotation: (frames, 1, len(RELEVANT), 3),
        **{name: (frames, 1) for name in labels},
    }
    for name, shape in shapes.items():
        if found[name].shape != shape:
            raise ValueError(
                f"{path}: `{name}` must have shape {shape}. Received: "
                f"{found[name].shape}."
            )
    return _take(
        found["annot2"],
        found[annotation],
        found["valid_frame"][:, 0] == 1,
        found["activity_annotation"][:, 0].astype(np.int64) - 1,
    )


def _take(keypoints_2d, joints_3d, valid, activity) -> Take:
    annotated = np.isfinite(keypoints_2d).all(axis=-1)
    annotated &= np.isfinite(joints_3d).all(axis=-1)
    known = annotated[..., np.newaxis]
    return Take(
        keypoints_2d=np.where(known, keypoints_2d, 0.0),
        joints_3d=np.where(known, joints_3d, 0.0),
        annotated=annotated,
        valid=valid,
        activity=activity,
    )
