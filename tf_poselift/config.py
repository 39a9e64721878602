"""Frozen dataclass configurations with typed FIELD=VALUE overrides."""

import ast
import dataclasses
import json
import math
import types
import typing
from collections.abc import Iterable
from typing import Any


def override(config, assignments: Iterable[str]):
    """Returns a copy of a dataclass with fields replaced.

    Args:
      config: an instance of a frozen dataclass.
      assignments: strings `FIELD=VALUE`; the value is read as the field's
        declared type (bool: true/false; tuples: Python literals; `none` for
        an optional field).

    Raises:
      ValueError: unknown field (lists the known ones), missing `=`, or a value
        that is not of the field's type or not finite.
    """
    hints = typing.get_type_hints(type(config))
    changes = {}
    for assignment in assignments:
        name, separator, text = assignment.partition("=")
        if not separator:
            raise ValueError(
                f"An override must be `FIELD=VALUE`. Received: `{assignment}`."
            )
        if name not in hints:
            raise ValueError(
                f"Unknown field `{name}` of {type(config).__module__}. Known: "
                f"{', '.join(sorted(hints))}."
            )
        changes[name] = parse(name, text, hints[name])
    return dataclasses.replace(config, **changes)


def parse(name: str, text: str, kind) -> Any:
    """Reads `text` as a value of type `kind`; ValueError names the field."""
    options = (
        typing.get_args(kind)
        if typing.get_origin(kind) in (typing.Union, types.UnionType)
        else (kind,)
    )
    if type(None) in options and text.lower() == "none":
        return None
    for option in options:
        if option is type(None):
            continue
        try:
            value = _parse_one(text, option)
        except (ValueError, SyntaxError, TypeError):
            continue
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"`{name}` must be finite. Received: `{text}`.")
        return value
    names = " or ".join(_type_name(option) for option in options)
    raise ValueError(f"`{name}` must be {names}. Received: `{text}`.")


def _type_name(kind) -> str:
    if kind is type(None):
        return "none"
    if typing.get_origin(kind) is typing.Literal:
        return " or ".join(typing.get_args(kind))
    return str(kind) if typing.get_args(kind) else kind.__name__


def _parse_one(text: str, kind) -> Any:
    if kind is bool:
        values = {"true": True, "1": True, "false": False, "0": False}
        if text.lower() not in values:
            raise ValueError(text)
        return values[text.lower()]
    if kind in (int, float, str):
        return kind(text)
    if typing.get_origin(kind) is typing.Literal:
        if text not in typing.get_args(kind):
            raise ValueError(text)
        return text
    value = ast.literal_eval(text)
    if typing.get_origin(kind) is not tuple or not isinstance(
        value, tuple | list
    ):
        raise ValueError(text)
    kinds = typing.get_args(kind)
    if kinds[-1] is Ellipsis:
        kinds = kinds[:1] * len(value)
    return tuple(
        parse(f"{text}[{i}]", str(item), item_kind)
        for i, (item, item_kind) in enumerate(zip(value, kinds, strict=True))
    )


def to_json(config) -> dict[str, Any]:
    """Returns a dataclass as JSON-ready values (tuples become lists)."""
    return json.loads(json.dumps(dataclasses.asdict(config)))


def from_json(cls, values: dict[str, Any]):
    """Builds a dataclass from `to_json` values; unknown fields are errors."""
    known = {field.name for field in dataclasses.fields(cls)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise ValueError(
            f"Unknown fields {unknown} of {cls.__module__}. Known: "
            f"{', '.join(sorted(known))}."
        )
    return cls(**{name: _as_tuple(value) for name, value in values.items()})


def _as_tuple(value):
    if isinstance(value, list):
        return tuple(_as_tuple(item) for item in value)
    return value
