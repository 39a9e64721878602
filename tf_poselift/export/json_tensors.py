"""The JSON that TensorFlow Serving's REST API speaks.

A predict request gives its tensors in rows or in columns, and is answered in
the same form; NaN and Infinity stand bare, as the real server writes them:

    {"instances": [{"a": [0.5, 1.0], "b": 2.0}]}  ->  {"predictions": [...]}
    {"inputs": {"a": [[0.5, 1.0]], "b": [2.0]}}   ->  {"outputs": {...}}

With one input (or output) its value may (does) stand alone, without a name.
Bytes are written {"b64": "..."}; a string alone stands for its UTF-8.
"""

import base64
import binascii
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

ROWS, COLUMNS = "instances", "inputs"

# Python types that JSON may give for a tensor's values.
_ACCEPTED = {
    tf.float32: {float, int},
    tf.float64: {float, int},
    tf.int32: {int},
    tf.int64: {int},
    tf.bool: {bool},
    tf.string: {str, bytes},
}

Arrays = dict[str, np.ndarray]


def parse(body: bytes) -> tuple[str, str, Any]:
    """Returns the signature's name, the form (ROWS or COLUMNS), the content.

    Raises:
      ValueError: what a request must be.
    """
    try:
        request = json.loads(
            body, parse_float=_finite, object_pairs_hook=_without_duplicates
        )
    except (ValueError, RecursionError) as error:
        raise ValueError(f"JSON Parse error: {error}") from error
    if not isinstance(request, dict):
        raise ValueError("JSON Parse error: a request must be an object.")
    if (ROWS in request) == (COLUMNS in request):
        raise ValueError(f"A request must have one of `{ROWS}`, `{COLUMNS}`.")
    signature = request.get("signature_name", "serving_default")
    if not isinstance(signature, str):
        raise ValueError("`signature_name` must be a string.")
    form = ROWS if ROWS in request else COLUMNS
    return signature, form, request[form]


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):  # Infinity is written so
        raise ValueError(f"{digits[:20]} is too large.")
    return number


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Which of two holds depends on who reads them, say a gateway in front.
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a key is there twice.")
    return content


def to_arrays(form: str, content: Any, types: Mapping[str, tf.DType]) -> Arrays:
    """Turns the content of a request into arrays of the declared types.

    Raises:
      ValueError: names that are not those of `types`, lists that are no array,
        values of another type.
    """
    columns = _columns(form, content, sorted(types))
    return {key: _array(key, columns[key], types[key]) for key in types}


def _columns(form: str, content: Any, names: list[str]) -> Mapping[str, Any]:
    if form == COLUMNS:
        if len(names) == 1 and not isinstance(content, dict):
            return {names[0]: content}
        missing = set(names) - set(content if isinstance(content, dict) else ())
        if missing:
            raise ValueError(
                f"Missing named input: {', '.join(sorted(missing))}."
            )
        return content
    if not isinstance(content, list) or not content:
        raise ValueError(f"`{ROWS}` must be a list with at least one row.")
    if len(names) == 1:
        content = [
            {names[0]: row} if _stands_alone(row) else row for row in content
        ]
    for row in content:
        keys = sorted(row) if isinstance(row, dict) else type(row).__name__
        if keys != names:
            raise ValueError(
                f"In `{ROWS}`, keys must be equal to: {', '.join(names)}. "
                f"Received: {keys}."
            )
    return {name: [row[name] for row in content] for name in names}


def _stands_alone(row: Any) -> bool:
    return not isinstance(row, dict) or set(row) == {"b64"}


def _decoded(value: Any) -> Any:
    """Replaces the bytes in nested lists."""
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    if isinstance(value, dict) and set(value) == {"b64"}:
        try:
            return base64.b64decode(value["b64"], validate=True)
        except (TypeError, binascii.Error, ValueError) as error:
            raise ValueError(f"`b64` must be base64: {error}.") from error
    return value


def _array(name: str, value: Any, dtype: tf.DType) -> np.ndarray:
    if dtype == tf.string:
        try:
            value = _decoded(value)
        except RecursionError as error:
            raise ValueError(f"`{name}` has too many dimensions.") from error
    # An array of objects keeps every value's own type: NumPy would read the
    # text "1.5", and a bool among numbers, as a number.
    objects = np.array(value, dtype=object)
    kinds = set(map(type, objects.ravel()))
    if not kinds <= _ACCEPTED.get(dtype, set()):
        received = ", ".join(sorted(k.__name__ for k in kinds))
        if list in kinds:
            received = "lists of different lengths"
        raise ValueError(
            f"`{name}` must be nested lists of {dtype.name}, all of one "
            f"length. Received: {received}."
        )
    if dtype == tf.string:
        encode = np.frompyfunc(_bytes, 1, 1)
        return np.asarray(encode(objects), dtype=object)
    try:
        with np.errstate(over="ignore"):
            return objects.astype(dtype.as_numpy_dtype)
    except OverflowError as error:
        raise ValueError(f"`{name}`: {error}.") from error


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def from_arrays(form: str, answers: Arrays) -> dict[str, Any]:
    """Returns the answer, ready for `json.dumps`, in the request's form."""
    columns = {name: _list(value) for name, value in answers.items()}
    if form == COLUMNS:
        return {"outputs": _alone(columns)}
    rows = zip(*columns.values(), strict=True)
    return {
        "predictions": [
            _alone(dict(zip(columns, row, strict=True))) for row in rows
        ]
    }


def _alone(values: dict[str, Any]) -> Any:
    return next(iter(values.values())) if len(values) == 1 else values


def _list(array: np.ndarray) -> list:
    if array.dtype == np.float32:
        # The shortest digits that give the same float32 back: half the bytes.
        array = array.astype(str).astype(np.float64)
    return array.tolist()
