"""The trained lifter that a method learns from, where it does."""

import pathlib

import tensorflow as tf

from tf_poselift.data import tables
from tf_poselift.training import run_folder
from tf_poselift.training import strategies


def check(module, config, teacher: str | None) -> None:
    """Checks that a teacher is given just where one is needed.

    Raises:
      ValueError: none where one is needed, or one where none is.
      FileNotFoundError: no run in its folder.
    """
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
    folder = pathlib.Path(teacher).expanduser() if teacher else None
    if folder and run_folder.read_settings(folder) is None:
        raise FileNotFoundError(
            f"No run in {folder} to learn from. Train one: `python "
            f"trainers/train.py --method={name} --dataset=NAME --workdir="
            f"{folder}`."
        )


def load(
    teacher: str | None, strategy: tf.distribute.Strategy | None
) -> run_folder.Run | None:
    """Returns the run that is learned from, if any."""
    if not teacher:
        return None
    # Under a strategy every replica gets its own copy of the weights.
    with strategies.scope(strategy):
        return run_folder.load(teacher)


def describe(
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
