"""What an evaluation shows: `results.json`, a table, a picture of poses."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import figure as mpl_figure

from tf_poselift.data import tables
from tf_poselift.evaluation import prediction
from tf_poselift.evaluation import scores as scores_lib
from tf_poselift.visualization import skeleton_plots

# Columns of the printed table; those that a method cannot have are left out.
COLUMNS = (
    "pa_mpjpe",
    "pa_mpjpe_reflect",
    "n_mpjpe",
    "mpjpe",
    "pck_150",
    "auc",
    "n_pck_150",
    "n_auc",
    "mirror_rate",
)


def results(
    scores: scores_lib.Scores,
    *,
    dataset: str,
    split: str,
    commit: str,
    by: Sequence[str] = (),
    **further: Any,
) -> dict[str, Any]:
    """Returns the content of `results.json`.

    Args:
      scores: of every pose.
      dataset: the data set's name, as it was asked for.
      split: the split's name.
      commit: of the code that evaluated.
      by: further groups: "subject", "scene", or several labels joined by "+".
      **further: more entries, ready for JSON.
    """
    groups = {}
    for kinds in ("action", *by):
        names = kinds.split("+")
        groups[f"by_{kinds}"] = scores.by(*names)
        groups[f"poses_by_{kinds}"] = scores.poses_by(*names)
    return {
        "dataset": dataset,
        "split": split,
        "poses": len(scores.positions),
        "invalid": scores.invalid,
        "without_truth": scores.without_truth,
        "overall": scores.overall,
        "overall_mean_over_actions": scores.overall_mean_over_actions,
        **groups,
        "commit": commit,
        **further,
    }


def text_table(
    content: dict[str, Any], columns: Sequence[str] = COLUMNS
) -> str:
    """Formats `results` as a table of actions (and more groups) and metrics.

    An entry `floor` ({metric: value}) becomes the last row; `last_weights`
    one above it, where `weights` says that the others are of averaged ones.
    What has no value is shown as "-".
    """
    shown = [name for name in columns if name in content["overall"]]
    groups = [
        [
            (name, content[f"poses_{key}"][name], values)
            for name, values in content[key].items()
        ]
        for key in content
        if key.startswith("by_")
    ]
    means = content["overall_mean_over_actions"]
    below = [
        ("mean over poses", content["poses"], content["overall"]),
        ("mean over actions", "", means),
    ]
    if content.get("weights") == "averaged":
        below.append(("last weights, poses", "", content["last_weights"]))
    if "floor" in content:
        below.append(("floor (depth 0)", "", content["floor"]))
    wide = max(len(name) for group in [*groups, below] for name, _, _ in group)

    def line(name, poses, values: Mapping[str, float]) -> str:
        cells = [f"{_cell(values.get(m)):>{max(len(m), 7)}}" for m in shown]
        return "  ".join([f"{name:<{wide}}", f"{poses:>8}", *cells])

    head = "  ".join(
        [f"{'action':<{wide}}", f"{'poses':>8}"] + [f"{m:>7}" for m in shown]
    )
    rule = "-" * len(head)
    lines = [head, rule]
    for group in groups:
        lines += [*(line(*row) for row in group), rule]
    return "\n".join(lines + [line(*row) for row in below])


def extremes(scores: scores_lib.Scores) -> dict[str, int]:
    """Returns the scored pose that is best, median and worst by pa_mpjpe."""
    order = np.argsort(scores.per_pose["pa_mpjpe"], kind="stable")
    return {
        "best": int(order[0]),
        "median": int(order[len(order) // 2]),
        "worst": int(order[-1]),
    }


def pose_figure(
    predictions: prediction.Predictions,
    scores: scores_lib.Scores,
    table: tables.Table,
    chosen: Mapping[str, int],
) -> mpl_figure.Figure:
    """Draws scored poses: input, prediction, truth.

    Args:
      predictions: of the table.
      scores: of the predictions.
      table: a split with 3D.
      chosen: {label: index of the scored pose}, one row each.
    """
    poses = list(chosen.values())
    positions = scores.positions[poses]
    at = predictions.rows[positions], predictions.views[positions]
    truth, seen = scores_lib.truth_of(table, *at)
    errors = scores.per_pose["pa_mpjpe"][poses]
    return skeleton_plots.comparison_figure(
        table.skeleton,
        keypoints_2d=table.keypoints_2d[at],
        scores=table.scores[at],
        predicted=predictions.joints_3d[positions],
        truth=np.where(seen[..., None], truth, np.nan),
        labels=[
            f"{label}: pa_mpjpe {error:.0f} mm"
            for label, error in zip(chosen, errors, strict=True)
        ],
    )


def _cell(value: float | None) -> str:
    """Millimetres with one decimal, shares with three."""
    if value is None:
        return "-"
    return f"{value:.3f}" if abs(value) <= 1 else f"{value:.1f}"
