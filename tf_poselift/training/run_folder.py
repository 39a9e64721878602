"""A run folder: what was trained, on what, and how to get it back.

config.json        settings (`Settings`), readable
statistics.npz     arrays that the method made of the training split
checkpoints/       networks, optimizers, step
best/              the best checkpoint by the label-free measure
train.lock         held by the process that trains (`run_lock`)
tensorboard/       scalars and pictures
evaluation/        results of `trainers/evaluate.py`
"""

import dataclasses
import json
import os
import pathlib
import subprocess
import zipfile

import keras
import numpy as np

from tf_poselift import config as config_lib
from tf_poselift import methods
from tf_poselift import skeletons
from tf_poselift.methods import base
from tf_poselift.training import checkpoints
from tf_poselift.training import writing

_SETTINGS = "config.json"
_STATISTICS = "statistics.npz"
_GROUPS = ("config", "skeleton", "noise")  # settings that hold fields
# What may differ when a run is continued.
_FREE = {"commit", "strategy", "dataset"}  # `data` says what was read


# Folder of the best checkpoint, and what `checkpoint` calls it.
BEST = "best"


@dataclasses.dataclass(frozen=True)
class Settings:
    """Everything that makes a run what it is; the content of config.json."""

    method: str
    config: dict  # the method's Config
    skeleton: dict  # Skeleton.to_dict()
    dataset: str  # as asked for
    data: tuple[str, ...]  # name/config:version of what was read
    batch_size: int
    seed: int
    precision: str = "float32"
    flip: bool = False
    noise: dict = dataclasses.field(default_factory=dict)  # if any
    teacher: str = ""  # run folder and step of the lifter it learned from
    teacher_card: tuple[str, ...] = ()  # the teacher's prior card
    strategy: str = "one"
    stream: bool = False  # batches from the records, not from a table
    commit: str = "unknown"


@dataclasses.dataclass(frozen=True)
class Run:
    """A method with the weights of a checkpoint.

    Attributes:
      method: with these weights.
      step: of the checkpoint.
      settings: the content of config.json.
      workdir: the run folder.
      averaged: whether the served networks hold their averages.
    """

    method: base.PoseLifter
    step: int
    settings: dict
    workdir: str
    averaged: bool


def build_method(
    settings: Settings,
    statistics: dict[str, np.ndarray],
    *,
    teacher: base.PoseLifter | None = None,
    jit_compile: bool = True,
) -> base.PoseLifter:
    """Builds the method that the settings describe, with fresh weights."""
    module = methods.load(settings.method)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(settings.precision)
    try:
        return module.Method(
            skeletons.from_dict(settings.skeleton),
            config_lib.from_json(module.Config, settings.config),
            statistics=statistics,
            teacher=teacher,
            seed=settings.seed,
            jit_compile=jit_compile,
        )
    finally:
        keras.config.set_dtype_policy(before)


def continued_statistics(
    workdir: str | os.PathLike, settings: Settings
) -> dict[str, np.ndarray] | None:
    """Returns the statistics of the run in `workdir`; None if there is none.

    Raises:
      ValueError: the folder holds a run of other settings; says which differ.
    """
    folder = pathlib.Path(workdir)
    there = read_settings(folder)
    if there is None:
        return None
    # A field that the run does not have yet was as it is by default.
    there = _defaults() | there
    default = config_lib.to_json(methods.load(settings.method).Config())
    there["config"] = default | there.get("config", {})
    old, new = _fixed(there), fixed(settings)
    different = [
        f"{key} (there: {old.get(key)}, asked for: {new.get(key)})"
        for key in sorted(set(old) | set(new))
        if old.get(key) != new.get(key)
    ]
    if different:
        raise ValueError(
            f"{folder} holds a run of another configuration: "
            f"{'; '.join(different)}. Give another `--workdir`, or the same "
            "settings to continue it."
        )
    return read_statistics(folder)


def fixed(settings: Settings) -> dict:
    """Returns what must stay the same when a run is continued, flat."""
    return _fixed(_as_json(settings))


def create(
    workdir: str | os.PathLike,
    settings: Settings,
    statistics: dict[str, np.ndarray],
) -> None:
    """Writes a new run's statistics and, last, its settings."""
    folder = pathlib.Path(workdir)
    with writing.into(folder):
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f"{_STATISTICS}.part"
        with temporary.open("wb") as file:
            np.savez(file, **statistics)
        temporary.replace(folder / _STATISTICS)
        write_json(folder / _SETTINGS, _as_json(settings))


