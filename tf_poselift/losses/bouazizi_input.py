"""What Bouazizi 2021 learns from: every frame triangulated once; Sec. III-C a.

`table` is a split in memory: `skeleton`, `keypoints_2d` [N, V, J, 2], `scores`
[N, V, J], `cameras`, `clip_of_row` [N] and `datasets`. Its 3D is not looked at.
"""

import numpy as np
import tensorflow as tf
import tqdm

from tf_poselift import normalization
from tf_poselift import schema
from tf_poselift.geometry import cameras as cameras_lib
from tf_poselift.geometry import triangulation

# Names of the derived arrays.
TRIANGULATED = "triangulated"
TRIANGULATED_VALID = "triangulated_valid"
UNDISTORTED = "undistorted_2d"

_CHUNK = 4096  # frames triangulated at once
_SAMPLE = 4096  # frames at least that the medians are taken over


def statistics(table) -> dict[str, np.ndarray]:
    """Returns the mean camera and two sizes of the training split.

    Args:
      table: see the module.

    Returns:
      `intrinsics` [3, 3]; the median distances of joints from the root,
      `ray_size` in pixels / focal length and `body_size` triangulated, in mm.

    Raises:
      ValueError: no cameras, one view only, a calibration that is none, or
        nothing can be triangulated.
    """
    rows = np.arange(0, table.num_rows, max(1, table.num_rows // _SAMPLE))
    points, valid, undistorted = _triangulate(table, rows)
    intrinsics = table.cameras[schema.INTRINSICS]
    rays = undistorted / focal(intrinsics[table.clip_of_row[rows]])
    sizes = {
        "body_size": _median_distance(points, valid, table.skeleton),
        "ray_size": _median_distance(rays, table.scores[rows], table.skeleton),
    }
    if not all(size > 0.0 for size in sizes.values()):
        raise ValueError(
            "`bouazizi2021` needs frames in which two views see the root and "
            f"two further joints. Received: {', '.join(table.datasets)}, "
            f"{len(rows)} frames looked at, without one."
        )
    return sizes | {"intrinsics": intrinsics.mean(axis=(0, 1))}


def derived(table) -> dict[str, np.ndarray]:
    """Triangulates every frame of a table; Sec. III-C a.

    Args:
      table: see the module.

    Returns:
      `triangulated` [N, J, 3] mm in the world, `triangulated_valid` [N, J] and
      `undistorted_2d` [N, V, J, 2] pixels.

    Raises:
      ValueError: no cameras, one view only, or a calibration that is none.
    """
    chunks = np.split(
        np.arange(table.num_rows), range(_CHUNK, table.num_rows, _CHUNK)
    )
    progress = tqdm.tqdm(chunks, "triangulating", disable=len(chunks) == 1)
    parts = [_triangulate(table, rows) for rows in progress]
    names = (TRIANGULATED, TRIANGULATED_VALID, UNDISTORTED)
    return {
        name: np.concatenate([part[i] for part in parts])
        for i, name in enumerate(names)
    }


def _triangulate(table, rows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """World points [N, J, 3], whether valid, and undistorted keypoints."""
    where = f"{table.num_views} in {', '.join(table.datasets)}"
    if table.cameras is None or table.num_views < 2:
        raise ValueError(
            "`bouazizi2021` needs a data set with `cameras` and at least 2 "
            f"synchronised views of a frame. Received: {where}, "
            f"{'without' if table.cameras is None else 'with'} cameras. (Data "
            "sets of different numbers of views, read together, are split "
            "into single views.)"
        )
    _check_calibration(table)
    clips = table.clip_of_row[rows]
    intrinsics, distortion, rotation, translation = (
        table.cameras[key][clips] for key in schema.CALIBRATION
    )
    keypoints_2d = cameras_lib.undistort(
        table.keypoints_2d[rows], intrinsics, distortion
    )
    points, valid = triangulation.triangulate(
        keypoints_2d,
        table.scores[rows],
        triangulation.projection_matrices(intrinsics, rotation, translation),
    )
    return points.numpy(), valid.numpy(), keypoints_2d.numpy()


def _check_calibration(table) -> None:
    """Raises ValueError unless every view of every clip is calibrated."""
    for key in schema.CALIBRATION:
        values = table.cameras[key]
        usable = np.isfinite(values).reshape(*values.shape[:2], -1).all(axis=-1)
        if key == schema.INTRINSICS:
            usable &= (values[..., [0, 1], [0, 1]] > 0.0).all(axis=-1)
        if not usable.all():
            clip, view = np.argwhere(~usable)[0]
            raise ValueError(
                "`bouazizi2021` needs the calibration of every view: finite "
                "numbers, focal lengths above 0. Received: "
                f"`{key}`={values[clip, view].tolist()} in view {view} of clip "
                f"`{table.clip_id[clip]}` of {', '.join(table.datasets)} "
                f"({(~usable).sum()} of {usable.size} views). Prepare the data "
                "set with its calibration, or without these clips."
            )


def _median_distance(points, seen, skeleton) -> np.float32:
    """Of joints [..., J, D] from the root; 0 if none is seen."""
    centred = normalization.center(points, np.float32(seen), skeleton)
    distance = np.linalg.norm(centred.points, axis=-1)
    return np.float32(
        np.median(distance[distance > 0.0]) if distance.any() else 0.0
    )


def focal(intrinsics):
    """Returns the focal lengths [..., 1, 2] of cameras [..., 3, 3]."""
    # `tf.linalg.diag_part` is no op of LiteRT.
    pair = intrinsics[..., 0, 0], intrinsics[..., 1, 1]
    return tf.stack(pair, axis=-1)[..., tf.newaxis, :]
