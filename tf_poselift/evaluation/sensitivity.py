"""Which depths move when one keypoint does: TIPSy-GAN 2022, Tables 3 to 5.

The paper multiplies one normalised 2D keypoint of a pose by 1.05 and looks at
the depths. Here every keypoint is moved in turn, in every pose of a split, and
what is served is compared. Moving a keypoint must not pass for resizing the
pose: what is served is scaled to the 2D pose that was lifted, and a keypoint
that would leave the box around the pose is not counted, since methods scale
poses by what spans them.
"""

import dataclasses
import os
import pathlib
import re
from typing import Any

import numpy as np
from matplotlib import figure as mpl_figure

from tf_poselift import normalization
from tf_poselift import skeletons
from tf_poselift.data import reader
from tf_poselift.data import tables
from tf_poselift.evaluation import prediction
from tf_poselift.training import run_folder
from tf_poselift.visualization import heat_map
from tf_poselift.visualization import skeleton_plots


def analyse(
    workdir: str | os.PathLike,
    *,
    dataset: str,
    split: str = "test",
    data_dir: str | None = None,
    checkpoint: str | None = None,
    factor: float = 1.05,
    output_dir: str | os.PathLike | None = None,
) -> dict[str, Any]:
    """Measures a run; prints a table, writes sensitivity.json and .png.

    Args:
      workdir: the run folder.
      dataset: NAME[/CONFIG][:VERSION], several by comma; it must have the
        model's skeleton.
      split: its split.
      data_dir: folder of prepared data sets.
      checkpoint: path of a checkpoint; the newest by default.
      factor: of a root-relative keypoint; Sec. 4.4.
      output_dir: `WORKDIR/sensitivity/DATASET-SPLIT` by default.

    Returns:
      The content of sensitivity.json.

    Raises:
      FileNotFoundError: no run, checkpoint or prepared data set there.
      ValueError: another skeleton, nothing to lift.
    """
    run = run_folder.load(workdir, checkpoint=checkpoint)
    table = reader.read(dataset, split, data_dir)
    name = re.sub(r"[^\w.,-]+", "_", f"{dataset}-{split}")
    folder = pathlib.Path(
        output_dir or pathlib.Path(workdir) / "sensitivity" / name
    )
    method = run.settings["method"]
    print(
        f"{method} at step {run.step} of {workdir} on "
        f"{', '.join(table.datasets)}, split {split}; writes to {folder}"
    )
    changes = depth_changes(run.method, table, factor=factor)
    joints = table.skeleton.joints
    results = {
        "dataset": dataset,
        "data": list(table.datasets),
        "split": split,
        "method": method,
        "step": run.step,
        "weights": "averaged" if run.averaged else "last",
        "commit": run_folder.commit(),
        "factor": factor,
        "moved": [joints[j] for j in moved_joints(table.skeleton)],
        "joints": list(joints),
        # NaN is no JSON.
        "change": [
            [float(v) if np.isfinite(v) else None for v in row]
            for row in changes
        ],
        "between_parts": between_parts(changes, table.skeleton),
    }
    folder.mkdir(parents=True, exist_ok=True)
    skeleton_plots.save(_figure(changes, results), folder / "sensitivity.png")
    run_folder.write_json(folder / "sensitivity.json", results)
    print(text_table(results))
    return results


def _figure(changes: np.ndarray, results: dict[str, Any]) -> mpl_figure.Figure:
    return heat_map.draw(
        1000 * changes,
        rows=results["moved"],
        columns=results["joints"],
        title=f"{results['method']}, step {results['step']}: keypoint times "
        f"{results['factor']:g}",
        row_label="keypoint that is moved",
        column_label="predicted depth",
        unit="mean change, 1/1000 of the pose's extent",
    )


def moved_joints(skeleton: skeletons.Skeleton) -> list[int]:
    """Returns the joints that a factor moves: all but the only root."""
    fixed = skeleton.root if len(skeleton.root) == 1 else ()
    return [j for j in range(skeleton.num_joints) if j not in fixed]


