"""3D of a calibrated recording by triangulation alone, and how well it fits.

No model: every joint that two views see is triangulated (weighted by score)
and projected back into every view. The distance from the keypoint there, in
pixels, says how well the detector, the synchronisation and the calibration
agree; a wrong match of files and cameras shows as hundreds of pixels.
"""

import dataclasses
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import figure as mpl_figure
from matplotlib import lines as mpl_lines

from tf_poselift import schema
from tf_poselift import skeletons
from tf_poselift.data import reader
from tf_poselift.data import tables
from tf_poselift.geometry import cameras as camera_geometry
from tf_poselift.geometry import triangulation
from tf_poselift.training import run_folder
from tf_poselift.visualization import skeleton_plots

_FRAMES_DRAWN = 4
_CELL = 1.9  # inches


@dataclasses.dataclass(frozen=True, eq=False)
class Triangulated:
    """N frames of V views.

    Attributes:
      joints_world: [N, J, 3] mm; NaN where fewer than two views see a joint.
      joints_3d: [N, V, J, 3] mm in each camera's space; NaN likewise.
      reprojected: [N, V, J, 2] pixels; NaN likewise.
      error: [N, V, J] pixels; NaN also where the view does not see the joint.
    """

    joints_world: np.ndarray
    joints_3d: np.ndarray
    reprojected: np.ndarray
    error: np.ndarray


def triangulate(table: tables.Table) -> Triangulated:
    """Triangulates every frame of a table.

    Raises:
      ValueError: the table has no cameras, or one view only.
    """
    if table.cameras is None or table.num_views < 2:
        raise ValueError(
            "The data set must have two calibrated views or more. Received: "
            f"{table.num_views} {'views' if table.num_views > 1 else 'view'}, "
            f"{'no ' if table.cameras is None else ''}cameras."
        )
    parts = [_triangulate_clip(table, clip) for clip in range(table.num_clips)]
    return Triangulated(
        **{
            field.name: np.concatenate([getattr(p, field.name) for p in parts])
            for field in dataclasses.fields(Triangulated)
        }
    )


def _triangulate_clip(table: tables.Table, clip: int) -> Triangulated:
    rows = slice(*table.clip_start[clip : clip + 2])
    cameras = {
        key: value[clip].astype(np.float64)
        for key, value in table.cameras.items()
    }
    intrinsics, distortion = (
        cameras[schema.INTRINSICS],
        cameras[schema.DISTORTION],
    )
    rotation, translation = (
        cameras[schema.ROTATION],
        cameras[schema.TRANSLATION],
    )
    keypoints_2d = table.keypoints_2d[rows].astype(np.float64)
    scores = table.scores[rows]
    joints_world, valid = triangulation.triangulate(
        camera_geometry.undistort(keypoints_2d, intrinsics, distortion),
        scores,
        triangulation.projection_matrices(intrinsics, rotation, translation),
    )
    joints_3d = camera_geometry.world_to_camera(
        joints_world[:, np.newaxis], rotation, translation
    )
    reprojected = camera_geometry.project(joints_3d, intrinsics, distortion)
    valid = valid.numpy()[..., np.newaxis]
    reprojected = np.where(valid[:, np.newaxis], reprojected, np.nan)
    error = np.linalg.norm(reprojected - keypoints_2d, axis=-1)
    return Triangulated(
        joints_world=np.where(valid, joints_world, np.nan),
        joints_3d=np.where(valid[:, np.newaxis], joints_3d, np.nan),
        reprojected=reprojected,
        error=np.where(scores > 0.0, error, np.nan),
    )


def summary(table: tables.Table, result: Triangulated) -> dict[str, Any]:
    """Returns the figures of every view and of all together.

    `mean`, `median` and `p95` of the reprojection error are in pixels, over
    the joints that the view sees and that are triangulated; None without any.
    `missing` is the share of joints that the view does not see.
    """
    views = [
        {"view": view}
        | _errors(result.error[:, view])
        | {"missing": float((table.scores[:, view] == 0.0).mean())}
        for view in range(table.num_views)
    ]
    lost = np.isnan(result.joints_world).any(axis=-1)
    return {
        "dataset": ",".join(table.datasets),
        "frames": table.num_rows,
        "views": views,
        "all": _errors(result.error)
        | {
            "missing": float((table.scores == 0.0).mean()),
            "not_triangulated": float(lost.mean()),
        },
    }


def _errors(error: np.ndarray) -> dict[str, float | None]:
    error = error[np.isfinite(error)]
    if not error.size:
        return dict.fromkeys(("mean", "median", "p95"))
    return {
        "mean": float(error.mean()),
        "median": float(np.median(error)),
        "p95": float(np.percentile(error, 95.0)),
    }


