"""The printed table of a benchmark's values, beside those of an earlier run."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any


def read(path: str) -> dict[str, Any]:
    """Returns the values of an earlier run.

    Raises:
      FileNotFoundError: no such file.
      ValueError: it is not one of a benchmark.
    """
    try:
        values = json.loads(pathlib.Path(path).read_text("utf-8"))
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise ValueError(
            f"`--compare` must be a file that `--json` wrote. Received: {path}."
        )
    return values


def check_same(settings: Mapping[str, Any], earlier: Mapping[str, Any]) -> None:
    """Raises ValueError if the earlier run timed something else."""
    for name, value in settings.items():
        before = earlier.get(name, "none")
        if before != value:
            raise ValueError(
                f"`--compare` must be of a run with the same `{name}`. "
                f"Received: {before or 'none'}, now {value or 'none'}. Give "
                f"this run the same, or compare without that file."
            )


def lines(
    values: Mapping[str, Any], earlier: Mapping[str, Any] | None = None
) -> list[str]:
    """Returns one line for every value, beside the earlier run's.

    Lists hold the rows of a table, which the benchmark prints itself; they are
    compared row by row, by the columns that are not measured (no floats).
    Below, whatever else was not the same is named.
    """
    earlier = earlier or {}
    single = {k: v for k, v in values.items() if not isinstance(v, list)}
    width = max(20, *(len(name) for name in single))
    shown = [
        f"{name:{width}} {_text(value):>12} {_before(name, value, earlier)}"
        for name, value in single.items()
    ]
    for name, value in values.items():
        if isinstance(value, list) and name in earlier:
            shown += _rows(value, earlier[name])
    others = [
        f"{name}: {value}, then {earlier[name]}"
        for name, value in single.items()
        if not isinstance(value, float) and earlier.get(name, value) != value
    ]
    if others:
        shown += ["not the same: " + "; ".join(others)]
    return [line.rstrip() for line in shown]


def _rows(now: list[dict], then: list[dict]) -> list[str]:
    before = {_key(row): row for row in then}
    shown = []
    for row in now:
        other = before.pop(_key(row), None)
        if other is None:
            shown.append(f"{_label(row)}: only now")
            continue
        shown += [
            f"{_label(row)}, {name} {_text(value):>12} "
            + _before(name, value, other)
            for name, value in row.items()
            if isinstance(value, float)
        ]
    return shown + [f"{_label(row)}: only then" for row in before.values()]


def _key(row: Mapping[str, Any]) -> tuple:
    return tuple(v for v in row.values() if not isinstance(v, float))


def _label(row: Mapping[str, Any]) -> str:
    return " ".join(map(str, _key(row)))


def _before(name: str, value, earlier: Mapping[str, Any]) -> str:
    before = earlier.get(name)
    if before is None:
        return ""
    text = f"{_text(before):>12}"
    # Of two shares near 0 a factor says nothing.
    if isinstance(value, float) and before and not name.endswith("percent"):
        text += f"  x {value / before:.2f}"
    return text


def _text(value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
