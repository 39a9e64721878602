"""A run folder: what was trained, on what, and how to get it back.

config.json        settings (`Settings`), readable
statistics.npz     arrays that the method made of the training split
checkpoints/       networks, optimizers, step
tensorboard/       scalars and pictures
evaluation/        results of `trainers/evaluate.py`
"""

import dataclasses
import json
import os
import pathlib
import subprocess

import keras
import numpy as np

from tf_poselift import config as config_lib
from tf_poselift import methods
from tf_poselift import skeletons
from tf_poselift.methods import base
from tf_poselift.training import checkpoints

_SETTINGS = "config.json"
_STATISTICS = "statistics.npz"
# What may differ when a run is continued.
_FREE = {"commit", "strategy"}


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
    strategy: str = "one"
    commit: str = "unknown"


@dataclasses.dataclass(frozen=True)
class Run:
    """A method with the weights of a checkpoint."""

    method: base.PoseLifter
    step: int
    settings: dict
    workdir: str


def build_method(
    settings: Settings,
    statistics: dict[str, np.ndarray],
    *,
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
            seed=settings.seed,
            jit_compile=jit_compile,
        )
    finally:
        keras.config.set_dtype_policy(before)


def open_for_training(
    workdir: str | os.PathLike,
    settings: Settings,
    statistics: dict[str, np.ndarray],
) -> None:
    """Writes a new run's settings, or checks that a run there has the same.

    Raises:
      ValueError: the folder holds a run of other settings; says which differ.
    """
    folder = pathlib.Path(workdir)
    new = _as_json(settings)
    if (folder / _SETTINGS).is_file():
        old = json.loads((folder / _SETTINGS).read_text(encoding="utf-8"))
        _check_same(folder, _flat(old), _flat(new))
        return
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f"{_STATISTICS}.part"
    with temporary.open("wb") as file:
        np.savez(file, **statistics)
    temporary.replace(folder / _STATISTICS)
    write_json(folder / _SETTINGS, new)


def _check_same(folder, old: dict, new: dict) -> None:
    different = [
        f"{key} (there: {old.get(key)}, asked for: {new.get(key)})"
        for key in sorted(set(old) | set(new))
        if key not in _FREE and old.get(key) != new.get(key)
    ]
    if different:
        raise ValueError(
            f"{folder} holds a run of another configuration: "
            f"{'; '.join(different)}. Give another `--workdir`, or the same "
            "settings to continue it."
        )


def load(workdir: str | os.PathLike, *, checkpoint: str | None = None) -> Run:
    """Restores a run's method with the weights of its newest checkpoint.

    Args:
      workdir: a run folder.
      checkpoint: path of another of its checkpoints (`.../checkpoint-2000`).

    Raises:
      FileNotFoundError: no run or no checkpoint there.
    """
    folder = pathlib.Path(workdir)
    if not (folder / _SETTINGS).is_file():
        raise FileNotFoundError(
            f"No run in {folder} (no {_SETTINGS}). Train one: `python "
            f"trainers/train.py --method=kudo2018 --dataset=NAME --workdir="
            f"{folder}`."
        )
    values = json.loads((folder / _SETTINGS).read_text(encoding="utf-8"))
    settings = config_lib.from_json(
        Settings, values | {"data": tuple(values["data"])}
    )
    with np.load(folder / _STATISTICS, allow_pickle=False) as arrays:
        statistics = dict(arrays)
    method = build_method(settings, statistics)
    step = checkpoints.Checkpoints(method, folder).restore(checkpoint)
    if not step:
        raise FileNotFoundError(
            f"No checkpoint in {folder}. Continue the run: `python "
            f"trainers/train.py` with the settings of {folder / _SETTINGS}."
        )
    return Run(method, step, values, str(folder))


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


def _as_json(settings: Settings) -> dict:
    return json.loads(json.dumps(dataclasses.asdict(settings)))


def _flat(values: dict) -> dict:
    """Lifts the method's own fields up, so that each is named by itself."""
    fields = {f"config.{k}": v for k, v in values["config"].items()}
    return {k: v for k, v in values.items() if k != "config"} | fields
