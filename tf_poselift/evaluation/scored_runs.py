"""One run of an experiment: trained, and scored over its steps.

`scores.json` in its folder holds what was measured. Of a scored run only the
last checkpoint is kept.
"""

import dataclasses
import json
import pathlib
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from tf_poselift import config as config_lib
from tf_poselift.data import tables
from tf_poselift.evaluation import experiments
from tf_poselift.evaluation import prediction
from tf_poselift.evaluation import scale_track
from tf_poselift.evaluation import scores
from tf_poselift.training import checkpoints
from tf_poselift.training import run_folder
from tf_poselift.training import training

CHECKPOINTS = 8  # points of a curve
_SCORES = "scores.json"
_CURVE_POSES = 8000  # about as many are scored for a point of it


class Stopped(Exception):
    """The user ended a training at a checkpoint."""


def result(
    run: experiments.Run,
    row: experiments.Row,
    folder: pathlib.Path,
    table: tables.Table,
    data_dir: str | None,
) -> dict[str, Any]:
    """Returns what a run gave, before or, newly trained, now.

    Args:
      run: all that decides its scores.
      row: of which it is one seed.
      folder: of the experiment, beside others whose runs may serve.
      table: what is reported on.
      data_dir: folder of prepared data sets.

    Raises:
      Stopped: the user ended the training; the same call continues it.
    """
    return _scored_before(folder.parent, run, table) or _trained(
        run, row, folder, table, data_dir
    )


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
    run: experiments.Run,
    row: experiments.Row,
    folder: pathlib.Path,
    table: tables.Table,
    data_dir: str | None,
) -> dict[str, Any]:
    """Trains and scores one run."""
    path = folder / experiments.folder_name(row.label) / str(run.seed)
    teacher = _teacher(run, row, folder.parent, table)
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
    scored = {
        "run": config_lib.to_json(run),
        "workdir": str(path.relative_to(folder.parent)),
        "data": list(table.datasets),
        "seed": run.seed,
        # Of a run that was continued the first part is not known.
        "minutes": round(minutes, 2) if is_new else None,
        "commit": run_folder.commit(),
        "points": list(
            _points(path, _steps(path, run.steps, save_every), table)
        ),
    }
    run_folder.write_json(path / _SCORES, scored)
    for step, file in checkpoint_files(path):
        if step != run.steps:
            file.unlink()
    return scored


def _teacher(
    run: experiments.Run,
    row: experiments.Row,
    root: pathlib.Path,
    table: tables.Table,
) -> str | None:
    """Returns the run folder of the teacher, where there is one."""
    if not run.teacher:
        return None
    taught = _scored_before(root, run.teacher, table)
    if not taught:
        raise ValueError(
            f"The teacher of `{row.label}` must be trained. Received: "
            f"`{row.teacher}` with seed {run.seed}, which failed."
        )
    return str(root / taught["workdir"])


def _steps(path: pathlib.Path, last: int, save_every: int) -> list[int]:
    """Returns the steps to score, in order.

    A run that was stopped has a checkpoint in between, which is left out.

    Raises:
      Stopped: the last one is not there yet.
    """
    steps = {step for step, _ in checkpoint_files(path)}
    if last not in steps:
        raise Stopped(f"{path} is not at step {last} yet.")
    return sorted(s for s in steps if s % save_every == 0 or s == last)


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
