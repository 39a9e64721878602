"""Long CSV: a row for every joint of every person in every frame.

The header names the columns `frame`, `joint`, `x`, `y` and, if there are any,
`person` (else there is one) and `score` (else 1). `joint` is the joint's name
in the skeleton or its number from 0. Empty numbers are missing.
"""

import csv
import pathlib
from collections.abc import Iterator

import numpy as np

from tf_poselift import skeletons
from tf_poselift.keypoint_files import tracks

_NEEDED = ("frame", "joint", "x", "y")
_OPTIONAL = ("person", "score")
_BLOCK = 65_536  # rows that are texts at once


def read(
    path: pathlib.Path,
    skeleton: skeletons.Skeleton,
    *,
    image_size: tuple[float, float] | None = None,
    stills: bool = False,
) -> list[tracks.Track]:
    """Returns everybody in a file; `tracks` says the rest.

    Raises:
      ValueError: names the file and the line that are not as above.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        blocks = [
            _numbers(columns, lines, skeleton, path)
            for columns, lines in _blocks(file, path)
        ]
    frame, person, joint, x, y, score, lines = (
        np.concatenate(column) for column in zip(*blocks, strict=True)
    )
    keys = np.stack([frame, person], axis=-1)
    detected, row = np.unique(keys, axis=0, return_inverse=True)
    _refuse_twice(row.ravel() * skeleton.num_joints + joint, path, lines)
    detections = np.zeros([len(detected), skeleton.num_joints, 3])
    detections[row.ravel(), joint] = np.stack([x, y, score], axis=-1)
    return tracks.from_detections(
        path.stem,
        detected[:, 0],
        detections,
        identity=detected[:, 1],
        stills=stills,
        image_size=image_size,
    )


def _blocks(file, path) -> Iterator[tuple[dict[str, np.ndarray], list[int]]]:
    """Yields {column: its texts} and the line of every row, block by block.

    Texts take thirty times the memory of the numbers that they are.
    """
    reader = csv.reader(file)
    try:
        header = [name.strip().lower() for name in next(reader, ())]
        _check_header(header, path)
        rows, lines = [], []
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                raise ValueError(
                    f"{path}, line {reader.line_num}: must have the "
                    f"{len(header)} cells of the header. Received: "
                    f"{len(cells)}."
                )
            rows.append(cells)
            lines.append(reader.line_num)
            if len(rows) == _BLOCK:
                yield _columns(rows, header), lines
                rows, lines = [], []
        yield _columns(rows, header), lines
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no CSV file: {error}.") from error


def _check_header(header: list[str], path) -> None:
    if not set(_NEEDED) <= set(header) or len(set(header)) < len(header):
        raise ValueError(
            f"{path}, line 1: must name the columns {', '.join(_NEEDED)}, and "
            f"may name {' and '.join(_OPTIONAL)}. Received: "
            f"{', '.join(header) or 'nothing'}."
        )


def _columns(rows, header: list[str]) -> dict[str, np.ndarray]:
    known = {*_NEEDED, *_OPTIONAL}
    table = np.char.strip(np.array(rows, str).reshape(-1, len(header)))
    return {name: table[:, i] for i, name in enumerate(header) if name in known}


def _numbers(columns, lines, skeleton, path) -> tuple[np.ndarray, ...]:
    """Returns frame, person, joint, x, y, score and line of every row."""
    count = len(lines)

    def whole(name: str) -> np.ndarray:
        return _convert(columns[name], np.int64, path, lines, name)

    def number(name: str) -> np.ndarray:
        text = np.where(columns[name] == "", "nan", columns[name])
        return _convert(text, np.float64, path, lines, name)

    return (
        whole("frame"),
        whole("person") if "person" in columns else np.zeros(count, int),
        _joints(columns["joint"], skeleton, path, lines),
        number("x"),
        number("y"),
        number("score") if "score" in columns else np.ones(count),
        np.array(lines, np.int64),
    )


def _convert(texts, dtype, path, lines, name: str) -> np.ndarray:
    try:
        return texts.astype(dtype)
    except ValueError:
        for text, line in zip(texts, lines, strict=True):
            try:
                dtype(text)
            except ValueError as error:
                kind = "whole number" if dtype is np.int64 else "number"
                raise ValueError(
                    f"{path}, line {line}: `{name}` must be a {kind}. "
                    f"Received: `{text}`."
                ) from error
        raise


def _joints(texts, skeleton, path, lines) -> np.ndarray:
    """Returns the index [N] of every joint."""
    index = {str(i): i for i in range(skeleton.num_joints)}
    index |= {name: i for i, name in enumerate(skeleton.joints)}
    distinct, first, inverse = np.unique(
        texts, return_index=True, return_inverse=True
    )
    for text, row in zip(distinct, first, strict=True):
        if str(text) not in index:
            raise ValueError(
                f"{path}, line {lines[row]}: `joint` must be 0 to "
                f"{skeleton.num_joints - 1} or a joint of `{skeleton.name}`: "
                f"{', '.join(skeleton.joints)}. Received: `{text}`."
            )
    return np.array([index[str(t)] for t in distinct], int)[inverse.ravel()]


def _refuse_twice(cell: np.ndarray, path, lines) -> None:
    """Refuses a second row for the same joint of the same person and frame."""
    first = np.unique(cell, return_index=True)[1]
    if len(first) < len(cell):
        row = np.setdiff1d(np.arange(len(cell)), first)[0]
        raise ValueError(
            f"{path}, line {lines[row]}: this joint of this person and frame "
            "stands there twice."
        )
