"""Runs experiments: every row and seed is trained and scored over its steps.

Runs lie in WORKDIR/SCALE/NAME/LABEL/SEED, with what was measured in
`scores.json`. What is there is not trained or scored again, though the code
may be newer, and serves every experiment that asks for the same run. Of a
scored run only the last checkpoint is kept.
"""

import dataclasses
import datetime
import gc
import json
import os
import pathlib
import platform
import time
import traceback
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_poselift import checks
from tf_poselift import config as config_lib
from tf_poselift.data import noise as noise_lib
from tf_poselift.data import reader
from tf_poselift.data import tables
from tf_poselift.evaluation import comparison_report
from tf_poselift.evaluation import experiments
from tf_poselift.evaluation import prediction
from tf_poselift.evaluation import scale_track
from tf_poselift.evaluation import scores
from tf_poselift.training import checkpoints
from tf_poselift.training import run_folder
from tf_poselift.training import training
from tf_poselift.visualization import skeleton_plots

CHECKPOINTS = 8  # points of a curve
_SCORES = "scores.json"
_CURVE_POSES = 8000  # about as many are scored for a point of it


class Stopped(Exception):
    """The user ended a training at a checkpoint."""


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
      Stopped: the user ended a training; the same call continues it.
      ValueError, FileNotFoundError: the experiment cannot be run at all.
    """
    checks.check_member(
        f"scale of `{experiment.name}`", scale, experiment.scales
    )
    size = experiment.scales[scale]
    if seeds is not None:
        size = dataclasses.replace(size, seeds=seeds)
    if steps is not None:
        size = dataclasses.replace(size, steps=steps)
        scale = f"{scale}-{steps}"
    planned = [
        (row, experiments.describe(experiment, size, row, seed))
        for seed in range(size.seeds)
        for row in experiment.rows
    ]
    folder = pathlib.Path(workdir).expanduser() / scale / experiment.name
    table = reader.read(experiment.dataset, experiment.split, data_dir)
    scores.check_joints_3d(table)
    if experiment.input_noise:
        noise = config_lib.override(noise_lib.Noise(), experiment.input_noise)
        table = noise_lib.apply(table, noise, seed=0)
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
            result = _scored_before(folder.parent, run, table)
            result = result or _trained(run, row, folder, table, data_dir)
        except (Stopped, KeyboardInterrupt):
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


def _scored_before(
    root: pathlib.Path, run: experiments.Run, table: tables.Table
) -> dict[str, Any] | None:
    """Returns what a run gave before, in whichever experiment."""
    key = config_lib.to_json(run)
    for path in sorted(root.glob(f"*/*/{run.seed}/{_SCORES}")):
        result = json.loads(path.read_text(encoding="utf-8"))
        if (result["run"], result["data"]) == (key, list(table.datasets)):
            print(f"Scored before: {path}.")
            return result
    return None


def _trained(
    run: experiments.Run, row: experiments.Row, folder, table, data_dir
) -> dict[str, Any]:
    """Trains and scores one run."""
    path = folder / experiments.folder_name(row.label) / str(run.seed)
    teacher = None
    if run.teacher:
        taught = _scored_before(folder.parent, run.teacher, table)
        if not taught:
            raise ValueError(
                f"The teacher of `{row.label}` must be trained. Received: "
                f"`{row.teacher}` with seed {run.seed}, which failed."
            )
        teacher = str(folder.parent / taught["workdir"])
    save_every = max(run.steps // CHECKPOINTS, 1)
    is_new = not path.exists()
    started = time.monotonic()
    training.train(
        run.method,
        dataset=run.dataset,
        data_dir=data_dir,
        workdir=path,
        steps=run.steps,
        batch_size=run.batch_size,
        seed=run.seed,
        overrides=run.overrides,
        flip=run.flip,
        noise=run.noise,
        teacher=teacher,
        precision=run.precision,
        save_every=save_every,
        keep=None,
    )
    minutes = (time.monotonic() - started) / 60
    # A run that was stopped has a checkpoint in between.
    steps = sorted(
        {
            step
            for step, _ in checkpoint_files(path)
            if step % save_every == 0 or step == run.steps
        }
    )
    if run.steps not in steps:
        raise Stopped(f"{path} is not at step {run.steps} yet.")
    result = {
        "run": config_lib.to_json(run),
        "workdir": str(path.relative_to(folder.parent)),
        "data": list(table.datasets),
        "seed": run.seed,
        # Of a run that was continued the first part is not known.
        "minutes": round(minutes, 2) if is_new else None,
        "commit": run_folder.commit(),
        "points": list(_points(path, steps, table)),
    }
    run_folder.write_json(path / _SCORES, result)
    for step, file in checkpoint_files(path):
        if step != run.steps:
            file.unlink()
    return result


def checkpoint_files(
    workdir: pathlib.Path,
) -> Iterator[tuple[int, pathlib.Path]]:
    """Yields every file of a run's checkpoints with its step."""
    for path in sorted(workdir.glob("checkpoints/checkpoint-*")):
        yield int(path.name.split(".")[0].rpartition("-")[2]), path


def _points(
    path: pathlib.Path, steps: list[int], table: tables.Table
) -> Iterator[dict[str, Any]]:
    """Scores the last and, where there are any, averaged weights of steps.

    Args:
      path: run folder.
      steps: of its checkpoints; the last one is scored on every pose, the
        others, points of a curve, on every n-th frame.
      table: what is reported on.
    """
    every = max(table.num_rows * table.num_views // _CURVE_POSES, 1)
    some = np.arange(table.num_rows) % every == 0
    sample = dataclasses.replace(table, frame_valid=table.frame_valid & some)
    run = run_folder.load(path, averaged=False)
    kept = checkpoints.Checkpoints(run.method, path)
    for step in steps:
        kept.restore(str(path / "checkpoints" / f"checkpoint-{step}"))
        shown = table if step == steps[-1] else sample
        yield _point(run.method, step, "last", shown)
        if run.method.averages:
            run.method.use_averages()
            yield _point(run.method, step, "averaged", shown)


def _point(method, step: int, weights: str, table) -> dict[str, Any]:
    if hasattr(method, "reference_scale"):
        # What is served has lost Yu's unit, and no true scale comes with it.
        scored = scale_track.measure(method, table)
        poses = len(scored.rows)
    else:
        scored = scores.score(prediction.predict(method, table), table)
        poses = len(scored.positions)
    return {
        "step": step,
        "weights": weights,
        "poses": poses,
        "metrics": scored.overall,
    }


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
