"""Trains a method on prepared data sets, from flags' values to a run folder."""

import contextlib
import dataclasses
import json
import os
import pathlib
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tf_poselift import config as config_lib
from tf_poselift import methods
from tf_poselift.data import noise as noise_lib
from tf_poselift.data import sampling
from tf_poselift.data import streaming
from tf_poselift.data import tables
from tf_poselift.methods import base
from tf_poselift.training import best as best_lib
from tf_poselift.training import checkpoints
from tf_poselift.training import cluster
from tf_poselift.training import loop
from tf_poselift.training import run_folder
from tf_poselift.training import run_lock
from tf_poselift.training import session
from tf_poselift.training import strategies
from tf_poselift.training import summaries
from tf_poselift.training import teachers
from tf_poselift.training import training_data
from tf_poselift.training import workers as workers_lib


def train(
    method: str,
    *,
    dataset: str,
    data_dir: str,
    workdir: str | os.PathLike,
    steps: int,
    batch_size: int | None = None,
    seed: int = 0,
    overrides: Sequence[str] = (),
    strategy: str = "auto",
    precision: str = "float32",
    flip: bool = False,
    skeleton: str | None = None,
    noise: Sequence[str] = (),
    stream: bool = False,
    shuffle_buffer: int = 65536,
    teacher: str | None = None,
    patience: int | None = None,
    debug_nan: bool = False,
    save_every: int = 1000,
    keep: int | None = 3,
    log_every: int = 50,
) -> dict[str, float]:
    """Trains, or continues the run in `workdir`; returns the last logs.

    Args:
      method: a name of `methods.names()`.
      dataset: NAME[/CONFIG][:VERSION], several by comma; its `train` split.
      data_dir: folder of prepared data sets.
      workdir: the run folder.
      steps: total number of updates, those of earlier calls included.
      batch_size: global batch; None takes the method's own.
      seed: of initial weights and of every draw.
      overrides: FIELD=VALUE for the method's config.
      strategy: a name of `strategies.NAMES`.
      precision: a Keras dtype policy, e.g. "mixed_bfloat16".
      flip: left/right flip augmentation.
      skeleton: name or YAML file of the skeleton to map the data to; None
        keeps the data's.
      noise: FIELD=VALUE of `noise.Noise`, put on the 2D of the whole split.
      stream: reads batches from the records, for a split that does not fit
        into memory; not for a method that needs something of all of it.
      shuffle_buffer: examples from which a stream draws the next one.
      teacher: run folder of the lifter to learn from, for a method that does;
        its averaged weights where it has them.
      patience: ends the run when so many checkpoints in a row are not better
        than the best one on the 2D of the `validation` split
        (`evaluation.label_free`); None does not.
      debug_nan: stops in the operation that makes the first number that is
        not finite, and names it. Many times slower, without XLA.
      save_every: steps between checkpoints.
      keep: how many of the newest checkpoints are kept; None keeps all.
      log_every: steps whose mean logs are shown and written.

    Raises:
      ValueError: unknown method or field, a batch that does not divide by the
        replicas, a run of other settings in `workdir`, losses that are not
        finite or explode, no valid pose, a `TF_CONFIG` of several processes
        under another strategy than theirs.
      FileNotFoundError: no such prepared data set, no teacher.
      OSError: what must be written cannot be, or another process trains in
        `workdir`.
      MemoryError: of the device; the batch is too large for it.
      workers.Lost: another process of the run is gone.
    """
    workdir = pathlib.Path(workdir).expanduser()
    run_folder.check_place(workdir)
    if strategy != "multi_worker":
        cluster.check_unused()
    module = methods.load(method)
    config = config_lib.override(module.Config(), overrides)
    if batch_size is not None:
        config = dataclasses.replace(config, batch_size=batch_size)
    noise = config_lib.override(noise_lib.Noise(), noise) if noise else None
    data = training_data.TrainingData(
        dataset, data_dir, skeleton, noise, seed, flip, stream, shuffle_buffer
    )
    team = workers_lib.Workers(strategies.make(strategy))
    check_batch(config.batch_size, team.strategy)
    teachers.check(module, config, teacher)
    data.check(method)
    lengths = {
        "steps": steps,
        "patience": patience,
        "save_every": save_every,
        "log_every": log_every,
    }
    with team.watched(), _within_memory(config.batch_size):
        table, held_out = data.read(needs_held_out=patience is not None)
        teacher_run = teachers.load(teacher, team.strategy)
        settings = _settings(
            method, config, data, table, teacher_run, precision, strategy
        )
        _announce(settings, config, data, table, team, workdir)
        _compare_steps(method, config, steps)
        _check_same(team, settings, data, lengths)
        model, source, statistics = _begin(
            workdir, settings, config, data, table, team, teacher_run, debug_nan
        )
        if team.is_chief and patience is not None:
            best_lib.check(model, held_out)
        with _claimed(workdir, settings, statistics, team):
            return _session(
                model, source, table, held_out, team, workdir, keep
            ).run(**lengths)


@contextlib.contextmanager
def _within_memory(batch_size: int) -> Iterator[None]:
    """Within it, TensorFlow's error for want of memory is a MemoryError."""
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        lines = [line for line in error.message.splitlines() if line.strip()]
        told = [line for line in lines if "emory" in line or "OOM" in line]
        raise MemoryError(
            f"The device must have room for steps of {batch_size} examples. "
            f"Received: {(told or lines or ['no memory'])[0].strip():.200}. "
            "Give a smaller `--batch_size`, in another `--workdir`."
        ) from error


