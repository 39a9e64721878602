"""Whether measures without labels rank checkpoints as their errors do.

`label_free` chooses the best checkpoint of a run and ends a training. Where a
few clips have 3D, this tells whether it may: Spearman's rank correlation with
`pa_mpjpe` over the checkpoints of some runs, of one method or of many.
"""

import os
import pathlib
from collections.abc import Sequence
from typing import Any

import tqdm
from matplotlib import figure as mpl_figure
from scipy import stats

from tf_poselift.data import reader
from tf_poselift.data import tables
from tf_poselift.evaluation import prediction
from tf_poselift.evaluation import scored_runs
from tf_poselift.evaluation import scores
from tf_poselift.training import checkpoints
from tf_poselift.training import label_free
from tf_poselift.training import run_folder
from tf_poselift.visualization import skeleton_plots

ERROR = "pa_mpjpe"
MEASURES = ("label_free", "constancy", "symmetry", "consistency")
_FEWEST = 3  # checkpoints that a rank correlation says something about


def compare(
    workdirs: Sequence[str | os.PathLike],
    *,
    dataset: str,
    split: str = "validation",
    data_dir: str | None = None,
    last: bool = False,
    output_dir: str | os.PathLike,
) -> dict[str, Any]:
    """Measures checkpoints, writes measure_ranks.json and measure_ranks.png.

    Averaged weights are measured, where a run has them.

    Args:
      workdirs: run folders.
      dataset: NAME[/CONFIG][:VERSION], several by comma, with 3D.
      split: its split.
      data_dir: folder of prepared data sets.
      last: takes only the newest checkpoint of each run.
      output_dir: of what is written.

    Returns:
      The content of measure_ranks.json: `spearman` {measure: correlation with
      `pa_mpjpe`} and `checkpoints`, a list of what was measured.

    Raises:
      FileNotFoundError: no run or prepared data set there.
      ValueError: fewer than three checkpoints, checkpoints that do not differ,
        or a split without 3D.
    """
    runs = {
        workdir: _steps(workdir)[-1 if last else 0 :]
        for workdir in map(pathlib.Path, workdirs)
    }
    count = sum(map(len, runs.values()))
    if count < _FEWEST:
        found = {str(workdir): steps for workdir, steps in runs.items()}
        raise ValueError(
            f"There must be at least {_FEWEST} checkpoints to rank. Received: "
            f"{found}."
        )
    measured = []
    with tqdm.tqdm(total=count, unit="checkpoint") as progress:
        for workdir, steps in runs.items():
            for row in _measure(workdir, steps, dataset, split, data_dir):
                measured.append(row)
                progress.update()
    content = {
        "dataset": dataset,
        "split": split,
        "spearman": spearman(measured),
        "checkpoints": measured,
    }
    if not content["spearman"]:
        raise ValueError(f"Checkpoints must differ. Received: {measured}.")
    folder = pathlib.Path(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    skeleton_plots.save(_figure(content), folder / "measure_ranks.png")
    run_folder.write_json(folder / "measure_ranks.json", content)
    return content


def spearman(measured: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Returns {measure: its rank correlation with the error}.

    One that a checkpoint lacks, or that is the same for all, is left out.
    """
    errors = [row[ERROR] for row in measured]
    ranks = {}
    for name in MEASURES:
        values = [row.get(name) for row in measured]
        if None not in values and min(len(set(values)), len(set(errors))) > 1:
            ranks[name] = float(stats.spearmanr(values, errors).statistic)
    return ranks


def _steps(workdir: pathlib.Path) -> list[int]:
    return sorted({step for step, _ in scored_runs.checkpoint_files(workdir)})


def _measure(workdir, steps, dataset, split, data_dir):
    """Yields what was measured of each checkpoint of one run."""
    run = run_folder.load(workdir, averaged=False)
    table = _some(dataset, split, data_dir, run.method.skeleton)
    traced = label_free.Traced(run.method)
    kept = checkpoints.Checkpoints(run.method, workdir)
    for step in steps:
        kept.restore(str(workdir / "checkpoints" / f"checkpoint-{step}"))
        run.method.use_averages()
        scored = scores.score(prediction.predict(run.method, table), table)
        yield {
            "workdir": str(workdir),
            "method": run.settings["method"],
            "step": step,
            ERROR: scored.overall[ERROR],
            **label_free.measure(traced, table),
        }


def _some(dataset, split, data_dir, skeleton) -> tables.Table:
    """The clips on which `label_free` is measured; the error is theirs, too."""
    table = reader.read(dataset, split, data_dir, skeleton=skeleton)
    return label_free.some_clips(table)


def _figure(content: dict[str, Any]) -> mpl_figure.Figure:
    """A panel for every measure: error against it, a colour for a method."""
    known = content["spearman"]
    figure = mpl_figure.Figure((3.4 * len(known), 3.4), layout="constrained")
    axes = figure.subplots(1, len(known), sharey=True, squeeze=False)[0]
    methods = sorted({row["method"] for row in content["checkpoints"]})
    for axis, (name, correlation) in zip(axes, known.items(), strict=True):
        for method in methods:
            rows = [r for r in content["checkpoints"] if r["method"] == method]
            axis.scatter(
                [row[name] for row in rows],
                [row[ERROR] for row in rows],
                s=16,
                label=method,
            )
        axis.set_title(f"rank correlation {correlation:.2f}", fontsize=9)
        axis.set_xlabel(name)
    axes[0].set_ylabel(f"{ERROR}, mm")
    axes[0].legend(fontsize=7)
    return figure
