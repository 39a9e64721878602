"""Evaluates a run on a split: from a run folder to numbers and a picture."""

import os
import pathlib
import re
from collections.abc import Sequence
from typing import Any

from tf_poselift import checks
from tf_poselift import config as config_lib
from tf_poselift import schema
from tf_poselift.data import noise as noise_lib
from tf_poselift.data import prepared
from tf_poselift.data import reader
from tf_poselift.data import tables
from tf_poselift.evaluation import certainty
from tf_poselift.evaluation import prediction
from tf_poselift.evaluation import report
from tf_poselift.evaluation import scores
from tf_poselift.methods import base
from tf_poselift.training import run_folder
from tf_poselift.visualization import skeleton_plots


def evaluate(
    workdir: str | os.PathLike,
    *,
    dataset: str,
    split: str = "test",
    data_dir: str | None = None,
    checkpoint: str | None = None,
    noise: Sequence[str] = (),
    by: Sequence[str] = (),
    uncertainty: int = 0,
    output_dir: str | os.PathLike | None = None,
) -> dict[str, Any]:
    """Scores a run; prints a table, writes results.json and poses.png.

    A run with averaged weights is scored by these, which are also what is
    exported; `last_weights` has the metrics of the last weights.

    Args:
      workdir: the run folder.
      dataset: NAME[/CONFIG][:VERSION], several by comma; it must have 3D and
        a skeleton that maps to the model's.
      split: its split.
      data_dir: folder of prepared data sets.
      checkpoint: path of a checkpoint; the newest by default.
      noise: FIELD=VALUE of `noise.Noise`, put on the 2D.
      by: groups beside the actions: "subject", "scene", or several labels
        joined by "+" ("subject+action").
      uncertainty: how many times more poses are lifted, to tell how sure the
        model is and how well that ranks its errors; 0: not asked.
      output_dir: by default `WORKDIR/evaluation/DATASET-SPLIT`, with the
        checkpoint and the noise behind it where they are given.

    Returns:
      The content of results.json.

    Raises:
      FileNotFoundError: no run, checkpoint or prepared data set there.
      ValueError: no map to the model's skeleton, no 3D, nothing to evaluate,
        or no uncertainty of that number of lifts.
    """
    run = run_folder.load(workdir, checkpoint=checkpoint, averaged=False)
    run.method.offer_uncertainty(uncertainty)
    _check_labels(by)
    folder = pathlib.Path(
        output_dir or _folder(workdir, dataset, split, checkpoint, noise)
    )
    noise = config_lib.override(noise_lib.Noise(), noise) if noise else None
    _check_joints_3d(dataset, data_dir)
    table = reader.read(dataset, split, data_dir, skeleton=run.method.skeleton)
    if noise:
        table = noise_lib.apply(table, noise, seed=0)
    print(
        f"{run.settings['method']} at step {run.step} of {workdir} on "
        f"{', '.join(table.datasets)}, split {split}, in the joints of "
        f"`{table.skeleton.name}`; writes to {folder}"
    )
    predictions, scored, last = _score(run.method, table)
    floor = prediction.predict(prediction.DepthZero(table.skeleton), table)
    further = {}
    if uncertainty:
        further["uncertainty"] = {"lifts": uncertainty} | certainty.measure(
            predictions, scored, table
        )
    results = report.results(
        scored,
        dataset=dataset,
        split=split,
        commit=run_folder.commit(),
        by=by,
        weights="averaged" if run.method.averages else "last",
        last_weights=last,
        floor=scores.score(floor, table).overall,
        data=list(table.datasets),
        skeleton=table.skeleton.name,
        noise=config_lib.to_json(noise) if noise else {},
        method=run.settings["method"],
        step=run.step,
        trained_on=run.settings["data"],
        **further,
    )
    figure = report.pose_figure(
        predictions, scored, table, report.extremes(scored)
    )
    folder.mkdir(parents=True, exist_ok=True)
    skeleton_plots.save(figure, folder / "poses.png")
    run_folder.write_json(folder / "results.json", results)
    print(report.text_table(results))
    for name, value in results.get("uncertainty", {}).items():
        print(f"uncertainty: {name} {value:.4g}")
    return results


def _score(
    method: base.PoseLifter, table: tables.Table
) -> tuple[prediction.Predictions, scores.Scores, dict[str, float]]:
    """Returns poses, their scores, and the metrics of the last weights.

    The poses are of the averaged weights, where the method has them.
    """
    predictions = prediction.predict(method, table, progress=True)
    scored = scores.score(predictions, table)
    last = scored.overall
    if method.averages:
        method.use_averages()
        predictions = prediction.predict(method, table, progress=True)
        scored = scores.score(predictions, table)
    return predictions, scored, last


def _check_labels(by: Sequence[str]) -> None:
    for kinds in by:
        for kind in kinds.split("+"):
            checks.check_member("label", kind, ("action", "subject", "scene"))


def _check_joints_3d(dataset: str, data_dir: str | None) -> None:
    """Refuses 2D alone before a split is missed that would not help either."""
    for name in dataset.split(","):
        builder = prepared.open_builder(name.strip(), data_dir)
        if schema.JOINTS_3D not in builder.info.features:
            raise scores.no_joints_3d([prepared.full_name(builder)])


def _folder(workdir, dataset, split, checkpoint, noise) -> pathlib.Path:
    """Returns a folder for each of what may be evaluated of a run."""
    name = "-".join([dataset, split, *noise])
    if checkpoint:
        name += f"-{pathlib.Path(checkpoint).name}"
    name = re.sub(r"[^\w.,-]+", "_", name)
    return pathlib.Path(workdir) / "evaluation" / name