def depth_changes(
    method: prediction.Lifter, table: tables.Table, *, factor: float
) -> np.ndarray:
    """Returns the mean absolute change of every depth.

    Args:
      method: lifts [B, J, 2] pixels.
      table: the prepared split.
      factor: of one root-relative keypoint at a time.

    Returns:
      [M, J] for the M joints of `moved_joints`, in units in which the largest
      coordinate of the untouched 2D pose is 1. NaN where no pose counts.
    """
    normalized = normalization.normalize_by_maximum(
        table.keypoints_2d, table.scores, table.skeleton
    )
    moved = moved_joints(table.skeleton)
    points = normalized.points.numpy()
    # Untouched, then one moved keypoint after the other: as further views, so
    # that all are lifted in one go.
    versions = np.stack([points] * (1 + len(moved)))
    for version, joint in zip(versions[1:], moved, strict=True):
        version[..., joint, :] *= factor
    depths = _depths(method, table, normalized, versions)
    evaluated = table.frame_valid
    seen = normalized.mask.numpy()[evaluated]
    changes = []
    for after, version, joint in zip(
        depths[1:], versions[1:], moved, strict=True
    ):
        extent = np.abs(version[evaluated][..., joint, :]).max(axis=-1)
        counted = seen * (seen[..., joint] * (extent <= 1.0))[..., np.newaxis]
        count = counted.sum(axis=(0, 1))
        total = (np.abs(after - depths[0]) * counted).sum(axis=(0, 1))
        mean = total / np.maximum(count, 1.0)
        changes.append(np.where(count > 0, mean, np.nan))
    return np.stack(changes)


def _depths(method, table, normalized, versions) -> np.ndarray:
    """Depths [K, E, V, J] of the E frames to evaluate, in the versions' unit.

    Args:
      versions: [K, N, V, J, 2] of all poses, normalised.
    """
    count = len(versions)
    pixels = normalization.denormalize(versions, normalized).numpy()

    def repeated(array):
        return np.concatenate([array] * count, axis=1)

    lifted = prediction.predict(
        method,
        dataclasses.replace(
            table,
            keypoints_2d=np.concatenate(pixels, axis=1),
            scores=repeated(table.scores),
            cameras=table.cameras
            and {name: repeated(v) for name, v in table.cameras.items()},
        ),
        progress=True,
    )
    # A frame's views come in turn.
    shape = (-1, count, *versions.shape[2:4], 3)
    joints = np.moveaxis(lifted.joints_3d.reshape(shape), 1, 0)
    mask = normalized.mask.numpy()[table.frame_valid][..., np.newaxis]
    across = joints[..., :2] * mask
    # Least squares; exact where x and y are those of the input. A missing
    # joint is at 0 in `versions`.
    product = (across * versions[:, table.frame_valid]).sum(axis=(-2, -1))
    square = (across * across).sum(axis=(-2, -1))
    scale = np.where(square > 0, product / np.maximum(square, 1e-12), 0.0)
    return joints[..., 2] * scale[..., np.newaxis]


def between_parts(
    changes: np.ndarray, skeleton: skeletons.Skeleton
) -> dict[str, float]:
    """Returns {"moved part to part": mean change}; empty without legs."""
    if not (skeleton.legs and skeleton.torso):
        return {}
    parts = {"legs": skeleton.legs, "torso": skeleton.torso}
    moved = moved_joints(skeleton)
    return {
        f"{source} to {target}": float(
            np.nanmean(
                changes[
                    np.ix_(
                        [i for i, j in enumerate(moved) if j in parts[source]],
                        parts[target],
                    )
                ]
            )
        )
        for source in parts
        for target in parts
    }


def text_table(results: dict[str, Any]) -> str:
    """Returns the three depths that move most with every keypoint."""
    width = max(len(joint) for joint in results["joints"])
    lines = [
        f"{'moved':<{width}}  depths that change most (1/1000 of the extent)"
    ]
    for name, row in zip(results["moved"], results["change"], strict=True):
        known = [
            (change, joint)
            for change, joint in zip(row, results["joints"], strict=True)
            if change is not None
        ]
        most = ", ".join(
            f"{joint} {1000 * change:.1f}"
            for change, joint in sorted(known, reverse=True)[:3]
        )
        lines.append(f"{name:<{width}}  {most}")
    for name, change in results["between_parts"].items():
        lines.append(f"mean, {name}: {1000 * change:.2f}")
    return "\n".join(lines)
