"""Estimated against true scale over a clip; Yu 2021, Figures 3 and 5.

A method of Yu 2021 lifts to head-root distances, and its scale S says by how
much the 2D is multiplied for that. The served pose has lost that unit, so that
its error is measured here, too: `mpjpe_headroot_unit` is `mpjpe` of the pose
times the truth's head-root distance, as Yu's code evaluates. A wrong scale
counts, which `mpjpe_gt_scale_headroot` of `metrics` (the prediction's own
head-root distance made the truth's) does not see.
"""

import dataclasses
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from matplotlib import figure as mpl_figure

from tf_poselift import checks
from tf_poselift import metrics
from tf_poselift import schema
from tf_poselift.data import reader
from tf_poselift.data import tables
from tf_poselift.evaluation import scores
from tf_poselift.training import run_folder
from tf_poselift.visualization import skeleton_plots

_COLOURS = {"reference": "#009E73", "predicted": "#0072B2"}
_AT_ONCE = 8192  # poses


@dataclasses.dataclass(frozen=True)
class Scales:
    """Every evaluated pose of a table, R of them.

    Attributes:
      predicted: [R] S_2D of the method.
      reference: [R] Eq. 3.
      per_pose: {metric: [R]} of the lifter's own output, with
        `mpjpe_headroot_unit` (mm) among those of `metrics`.
      rows: [R] row of the table.
      views: [R] view of that row.
    """

    predicted: np.ndarray
    reference: np.ndarray
    per_pose: dict[str, np.ndarray]
    rows: np.ndarray
    views: np.ndarray

    @property
    def overall(self) -> dict[str, float]:
        """Means over poses, and how the two scales agree."""
        return _agreement(self.predicted, self.reference) | scores.means(
            self.per_pose
        )


def measure(method, table: tables.Table) -> Scales:
    """Estimates the scale of every pose whose true scale is known.

    Args:
      method: has `reference_scale`, and `call` returns `scale`.
      table: a split with 3D.

    Raises:
      ValueError: the method estimates no scale, or the table has no 3D.
    """
    if not hasattr(method, "reference_scale"):
        raise ValueError(
            "The run must be one of `yu2021`, which estimates a scale. "
            f"Received: `{type(method).__module__.split('.')[-1]}`."
        )
    scores.check_joints_3d(table)
    parts = list(_lifted(method, table))
    whole = {
        name: np.concatenate([part[name] for part in parts])
        for name in parts[0]
    }
    lifted, truth, known = (
        whole.pop(name) for name in ("joints_3d", "truth", "known")
    )
    per_pose = metrics.compute_all(
        lifted, truth, skeleton=method.skeleton, metric=False, mask=known
    )
    per_pose["mpjpe_headroot_unit"] = metrics.mpjpe(
        lifted, truth, mask=known
    ).numpy()
    return Scales(per_pose=per_pose, **whole)


def _lifted(method, table: tables.Table) -> Iterator[dict[str, np.ndarray]]:
    """Yields the poses of known scale in mm, truth and scales, in parts."""
    rows, views = np.nonzero(
        np.repeat(table.frame_valid[:, None], table.num_views, axis=1)
    )
    lift = tf.function(
        lambda inputs: (method(inputs), method.reference_scale(inputs)),
        autograph=False,
        reduce_retracing=True,
    )
    head = method.skeleton.head
    for start in range(0, len(rows), _AT_ONCE):
        at = rows[start : start + _AT_ONCE], views[start : start + _AT_ONCE]
        inputs = {
            key: tf.constant(getattr(table, key)[at])
            for key in (
                schema.KEYPOINTS_2D,
                schema.SCORES,
                schema.JOINTS_3D,
                schema.JOINTS_3D_VALID,
            )
        }
        lifted, reference = lift(inputs)
        truth, known = scores.truth_of(table, *at)
        use = lifted["valid"].numpy() & (reference.numpy() > 0.0)
        use &= known[:, head]
        size = np.linalg.norm(truth[:, head], axis=-1)[:, None, None]
        predicted = lifted[schema.JOINTS_3D].numpy() * size
        yield {
            "predicted": lifted["scale"].numpy()[use],
            "reference": reference.numpy()[use],
            "joints_3d": predicted[use],
            "truth": truth[use],
            "known": known[use],
            "rows": at[0][use],
            "views": at[1][use],
        }


