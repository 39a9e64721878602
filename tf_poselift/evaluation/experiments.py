"""What is to be compared: experiments, described in YAML.

An experiment is a claim and the rows that test it, trained at equal steps,
batch and width and scored on one split:

    NAME:
      claim: what a paper says, and where
      dataset: NAME[/CONFIG][:VERSION], several by comma
      split: test                  # to report on
      input_noise: [pixels=10]     # on the 2D that is reported on
      metrics: [...]               # columns beside the usual ones
      curves: [pa_mpjpe]           # panels of the figure
      rows:
        - {label: ..., method: ..., config: [FIELD=VALUE], flip: false,
           noise: [FIELD=VALUE], teacher: LABEL, views: 1, precision: float32}
      scales:
        small: {steps: 2000, batch_size: 512, seeds: 3, config: [width=256]}

`{steps}` in a config is the number of steps. `batch_size` counts poses; a row
whose examples hold several views of a frame says how many (`views`), so that
all rows see as many poses. A teacher is an earlier row of the same seed.
"""

import dataclasses
import os
import pathlib
import re
from collections.abc import Mapping
from typing import Any

import yaml

from tf_poselift import config as config_lib
from tf_poselift import methods
from tf_poselift.data import noise as noise_lib


@dataclasses.dataclass(frozen=True)
class Row:
    """What is trained for one line of the table; see the module."""

    label: str
    method: str
    config: tuple[str, ...] = ()
    flip: bool = False
    noise: tuple[str, ...] = ()
    teacher: str = ""
    views: int = 1
    precision: str = "float32"  # or mixed_bfloat16


@dataclasses.dataclass(frozen=True)
class Scale:
    """How much is trained; `config` comes before that of a row."""

    steps: int
    batch_size: int
    seeds: int
    config: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A claim and what is needed to look into it; see the module."""

    name: str
    claim: str
    dataset: str
    rows: tuple[Row, ...]
    scales: dict[str, Scale]
    split: str = "test"
    input_noise: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    curves: tuple[str, ...] = ("pa_mpjpe",)


@dataclasses.dataclass(frozen=True)
class Run:
    """One row at one scale with one seed: all that decides its scores."""

    method: str
    overrides: tuple[str, ...]
    dataset: str
    steps: int
    batch_size: int
    seed: int
    flip: bool
    noise: tuple[str, ...]
    teacher: "Run | None"
    split: str
    input_noise: tuple[str, ...]
    precision: str


def read(path: str | os.PathLike) -> dict[str, Experiment]:
    """Reads the description of experiments, {name: experiment}.

    Raises:
      ValueError: unknown or missing entries, a teacher that is no earlier
        row, two rows of one label.
    """
    content = yaml.safe_load(pathlib.Path(path).read_text(encoding="utf-8"))
    return {name: _experiment(name, values) for name, values in content.items()}


def _experiment(name: str, values: Mapping[str, Any]) -> Experiment:
    try:
        rows = [_build(Row, row) for row in values["rows"]]
        scales = {
            scale: _build(Scale, entries)
            for scale, entries in values["scales"].items()
        }
        others = {
            key: value
            for key, value in values.items()
            if key not in ("rows", "scales")
        }
        experiment = _build(
            Experiment,
            {"name": name, "rows": rows, "scales": scales} | others,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"The experiment `{name}` must be described as "
            f"`evaluation/experiments.py` says. Received: {error}."
        ) from error
    labels = [row.label for row in rows]
    for i, row in enumerate(rows):
        if row.teacher and row.teacher not in labels[:i]:
            raise ValueError(
                f"The `teacher` of `{row.label}` in `{name}` must be an "
                f"earlier row. Received: `{row.teacher}`; earlier: "
                f"{', '.join(labels[:i]) or 'none'}."
            )
    if len({folder_name(label) for label in labels}) < len(labels):
        raise ValueError(
            f"The rows of `{name}` must have labels of their own. Received: "
            f"{', '.join(labels)}."
        )
    return experiment


def _build(cls, values: Mapping[str, Any]):
    return config_lib.from_json(cls, dict(values))


def summary(experiments: Mapping[str, Experiment]) -> list[str]:
    """Returns what there is, in lines of text."""
    lines = []
    for experiment in experiments.values():
        lines += [f"{experiment.name}: {experiment.claim}"]
        lines += [
            f"  {name}: {len(experiment.rows)} rows x {scale.seeds} seeds, "
            f"{scale.steps:,} steps of {scale.batch_size:,} poses "
            + " ".join(scale.config)
            for name, scale in experiment.scales.items()
        ]
        lines += [
            f"    {row.label}: {row.method} {' '.join(row.config)}"
            for row in experiment.rows
        ]
    return lines


def describe(experiment: Experiment, size: Scale, row: Row, seed: int) -> Run:
    """Returns what one row of an experiment trains and scores.

    Raises:
      ValueError: a batch that the views do not divide, a method or a field of
        it or of the noise that does not exist.
    """
    if size.batch_size % row.views:
        raise ValueError(
            f"`batch_size` of `{experiment.name}` must be a multiple of the "
            f"{row.views} views of `{row.label}`. Received: {size.batch_size}."
        )
    overrides = tuple(
        text.replace("{steps}", str(size.steps))
        for text in (*size.config, *row.config)
    )
    config_lib.override(methods.load(row.method).Config(), overrides)
    for noise in (row.noise, experiment.input_noise):
        config_lib.override(noise_lib.Noise(), noise)
    teachers = [
        other for other in experiment.rows if other.label == row.teacher
    ]
    return Run(
        method=row.method,
        overrides=overrides,
        dataset=experiment.dataset,
        steps=size.steps,
        batch_size=size.batch_size // row.views,
        seed=seed,
        flip=row.flip,
        noise=row.noise,
        teacher=describe(experiment, size, teachers[0], seed)
        if teachers
        else None,
        split=experiment.split,
        input_noise=experiment.input_noise,
        precision=row.precision,
    )


def folder_name(label: str) -> str:
    """Returns the name of a row's folder."""
    return re.sub(r"[^\w.=-]+", "_", label)