@contextlib.contextmanager
def _claimed(
    workdir: pathlib.Path,
    settings: run_folder.Settings,
    statistics: dict[str, np.ndarray],
    team: workers_lib.Workers,
) -> Iterator[None]:
    """Within it the run folder is this run's, made if there was none."""
    if not team.is_chief:
        yield
        return
    with run_lock.held(workdir):
        # Asked again: another process may have made it since.
        if run_folder.continued_statistics(workdir, settings) is None:
            run_folder.create(workdir, settings, statistics)
        yield


def _settings(
    method: str,
    config,
    data: training_data.TrainingData,
    table: tables.Table,
    teacher_run: run_folder.Run | None,
    precision: str,
    strategy: str,
) -> run_folder.Settings:
    return run_folder.Settings(
        method=method,
        config=config_lib.to_json(config),
        skeleton=table.skeleton.to_dict(),
        dataset=data.dataset,
        data=table.datasets,
        batch_size=config.batch_size,
        seed=data.seed,
        precision=precision,
        flip=data.flip,
        noise=config_lib.to_json(data.noise) if data.noise else {},
        **teachers.describe(teacher_run, table),
        strategy=strategy,
        stream=data.stream,
        commit=run_folder.commit(),
    )


def _announce(
    settings: run_folder.Settings,
    config,
    data: training_data.TrainingData,
    table: tables.Table,
    team: workers_lib.Workers,
    workdir: pathlib.Path,
) -> None:
    """Prints what is trained on what, and where it will stand."""
    replicas = team.strategy.num_replicas_in_sync if team.strategy else 1
    device = tf.config.list_logical_devices()[-1].device_type
    print(
        f"{settings.method} on {', '.join(table.datasets)} "
        f"({'streamed' if data.stream else table.num_rows} frames, "
        f"{table.num_views} views, `{table.skeleton.name}`), "
        f"seed {settings.seed}, {settings.precision}, {replicas} replica(s) on "
        f"{device}; writes to {workdir}\n{config}",
        flush=True,
    )


def _compare_steps(method: str, config, steps: int) -> None:
    """Warns of a run that is not as long as its method's config has it."""
    planned = getattr(config, "total_steps", steps)
    if planned != steps:
        late = "may never come" if planned > steps else "comes early"
        print(
            f"WARNING: `{method}` plans with `total_steps={planned}`, the run "
            f"ends at step {steps}: what begins late in the plan {late}. Give "
            f"`--config=total_steps={steps}`.",
            flush=True,
        )


def _check_same(
    team: workers_lib.Workers,
    settings: run_folder.Settings,
    data: training_data.TrainingData,
    lengths: dict[str, int | None],
) -> None:
    """Raises ValueError if another worker was asked for something else."""
    asked_for = run_folder.fixed(settings) | lengths
    asked_for |= {"shuffle_buffer": data.shuffle_buffer}
    team.check_same("settings", json.dumps(asked_for, sort_keys=True))


def _begin(
    workdir: pathlib.Path,
    settings: run_folder.Settings,
    config,
    data: training_data.TrainingData,
    table: tables.Table,
    team: workers_lib.Workers,
    teacher_run: run_folder.Run | None,
    debug_nan: bool,
) -> tuple[
    base.PoseLifter,
    sampling.Sampler | streaming.Stream,
    dict[str, np.ndarray],
]:
    """Returns the method, where its batches come from, and its statistics."""
    if debug_nan:
        tf.debugging.enable_check_numerics()
    statistics = run_folder.continued_statistics(workdir, settings)
    if statistics is None:
        make = getattr(methods.load(settings.method), "statistics", None)
        statistics = make(table, config) if make else {}
    with strategies.scope(team.strategy):
        model = run_folder.build_method(
            settings,
            statistics,
            teacher=teacher_run.method if teacher_run else None,
            jit_compile=not debug_nan,
        )
        source = data.batches(settings.method, config, table)
    return model, source, statistics


def _session(
    model: base.PoseLifter,
    source: sampling.Sampler | streaming.Stream,
    table: tables.Table,
    held_out: tables.Table | None,
    team: workers_lib.Workers,
    workdir: pathlib.Path,
    keep: int | None,
) -> session.Session:
    """Puts together what takes part; of several processes the chief writes."""
    best = written = None
    if team.is_chief:
        written = summaries.Summaries(model, table, workdir)
        if held_out is not None:
            best = best_lib.Best(model, held_out, workdir)
    return session.Session(
        method=model,
        training_loop=loop.Loop(model, source, team.strategy),
        workers=team,
        kept=checkpoints.Checkpoints(model, workdir, keep=keep),
        best=best,
        written=written,
        workdir=workdir,
    )


def check_batch(batch_size: int, strategy) -> None:
    """Raises ValueError unless the batch divides by the replicas."""
    replicas = strategy.num_replicas_in_sync if strategy else 1
    if batch_size < 1 or batch_size % replicas:
        raise ValueError(
            f"`batch_size` must be a multiple of the {replicas} replicas. "
            f"Received: {batch_size}."
        )
