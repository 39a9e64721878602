"""What a comparison shows: a Markdown table and curves over training.

Both are made from the content of results.json (`comparison.compare`) alone.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib import figure as mpl_figure

from tf_poselift.visualization import curves

# Columns of every table; one that no row has is left out.
_COLUMNS = ("pa_mpjpe", "pa_mpjpe_reflect", "n_mpjpe", "mpjpe")
_LAST_COLUMNS = ("mirror_rate",)
_SHARES = ("mirror_rate", "pck_150", "auc")  # by how their names end


def markdown(content: dict[str, Any]) -> str:
    """Formats the last checkpoints, mean and spread over seeds.

    Args:
      content: of results.json.
    """
    lines = list(_lines(content))
    wanted = (*_COLUMNS, *content["metrics"], *_LAST_COLUMNS)
    columns = [
        metric
        for metric in wanted
        if any(metric in run for _, _, runs in lines for run in runs)
    ]
    table = [
        ["row", "weights", "seeds", *(f"`{metric}`" for metric in columns)],
        ["---"] * (3 + len(columns)),
    ]
    for label, weights, runs in lines:
        cells = [_cell(metric, runs) for metric in columns]
        table.append([label, weights, str(len(runs)), *cells])
    floor = [_cell(metric, [content["floor"]]) for metric in columns]
    table.append(["floor: depth 0", "", "", *floor])
    return "\n".join(
        [
            f"**{content['experiment']}** ({content['scale']}). "
            f"{content['claim']}",
            "",
            *(f"| {' | '.join(cells)} |" for cells in table),
            "",
            *_notes(content),
        ]
    )


def figure(content: dict[str, Any]) -> mpl_figure.Figure:
    """Draws the curves of a comparison with at least one finished run."""
    panels = {
        _axis_name(metric): list(_curves(content, metric))
        for metric in content["curves"]
    }
    return curves.curve_figure(
        {name: lines for name, lines in panels.items() if lines},
        levels={
            _axis_name(metric): _shown(metric, content["floor"][metric])
            for metric in content["curves"]
            if metric in content["floor"] and metric not in _LAST_COLUMNS
        },
        level_label="depth 0",
    )


def _lines(content) -> Iterator[tuple[str, str, list[dict[str, float]]]]:
    """Yields label, weights and the last metrics of every seed."""
    for row in content["rows"]:
        for weights in ("last", "averaged"):
            metrics = [
                point["metrics"]
                for run in row["runs"]
                for point in run["points"]
                if point["step"] == run["run"]["steps"]
                and point["weights"] == weights
            ]
            if metrics:
                yield row["label"], weights, metrics


def _curves(content, metric: str) -> Iterator[curves.Curve]:
    for colour, row in enumerate(content["rows"]):
        for weights in ("last", "averaged"):
            seeds = [
                {
                    point["step"]: _shown(metric, point["metrics"][metric])
                    for point in run["points"]
                    if point["weights"] == weights
                    and metric in point["metrics"]
                }
                for run in row["runs"]
            ]
            seeds = [values for values in seeds if values]
            if not seeds:
                continue
            steps = sorted(set.intersection(*map(set, seeds)))
            dashed = weights == "averaged"
            yield curves.Curve(
                label=row["label"] + (", averaged weights" if dashed else ""),
                steps=steps,
                values=np.array([[s[step] for step in steps] for s in seeds]),
                colour=colour,
                dashed=dashed,
            )


def _notes(content) -> Iterator[str]:
    settings = content["settings"]
    noise = content["input_noise"]
    yield (
        f"{settings['steps']:,} steps of {settings['batch_size']:,} poses"
        + "".join(f", `{text}`" for text in settings["config"])
        + f"; {content['poses']:,} poses of `{content['split']}` of "
        + ", ".join(content["data"])
        + (f", 2D with noise ({', '.join(noise)})" if noise else "")
        + ". Means ± standard deviations over seeds; errors in mm, shares in "
        f"%. {_minutes(content)}{content['machine']}; {content['date']}, "
        f"commit {_commits(content)}."
    )
    if content["command"]:
        yield f"`{content['command']}`"
    for failure in content["failures"]:
        yield (
            f"Failed: {failure['row']}, seed {failure['seed']}: "
            f"{failure['error']}"
        )


def _commits(content) -> str:
    """Runs that an earlier call made may be of an earlier commit."""
    runs = [run for row in content["rows"] for run in row["runs"]]
    return ", ".join(sorted({run["commit"] for run in runs})) or "unknown"


def _minutes(content) -> str:
    minutes = [
        run["minutes"]
        for row in content["rows"]
        for run in row["runs"]
        if run["minutes"] is not None
    ]
    if not minutes:
        return ""
    return f"{min(minutes):.1f} to {max(minutes):.1f} minutes a run on "


def _cell(metric: str, runs: list[dict[str, float]]) -> str:
    values = [_shown(metric, run[metric]) for run in runs if metric in run]
    if not values:
        return ""
    mean = f"{np.mean(values):.1f}"
    if len(values) == 1:
        return mean
    return f"{mean} ± {np.std(values, ddof=1):.1f}"


def _shown(metric: str, value: float) -> float:
    """Shares in percent."""
    return 100 * value if metric.endswith(_SHARES) else value


def _axis_name(metric: str) -> str:
    return f"{metric} ({'%' if metric.endswith(_SHARES) else 'mm'})"
