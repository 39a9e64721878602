"""Reads JSON files with errors that name the file."""

import json
import pathlib
from typing import Any


def load(path: pathlib.Path) -> Any:
    """Returns what a JSON file holds.

    Raises:
      ValueError: names the file: not JSON, or only the start of a file.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is not valid JSON, or only the start of a file: {error}."
        ) from error


def is_list_with(content: Any, *keys: str) -> bool:
    """Whether it is a list whose first entry has all of the keys."""
    first = content[0] if isinstance(content, list) and content else None
    return isinstance(first, dict) and set(keys) <= set(first)


def entry(container: Any, key: str, where: str) -> Any:
    """Returns `container[key]`; ValueError names where it is missing."""
    if not isinstance(container, dict) or key not in container:
        raise ValueError(f"{where}: must have the entry `{key}`.")
    return container[key]
