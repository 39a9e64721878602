"""Trains a method on prepared data sets, from flags' values to a run folder."""

import dataclasses
import math
import os
import pathlib
import time
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import tqdm

from tf_poselift import config as config_lib
from tf_poselift import methods
from tf_poselift import skeletons
from tf_poselift.data import noise as noise_lib
from tf_poselift.data import reader
from tf_poselift.data import sampling
from tf_poselift.data import tables
from tf_poselift.training import best as best_lib
from tf_poselift.training import checkpoints
from tf_poselift.training import loop
from tf_poselift.training import run_folder
from tf_poselift.training import stopping
from tf_poselift.training import strategies
from tf_poselift.training import summaries

_ADVICE = (
    "Checkpoints written so far are intact; try a lower "
    "`--config=learning_rate=...` in another `--workdir`."
)


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
    """
    workdir = pathlib.Path(workdir).expanduser()
    module = methods.load(method)
    config = config_lib.override(module.Config(), overrides)
    if batch_size is not None:
        config = dataclasses.replace(config, batch_size=batch_size)
    device_strategy = strategies.make(strategy)
    check_batch(config.batch_size, device_strategy)

    _check_teacher(module, config, teacher)
    kind_of_noise = config_lib.override(noise_lib.Noise(), noise)
    table, held_out = _read(dataset, data_dir, skeleton, patience)
    if noise:
        table = noise_lib.apply(table, kind_of_noise, seed=seed)
    # Under a strategy every replica gets its own copy of the weights.
    with strategies.scope(device_strategy):
        learned_from = teacher and run_folder.load(teacher)
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
        **_describe_teacher(learned_from, table),
        strategy=strategy,
        commit=run_folder.commit(),
    )
    print(
        f"{method} on {', '.join(table.datasets)} ({table.num_rows} frames, "
        f"{table.num_views} views, `{table.skeleton.name}`), seed {seed}, "
        f"{precision}, {_where(device_strategy)}; writes to {workdir}\n"
        f"{config}",
        flush=True,
    )
    statistics = run_folder.continued_statistics(workdir, settings)
    is_new = statistics is None
    if is_new:
        make = getattr(module, "statistics", None)
        statistics = make(table, config) if make else {}
    if debug_nan:
        tf.debugging.enable_check_numerics()
    with strategies.scope(device_strategy):
        model = run_folder.build_method(
            settings,
            statistics,
            teacher=learned_from.method if learned_from else None,
            jit_compile=not debug_nan,
        )
        sampler = make_sampler(module, config, table, seed=seed, flip=flip)
    if is_new:
        run_folder.create(workdir, settings, statistics)
    return _run(
        model,
        loop.Loop(model, sampler, device_strategy),
        checkpoints.Checkpoints(model, workdir, keep=keep),
        held_out and best_lib.Best(model, held_out, workdir),
        summaries.Summaries(model, table, workdir),
        workdir=workdir,
        steps=steps,
        patience=patience,
        save_every=save_every,
        log_every=log_every,
    )


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


def _check_teacher(module, config, teacher: str | None) -> None:
    """Raises ValueError unless a teacher is given just where one is needed."""
    needs = getattr(module, "needs_teacher", None)
    needed = needs is not None and needs(config)
    name = module.__name__.rpartition(".")[2]
    if needed and not teacher:
        raise ValueError(
            f"`{name}` with this config learns from a trained lifter. Give its "
            "run folder: `--teacher=WORKDIR`."
        )
    if teacher and not needed:
        raise ValueError(
            f"`{name}` with this config has no use for a teacher. Received: "
            f"`--teacher={teacher}`."
        )


def _describe_teacher(
    run: run_folder.Run | None, table: tables.Table
) -> dict[str, object]:
    """Returns a teacher's entries of `Settings`; checks its skeleton."""
    if not run:
        return {}
    theirs, ours = run.method.skeleton, table.skeleton
    if theirs != ours:
        raise ValueError(
            "A teacher must have the skeleton of the data. Received: teacher "
            f"`{theirs.name}` with {', '.join(theirs.joints)}; data "
            f"`{ours.name}` with {', '.join(ours.joints)}. Train a teacher on "
            "this data set."
        )
    return {
        "teacher": f"{run.workdir} at step {run.step}",
        "teacher_card": tuple(run.method.prior_card),
    }


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