def track(
    workdir: str | os.PathLike,
    *,
    dataset: str,
    split: str = "test",
    data_dir: str | None = None,
    clip: str | None = None,
    view: int = 0,
    output_dir: str | os.PathLike | None = None,
) -> dict[str, Any]:
    """Draws the scale over a clip; writes scale_track.png and .json.

    Args:
      workdir: run folder of a `yu2021`.
      dataset: NAME[/CONFIG][:VERSION], several by comma, with 3D.
      split: its split.
      data_dir: folder of prepared data sets.
      clip: `clip_id`; the clip whose true scale changes most by default.
      view: number of the view.
      output_dir: `WORKDIR/evaluation` by default.

    Returns:
      The content of scale_track.json.

    Raises:
      FileNotFoundError: no run, checkpoint or prepared data set there.
      ValueError: no run of `yu2021`, no 3D, no such clip or view.
    """
    run = run_folder.load(workdir)
    table = reader.read(dataset, split, data_dir)
    folder = pathlib.Path(output_dir or pathlib.Path(workdir) / "evaluation")
    print(
        f"{run.settings['method']} at step {run.step} of {workdir} on "
        f"{', '.join(table.datasets)}, split {split}; writes to {folder}"
    )
    scales = measure(run.method, table)
    number = _clip(clip, view, scales, table)
    shown = (table.clip_of_row[scales.rows] == number) & (scales.views == view)
    if not shown.any():
        raise ValueError(
            f"View {view} of clip `{table.clip_id[number]}` must have poses "
            "to evaluate. Received: none."
        )
    first = table.clip_start[number]
    seconds = (scales.rows[shown] - first) / float(table.fps[number])
    reference, predicted = scales.reference[shown], scales.predicted[shown]
    content = {
        "dataset": dataset,
        "split": split,
        "step": run.step,
        "poses": len(scales.rows),
        "overall": scales.overall,
        "clip": table.clip_id[number],
        "view": view,
        "of_clip": _agreement(predicted, reference),
        "seconds": seconds.tolist(),
        "reference": reference.tolist(),
        "predicted": predicted.tolist(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    skeleton_plots.save(_figure(content), folder / "scale_track.png")
    run_folder.write_json(folder / "scale_track.json", content)
    return content


def _clip(clip: str | None, view: int, scales: Scales, table) -> int:
    """Number of the clip to show."""
    if not 0 <= view < table.num_views:
        raise ValueError(
            f"`view` must lie in [0, {table.num_views}). Received: {view}."
        )
    if clip is not None:
        checks.check_member("clip", clip, table.clip_id)
        return table.clip_id.index(clip)
    of_view = scales.views == view
    clips = table.clip_of_row[scales.rows[of_view]]
    reference = scales.reference[of_view]
    return int(max(np.unique(clips), key=lambda c: reference[clips == c].std()))


def _agreement(predicted, reference) -> dict[str, float]:
    moving = min(predicted.std(), reference.std()) > 1e-6
    return {
        "predicted_mean": float(predicted.mean()),
        "predicted_deviation": float(predicted.std()),
        "reference_mean": float(reference.mean()),
        "reference_deviation": float(reference.std()),
        "mean_absolute_difference": float(np.abs(predicted - reference).mean()),
        "correlation": float(np.corrcoef(predicted, reference)[0, 1])
        if moving
        else 0.0,
    }


def _figure(content: dict[str, Any]) -> mpl_figure.Figure:
    """Scales over time, and how often each occurs."""
    figure = mpl_figure.Figure(figsize=(10.0, 3.5), layout="constrained")
    over_time, counts = figure.subplots(1, 2, width_ratios=(3, 1), sharey=True)
    both = np.concatenate([content[name] for name in _COLOURS])
    bins = np.histogram_bin_edges(both, bins=30)
    for name, colour in _COLOURS.items():
        style = {"color": colour, "label": name}
        over_time.plot(content["seconds"], content[name], **style)
        counts.hist(
            content[name],
            bins=bins,
            orientation="horizontal",
            alpha=0.6,
            **style,
        )
    correlation = content["of_clip"]["correlation"]
    over_time.set_title(
        f"{content['clip']}, view {content['view']}: correlation "
        f"{correlation:.2f}",
        loc="left",
    )
    over_time.set_xlabel("seconds")
    over_time.set_ylabel("scale of the 2D pose")
    over_time.legend(frameon=False)
    counts.set_xlabel("poses")
    return figure
