"""Trains a method on prepared data sets, from flags' values to a run folder."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Sequence

import tensorflow as tf

from tf_poselift import config as config_lib
from tf_poselift import methods
from tf_poselift import skeletons
from tf_poselift.data import noise as noise_lib
from tf_poselift.data import prepared
from tf_poselift.data import reader
from tf_poselift.data import sampling
from tf_poselift.data import streaming
from tf_poselift.data import tables
from tf_poselift.training import best as best_lib
from tf_poselift.training import checkpoints
from tf_poselift.training import loop
from tf_poselift.training import run_folder
from tf_poselift.training import session
from tf_poselift.training import strategies
from tf_poselift.training import summaries
from tf_poselift.training import teachers
from tf_poselift.training import workers as workers_lib

_CLIPS_OF_A_STREAM = 8  # in memory


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
      log_every: steps of one call, whose mean logs are shown and written.

    Raises:
      ValueError: unknown method or field, a batch that does not divide by the
        replicas, a run of other settings in `workdir`, losses that are not
        finite, no valid pose.
      FileNotFoundError: no such prepared data set, no teacher.
      OSError: what must be written cannot be.
      workers.Lost: another process of the run is gone.
    """
    workdir = pathlib.Path(workdir).expanduser()
    module = methods.load(method)
    config = config_lib.override(module.Config(), overrides)
    if batch_size is not None:
        config = dataclasses.replace(config, batch_size=batch_size)
    device_strategy = strategies.make(strategy)
    team = workers_lib.Workers(device_strategy)
    check_batch(config.batch_size, device_strategy)
    teachers.check(module, config, teacher)
    if stream:
        _check_stream(module, dataset, skeleton, noise)
    with team.watched():
        split = _some_clips(dataset, data_dir) if stream else "train"
        table, held_out = _read(dataset, split, data_dir, skeleton, patience)
        kind_of_noise = config_lib.override(noise_lib.Noise(), noise)
        if noise:
            table = noise_lib.apply(table, kind_of_noise, seed=seed)
        # Under a strategy every replica gets its own copy of the weights.
        with strategies.scope(device_strategy):
            learned_from = run_folder.load(teacher) if teacher else None
        settings = run_folder.Settings(
            method=method,
            config=config_lib.to_json(config),
            skeleton=table.skeleton.to_dict(),
            dataset=dataset,
            data=table.datasets,
            batch_size=config.batch_size,
            seed=seed,
            precision=precision,
            flip=flip,
            noise=config_lib.to_json(kind_of_noise) if noise else {},
            **teachers.describe(learned_from, table),
            strategy=strategy,
            commit=run_folder.commit(),
        )
        print(
            f"{method} on {', '.join(table.datasets)} "
            f"({'streamed' if stream else table.num_rows} frames, "
            f"{table.num_views} views, `{table.skeleton.name}`), seed {seed}, "
            f"{precision}, {_where(device_strategy)}; writes to {workdir}\n"
            f"{config}",
            flush=True,
        )
        drawn_from = None
        if stream:
            drawn_from = streaming.Stream(
                dataset,
                "train",
                data_dir,
                module.batch_spec(config),
                batch_size=config.batch_size,
                seed=seed,
                flip=flip,
                shuffle_buffer=shuffle_buffer,
            )
        lengths = {
            "steps": steps,
            "patience": patience,
            "save_every": save_every,
            "log_every": log_every,
        }
        asked_for = run_folder.fixed(settings) | lengths
        asked_for |= {"stream": stream, "shuffle_buffer": shuffle_buffer}
        team.check_same("settings", json.dumps(asked_for, sort_keys=True))
        if debug_nan:
            tf.debugging.enable_check_numerics()
        model, source = _build(
            module,
            config,
            settings,
            table,
            device_strategy,
            team,
            workdir=workdir,
            stream=drawn_from,
            teacher=learned_from.method if learned_from else None,
            jit_compile=not debug_nan,
        )
        measures = team.is_chief and held_out is not None
        return session.Session(
            model,
            loop.Loop(model, source, device_strategy),
            team,
            checkpoints.Checkpoints(model, workdir, keep=keep),
            best_lib.Best(model, held_out, workdir) if measures else None,
            summaries.Summaries(model, table, workdir)
            if team.is_chief
            else None,
            workdir,
        ).run(**lengths)


def _build(
    module,
    config,
    settings: run_folder.Settings,
    table: tables.Table,
    strategy,
    team: workers_lib.Workers,
    *,
    workdir: pathlib.Path,
    stream: streaming.Stream | None,
    **kwargs,
):
    """Returns the method and where its batches come from; begins a run."""
    statistics = run_folder.continued_statistics(workdir, settings)
    is_new = statistics is None
    if is_new:
        make = getattr(module, "statistics", None)
        statistics = make(table, config) if make else {}
    with strategies.scope(strategy):
        model = run_folder.build_method(settings, statistics, **kwargs)
        source = stream or make_sampler(
            module,
            config,
            table,
            seed=settings.seed,
            flip=settings.flip,
        )
    if is_new and team.is_chief:
        run_folder.create(workdir, settings, statistics)
    return model, source


def make_sampler(
    module, config, table: tables.Table, *, seed: int, flip: bool = False
) -> sampling.Sampler:
    """Returns a sampler of the batches that a method module asks for."""
    derived = getattr(module, "derived", None)
    return sampling.Sampler(
        table,
        module.batch_spec(config),
        batch_size=config.batch_size,
        seed=seed,
        flip=flip,
        derived=derived(table, config) if derived else None,
    )


def _where(strategy) -> str:
    devices = tf.config.list_logical_devices()[-1].device_type
    replicas = strategy.num_replicas_in_sync if strategy else 1
    return f"{replicas} replica(s) on {devices}"


def check_batch(batch_size: int, strategy) -> None:
    """Raises ValueError unless the batch divides by the replicas."""
    replicas = strategy.num_replicas_in_sync if strategy else 1
    if batch_size < 1 or batch_size % replicas:
        raise ValueError(
            f"`batch_size` must be a multiple of the {replicas} replicas. "
            f"Received: {batch_size}."
        )


def _check_stream(module, dataset, skeleton, noise) -> None:
    """Raises ValueError for what needs the whole split, or a table."""
    name = module.__name__.rpartition(".")[2]
    for wanted, what in (
        (hasattr(module, "statistics"), f"`{name}` (its `statistics`)"),
        (hasattr(module, "derived"), f"`{name}` (its `derived` arrays)"),
        ("," in dataset, "several data sets"),
        (bool(skeleton), "`skeleton`"),
        (bool(noise), "`noise`"),
    ):
        if wanted:
            raise ValueError(
                f"`stream` must be off for {what}: it needs the training split "
                "as a whole. Train without it, or on a part that fits."
            )


def _some_clips(dataset, data_dir) -> str:
    """Returns the first clips of the training split, to draw pictures of."""
    splits = prepared.open_builder(dataset, data_dir).info.splits
    return f"train[:{min(_CLIPS_OF_A_STREAM, splits['train'].num_examples)}]"


def _read(dataset, split, data_dir, skeleton: str | None, patience):
    """Returns the training split, and the held-out clips or None."""
    wanted = skeletons.load(skeleton) if skeleton else None
    table = reader.read(dataset, split, data_dir, skeleton=wanted)
    held_out = best_lib.held_out(dataset, data_dir, table.skeleton)
    if patience is not None and held_out is None:
        raise ValueError(
            "`patience` needs a `validation` split of every data set. "
            f"Received: `{dataset}`, without."
        )
    return table, held_out