def load(
    workdir: str | os.PathLike,
    *,
    checkpoint: str | None = None,
    averaged: bool = True,
) -> Run:
    """Restores a run's method with the weights of its newest checkpoint.

    Args:
      workdir: a run folder.
      checkpoint: path of another of its checkpoints (`.../checkpoint-2000`),
        or "best": by the label-free measure.
      averaged: takes the averaged weights, where the run has them.

    Raises:
      FileNotFoundError: no run or no checkpoint there.
      ValueError: a file of the run is damaged.
    """
    folder = pathlib.Path(workdir).expanduser()
    values = read_settings(folder)
    if values is None:
        raise FileNotFoundError(
            f"No run in {folder} (no {_SETTINGS}). Train one: `python "
            f"trainers/train.py --method=kudo2018 --dataset=NAME --workdir="
            f"{folder}`."
        )
    try:
        settings = config_lib.from_json(Settings, values)
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"{folder / _SETTINGS} must have all settings of a run. Received: "
            f"{sorted(values)}."
        ) from error
    method = build_method(settings, read_statistics(folder))
    if checkpoint == BEST:
        kept = checkpoints.Checkpoints(method, folder, folder=BEST)
        step = kept.restore()
    else:
        step = checkpoints.Checkpoints(method, folder).restore(checkpoint)
    if not step:
        raise FileNotFoundError(
            f"No checkpoint in {folder}. Continue the run: `python "
            f"trainers/train.py` with the settings of {folder / _SETTINGS}."
        )
    averaged = averaged and bool(method.averages)
    if averaged:
        method.use_averages()
    return Run(method, step, values, str(folder), averaged)


def read_settings(folder: pathlib.Path) -> dict | None:
    """Returns the content of config.json, or None if there is none.

    Raises:
      ValueError: it is not an object of settings.
    """
    path = folder / _SETTINGS
    if not path.is_file():
        return None
    advice = (
        "It says what run this is: bring it back, or train in another "
        "`--workdir`."
    )
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(
            f"{path} is not valid JSON: {error}. {advice}"
        ) from error
    if not isinstance(values, dict) or not all(
        isinstance(values.get(group, {}), dict) for group in _GROUPS
    ):
        raise ValueError(
            f"{path} must be an object of settings. Received: "
            f"{json.dumps(values):.80}. {advice}"
        )
    return values


def read_statistics(folder: pathlib.Path) -> dict[str, np.ndarray]:
    """Returns the arrays that the method made of the training split."""
    path = folder / _STATISTICS
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{path} is missing: the run cannot be restored without it. Bring "
            "it back, or train in another `--workdir`."
        ) from error
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is damaged: {error}") from error


def write_json(path: pathlib.Path, values: dict) -> None:
    """Writes a JSON file beside its place and renames it there."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(
        json.dumps(values, indent=2, allow_nan=False) + "\n", encoding="utf-8"
    )
    temporary.replace(path)


def commit() -> str:
    """Returns the commit of this checkout, or "unknown" outside of one."""
    folder = pathlib.Path(__file__).parents[2]
    if not (folder / ".git").exists():  # installed into another's checkout
        return "unknown"
    try:
        result = subprocess.run(
            ["git", "-C", str(folder), "describe", "--always", "--dirty"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return result.stdout.strip()


def check_place(workdir: str | os.PathLike) -> None:
    """Raises NotADirectoryError if a run folder cannot stand there."""
    folder = pathlib.Path(workdir)
    for path in (folder, *folder.parents):
        if path.exists() and not path.is_dir():
            raise NotADirectoryError(
                f"`workdir` must be a folder. Received: {workdir}, where "
                f"{path} is a file. Give another `--workdir`."
            )


def _as_json(settings: Settings) -> dict:
    return json.loads(json.dumps(dataclasses.asdict(settings)))


def _defaults() -> dict:
    """Returns the settings that have a default, as JSON."""
    return json.loads(
        json.dumps(
            {
                field.name: field.default
                for field in dataclasses.fields(Settings)
                if field.default is not dataclasses.MISSING
            }
        )
    )


def _fixed(values: dict) -> dict:
    """Lifts inner dictionaries up, so that what differs is named by itself."""
    flat = {k: v for k, v in values.items() if k not in (*_GROUPS, *_FREE)}
    for group in _GROUPS:
        for key, value in values.get(group, {}).items():
            # As text: the order of the joints counts; dicts compare without.
            shown = json.dumps(value) if isinstance(value, dict) else value
            flat[f"{group}.{key}"] = shown
    return flat
