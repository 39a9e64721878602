"""Runs experiments: every row and seed is trained and scored over its steps.

Runs lie in WORKDIR/SCALE/NAME/LABEL/SEED. What is scored there (see
`scored_runs`) is not trained or scored again, though the code may be newer,
and serves every experiment that asks for the same run.
"""

import dataclasses
import datetime
import gc
import os
import pathlib
import platform
import traceback
from typing import Any

import keras
import tensorflow as tf

from tf_poselift import checks
from tf_poselift import config as config_lib
from tf_poselift.data import noise as noise_lib
from tf_poselift.data import reader
from tf_poselift.data import tables
from tf_poselift.evaluation import comparison_report
from tf_poselift.evaluation import experiments
from tf_poselift.evaluation import prediction
from tf_poselift.evaluation import scored_runs
from tf_poselift.evaluation import scores
from tf_poselift.training import run_folder
from tf_poselift.visualization import skeleton_plots


def compare(
    experiment: experiments.Experiment,
    *,
    scale: str,
    data_dir: str | None,
    workdir: str | os.PathLike,
    steps: int | None = None,
    seeds: int | None = None,
    command: str = "",
) -> dict[str, Any]:
    """Trains and scores all rows and seeds of an experiment.

    Writes `results.json`, `table.md` and `curves.png` into
    WORKDIR/SCALE/NAME, after every run anew.

    Args:
      experiment: what to compare.
      scale: one of its scales.
      data_dir: folder of prepared data sets.
      workdir: folder of all comparisons.
      steps: another number of steps, to try a comparison out; its folder is
        WORKDIR/SCALE-STEPS/NAME.
      seeds: another number of seeds.
      command: what the user typed, for the record.

    Returns:
      The content of results.json; `failures` names what went wrong.

    Raises:
      scored_runs.Stopped: the user ended a training; the same call continues
        it.
      ValueError, FileNotFoundError: the experiment cannot be run at all.
    """
    checks.check_member(
        f"scale of `{experiment.name}`", scale, experiment.scales
    )
    size = _size(experiment.scales[scale], steps, seeds)
    if steps is not None:
        scale = f"{scale}-{steps}"
    planned = [
        (row, experiments.describe(experiment, size, row, seed))
        for seed in range(size.seeds)
        for row in experiment.rows
    ]
    folder = pathlib.Path(workdir).expanduser() / scale / experiment.name
    table = _reported_on(experiment, data_dir)
    content = {
        **_head(experiment, scale, size, table),
        "command": command,
        "rows": [
            config_lib.to_json(row) | {"runs": []} for row in experiment.rows
        ],
        "failures": [],
    }
    for done, (row, run) in enumerate(planned, 1):
        print(
            f"\n{experiment.name}, {scale}: {row.label}, seed {run.seed} "
            f"({done} of {len(planned)})",
            flush=True,
        )
        try:
            result = scored_runs.result(run, row, folder, table, data_dir)
        except (scored_runs.Stopped, KeyboardInterrupt):
            raise
        except Exception as error:  # the other rows are worth having
            traceback.print_exc()
            content["failures"].append(
                {"row": row.label, "seed": run.seed, "error": str(error)}
            )
        else:
            at = experiment.rows.index(row)
            content["rows"][at]["runs"].append(result)
        _write(content, folder)
        # TensorFlow keeps what was traced for a model that is gone.
        keras.utils.clear_session()
        gc.collect()
    return content


def _size(
    size: experiments.Scale, steps: int | None, seeds: int | None
) -> experiments.Scale:
    if steps is not None:
        size = dataclasses.replace(size, steps=steps)
    if seeds is not None:
        size = dataclasses.replace(size, seeds=seeds)
    return size


def _reported_on(
    experiment: experiments.Experiment, data_dir: str | None
) -> tables.Table:
    """Reads the split that is scored, which must have 3D."""
    table = reader.read(experiment.dataset, experiment.split, data_dir)
    scores.check_joints_3d(table)
    if not experiment.input_noise:
        return table
    noise = config_lib.override(noise_lib.Noise(), experiment.input_noise)
    return noise_lib.apply(table, noise, seed=0)


def _head(
    experiment, scale: str, size: experiments.Scale, table
) -> dict[str, Any]:
    floor = prediction.predict(prediction.DepthZero(table.skeleton), table)
    scored = scores.score(floor, table)
    return {
        "experiment": experiment.name,
        "claim": experiment.claim,
        "scale": scale,
        "settings": config_lib.to_json(size),
        "dataset": experiment.dataset,
        "data": list(table.datasets),
        "split": experiment.split,
        "input_noise": list(experiment.input_noise),
        "metrics": list(experiment.metrics),
        "curves": list(experiment.curves),
        "poses": len(scored.positions),
        "floor": scored.overall,
        "machine": machine(),
        "date": datetime.date.today().isoformat(),
    }


def machine() -> str:
    """Returns the devices in words."""
    names = [
        tf.config.experimental.get_device_details(device).get(
            "device_name", "GPU"
        )
        for device in tf.config.list_physical_devices("GPU")
    ]
    cores = len(os.sched_getaffinity(0))
    cpu = platform.processor() or platform.machine()
    return ", ".join([*names, f"{cores} {cpu} cores", f"TF {tf.__version__}"])


def _write(content: dict[str, Any], folder: pathlib.Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    run_folder.write_json(folder / "results.json", content)
    (folder / "table.md").write_text(
        comparison_report.markdown(content) + "\n", encoding="utf-8"
    )
    if any(row["runs"] for row in content["rows"]):
        skeleton_plots.save(
            comparison_report.figure(content), folder / "curves.png"
        )