def text_table(content: Mapping[str, Any]) -> str:
    """Returns the summary as a table."""
    lines = [f"{'reprojection error, px':<22} mean  median    95 %  missing"]
    rows = [(f"view {row['view']}", row) for row in content["views"]]
    for name, row in [*rows, ("all", content["all"])]:
        numbers = "".join(
            f"{'-' if row[key] is None else format(row[key], '.2f'):>8}"
            for key in ("mean", "median", "p95")
        )
        lines.append(f"{name:<19}{numbers} {row['missing']:>7.1%}")
    lost = content["all"]["not_triangulated"]
    lines.append(
        f"{content['frames']} frames; {lost:.1%} of the joints are seen by "
        "fewer than two views and not triangulated"
    )
    return "\n".join(lines)


def draw(table: tables.Table, result: Triangulated) -> mpl_figure.Figure:
    """Draws some frames: every view with its reprojection, and the 3D.

    The crosses are the triangulated joints in the image. The 3D has the axes
    of view 0, in one scale for all frames.
    """
    rows = np.linspace(0, table.num_rows - 1, _FRAMES_DRAWN).round().astype(int)
    rows = np.unique(rows)
    columns = [f"View {v}" for v in range(table.num_views)]
    columns += ["3D, as view 0", "3D, side", "3D, from above"]
    sides = ((0.0, 0.0), (np.pi / 2, 0.0), (0.0, np.pi / 2))
    figure = mpl_figure.Figure(
        figsize=(_CELL * len(columns), _CELL * len(rows) + 0.7),
        dpi=100,
        layout="constrained",
    )
    panels = figure.subplots(len(rows), len(columns), squeeze=False)
    for panel, text in zip(panels[0], columns, strict=True):
        panel.set_title(text, fontsize=10)
    centred = _centred(result.joints_3d[:, 0], table.skeleton)
    around = centred[rows].reshape(-1, 3)
    around = around[np.isfinite(around).all(axis=-1)]
    if not len(around):
        around = np.zeros([1, 3])
    for row, line in zip(rows, panels, strict=True):
        clip = table.clip_id[table.clip_of_row[row]]
        line[0].set_ylabel(f"{clip}, {table.frame_index[row]}", fontsize=9)
        for view in range(table.num_views):
            skeleton_plots.draw_2d(
                line[view],
                table.keypoints_2d[row, view],
                table.skeleton,
                scores=table.scores[row, view],
            )
            u, v = result.reprojected[row, view].T
            line[view].scatter(u, -v, marker="x", s=14, c="black", zorder=4)
        for panel, (azimuth, elevation) in zip(
            line[table.num_views :], sides, strict=True
        ):
            skeleton_plots.draw_3d(
                panel,
                centred[row],
                table.skeleton,
                azimuth=azimuth,
                elevation=elevation,
                around=around,
            )
    cross = mpl_lines.Line2D(
        [],
        [],
        color="black",
        marker="x",
        linestyle="none",
        label="triangulated, in the image",
    )
    skeleton_plots.legend(figure, more=[cross], loc="outside lower right")
    return figure


def _centred(joints: np.ndarray, skeleton: skeletons.Skeleton) -> np.ndarray:
    """Returns joints [N, J, 3] minus the root, or minus what is there."""
    roots = joints[:, list(skeleton.root)].mean(axis=1, keepdims=True)
    rest = np.ma.masked_invalid(joints).mean(axis=1, keepdims=True).filled(0.0)
    return joints - np.where(np.isfinite(roots), roots, rest)


def run(
    *,
    dataset: str,
    workdir: str | os.PathLike,
    split: str = "all",
    data_dir: str | None = None,
) -> dict[str, Any]:
    """Triangulates a split and writes what came of it.

    WORKDIR gets triangulated.json (the summary), triangulated.png and
    triangulated.npz: `joints_world`, `joints_3d`, `error` of `Triangulated`,
    `frame_index` [N], `clip` [N] and `clip_id`.

    Args:
      dataset: NAME[/CONFIG][:VERSION], calibrated.
      workdir: folder to write into.
      split: of the data set; "all" is all of them.
      data_dir: folder of prepared data sets.

    Returns:
      The summary.

    Raises:
      ValueError, FileNotFoundError: as `reader.read`; fewer than two
        calibrated views.
    """
    table = reader.read(dataset, split, data_dir)
    result = triangulate(table)
    content = summary(table, result) | {"split": split}
    folder = pathlib.Path(workdir)
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {
        "joints_world": result.joints_world,
        "joints_3d": result.joints_3d,
        "error": result.error,
    }
    np.savez_compressed(
        folder / "triangulated.npz",
        **{name: array.astype(np.float32) for name, array in arrays.items()},
        frame_index=table.frame_index,
        clip=table.clip_of_row,
        clip_id=np.array(table.clip_id),
    )
    skeleton_plots.save(draw(table, result), folder / "triangulated.png")
    run_folder.write_json(folder / "triangulated.json", content)
    return content
