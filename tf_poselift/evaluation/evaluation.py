"""Evaluates a run on a split: from a run folder to numbers and a picture."""

import os
import pathlib
import re
from typing import Any

from tf_poselift.data import reader
from tf_poselift.evaluation import prediction
from tf_poselift.evaluation import report
from tf_poselift.evaluation import scores
from tf_poselift.training import run_folder
from tf_poselift.visualization import skeleton_plots


def evaluate(
    workdir: str | os.PathLike,
    *,
    dataset: str,
    split: str = "test",
    data_dir: str | None = None,
    checkpoint: str | None = None,
    output_dir: str | os.PathLike | None = None,
) -> dict[str, Any]:
    """Scores a run; prints a table, writes results.json and poses.png.

    Args:
      workdir: the run folder.
      dataset: NAME[/CONFIG][:VERSION], several by comma; it must have 3D and
        the model's skeleton.
      split: its split.
      data_dir: folder of prepared data sets.
      checkpoint: path of a checkpoint; the newest by default.
      output_dir: `WORKDIR/evaluation/DATASET-SPLIT` by default.

    Returns:
      The content of results.json.

    Raises:
      FileNotFoundError: no run, checkpoint or prepared data set there.
      ValueError: another skeleton, no 3D, nothing to evaluate.
    """
    run = run_folder.load(workdir, checkpoint=checkpoint)
    table = reader.read(dataset, split, data_dir)
    scores.check_joints_3d(table)
    folder = _output_folder(workdir, dataset, split, output_dir)
    print(
        f"{run.settings['method']} at step {run.step} of {workdir} on "
        f"{', '.join(table.datasets)}, split {split}; writes to {folder}"
    )

    predictions = prediction.predict(run.method, table, progress=True)
    scored = scores.score(predictions, table)
    floor = prediction.predict(prediction.DepthZero(table.skeleton), table)
    results = report.results(
        scored,
        dataset=dataset,
        split=split,
        commit=run_folder.commit(),
        floor=scores.score(floor, table).overall,
        data=list(table.datasets),
        method=run.settings["method"],
        step=run.step,
        trained_on=run.settings["data"],
    )
    figure = report.pose_figure(
        predictions, scored, table, report.extremes(scored)
    )

    folder.mkdir(parents=True, exist_ok=True)
    skeleton_plots.save(figure, folder / "poses.png")
    run_folder.write_json(folder / "results.json", results)
    print(report.text_table(results))
    return results


def _output_folder(workdir, dataset, split, output_dir) -> pathlib.Path:
    if output_dir:
        return pathlib.Path(output_dir)
    name = re.sub(r"[^\w.,-]+", "_", f"{dataset}-{split}")
    return pathlib.Path(workdir) / "evaluation" / name