def _read(dataset, data_dir, skeleton: str | None, patience):
    """Returns the training split, and the held-out clips or None."""
    wanted = skeletons.load(skeleton) if skeleton else None
    table = reader.read(dataset, "train", data_dir, skeleton=wanted)
    held_out = best_lib.held_out(dataset, data_dir, table.skeleton)
    if patience is not None and held_out is None:
        raise ValueError(
            "`patience` needs a `validation` split of every data set. "
            f"Received: `{dataset}`, without."
        )
    return table, held_out


def _run(
    model,
    training_loop,
    kept,
    best,
    written,
    *,
    workdir,
    steps,
    patience,
    save_every,
    log_every,
):
    step = kept.restore()
    if best:
        best.restore(step)
    ended = patience is not None and best.since >= patience
    if step >= steps or ended:
        print(f"Nothing to do: the run has {step} of {steps} steps.")
        return {}
    if step:
        print(f"Continuing from step {step}.")
    logs = {}
    started = time.monotonic()
    bar = tqdm.tqdm(total=steps, initial=step, unit="step", dynamic_ncols=True)
    with bar, stopping.on_request() as stop_asked:
        stopping_now = False
        while step < steps and not stopping_now and not ended:
            # Calls end where checkpoints are due.
            until = min(
                step + log_every, steps, (step // save_every + 1) * save_every
            )
            values, bad_step = training_loop.run(
                tf.constant(step, tf.int64), tf.constant(until - step, tf.int64)
            )
            logs = {name: float(value) for name, value in values.items()}
            if bad_step >= 0:
                raise _not_finite(logs, int(bad_step), training_loop, workdir)
            check_valid(logs, step, until)
            bar.update(until - step)
            step = until
            bar.set_postfix({k: f"{v:.3f}" for k, v in logs.items()})
            written.scalars(logs, step)
            stopping_now = stop_asked()
            if step % save_every == 0 or step == steps or stopping_now:
                check_weights(model, step)
                kept.save(step)
                written.skeletons(step)
                if best:
                    written.scalars(best.measure(step), step)
                    ended = patience is not None and best.since >= patience
    if best:
        print(f"Best without labels: step {best.step}, in {best.folder}.")
    if ended:
        print(f"Ended at step {step}: {best.since} checkpoints not better.")
    elif step < steps:
        print(f"Stopped at step {step}; the same command continues.")
    else:
        seconds = time.monotonic() - started
        print(f"Trained to step {step} in {seconds:.0f} s.")
    return logs


def _not_finite(logs, step: int, training_loop, workdir) -> ValueError:
    """Saves the batch of a step and returns what to raise."""
    names = [name for name, value in logs.items() if not math.isfinite(value)]
    path = workdir / f"bad_batch_{step}.npz"
    with path.open("wb") as file:
        np.savez(file, **training_loop.batch(step))
    return ValueError(
        f"Losses must be finite. Received: {', '.join(names)} not finite at "
        f"step {step}, with the batch in {path}. {_ADVICE}"
    )


def check_valid(logs: dict[str, float], first: int, last: int) -> None:
    """Raises ValueError if no pose was valid in all these steps."""
    if not logs["valid"]:
        raise ValueError(
            "Some poses must be valid: the root and two further joints seen "
            f"(score > 0) and finite. Received: none in steps {first} to "
            f"{last}. Look at the scores of the skeleton's `root` joints."
        )


def check_weights(model, step: int) -> None:
    """Raises ValueError naming a network whose weights are not finite."""
    for name, network in model.networks.items():
        finite = [
            tf.reduce_all(tf.math.is_finite(w.value)) for w in network.weights
        ]
        if not all(finite):
            raise ValueError(
                f"Weights must be finite. Received: `{name}` not finite after "
                f"step {step}. {_ADVICE}"
            )
