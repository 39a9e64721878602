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
from tf_poselift.keypoint_files import on_disk
from tf_poselift.keypoint_files import tracks

_NEEDED = ("frame", "joint", "x", "y")
_OPTIONAL = ("person", "score")
_BLOCK = 65_536  # rows that are texts at once
_NOT_GIVEN = np.nan


def read(
    path: pathlib.Path,
    skeleton: skeletons.Skeleton,
    *,
    image_size: tuple[float, float] | None = None,
    stills: bool = False,
    store: on_disk.Memory = on_disk.MEMORY,
) -> list[tracks.Track]:
    """Returns everybody in a file; `tracks` says the rest.

    Raises:
      ValueError: names the file and the line that are not as above.
    """
    keys: list[np.ndarray] = []

    def blocks() -> Iterator[np.ndarray]:
        for frame, person, joint, values, _ in _rows(path, skeleton):
            own, row = np.unique(
                np.stack([frame, person], axis=-1), axis=0, return_inverse=True
            )
            keys.append(own)
            poses = np.full([len(own), skeleton.num_joints, 3], _NOT_GIVEN)
            poses[row.ravel(), joint] = values
            if np.isfinite(poses[..., 2]).sum() < len(joint):
                raise _twice(path, skeleton)
            yield poses

    # A pose at the end of a block goes on in the next; rows may be in disorder.
    parts = store.gather(blocks(), skeleton.num_joints, 3)
    detected, first, row = np.unique(
        np.concatenate(keys), axis=0, return_index=True, return_inverse=True
    )
    others = np.setdiff1d(np.arange(len(parts)), first)
    detections = store.empty(len(detected), skeleton.num_joints, 3)
    for rows in on_disk.slices(len(detected)):
        detections[rows] = parts[first[rows]]
    for part in others.tolist():
        target = slice(row.ravel()[part], row.ravel()[part] + 1)
        values, there = parts[part : part + 1], detections[target]
        given, known = np.isfinite([values[..., 2], there[..., 2]])
        if (given & known).any():
            raise _twice(path, skeleton)
        detections[target] = np.where(given[..., np.newaxis], values, there)
    return tracks.from_detections(
        path.stem,
        detected[:, 0],
        detections,
        identity=detected[:, 1],
        stills=stills,
        image_size=image_size,
        store=store,
    )


def _rows(
    path: pathlib.Path, skeleton: skeletons.Skeleton
) -> Iterator[tuple[np.ndarray, ...]]:
    """Yields frame, person, joint [n], x, y, score [n, 3] and line, by block.

    A score is finite; that of a missing joint is 0.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        for columns, lines in _blocks(file, path):
            frame, person, joint, x, y, score, line = _numbers(
                columns, lines, skeleton, path
            )
            known = np.isfinite(x) & np.isfinite(y) & ~np.isnan(score)
            score = np.where(known, np.clip(score, 0.0, 1.0), 0.0)
            values = np.stack([x, y, score], axis=-1)
            yield frame, person, joint, values, line


def _twice(path: pathlib.Path, skeleton: skeletons.Skeleton) -> ValueError:
    """Returns what to raise for a second row of a joint; finds its line."""
    seen = set()
    for frame, person, joint, _, line in _rows(path, skeleton):
        cells = zip(
            frame.tolist(), person.tolist(), joint.tolist(), strict=True
        )
        for number, cell in zip(line.tolist(), cells, strict=True):
            if cell in seen:
                return ValueError(
                    f"{path}, line {number}: this joint of this person and "
                    "frame stands there twice."
                )
            seen.add(cell)
    return ValueError(f"{path} was changed while it was read.")


def check_header(path: pathlib.Path) -> None:
    """Raises ValueError if the first line does not name the columns."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            _header(csv.reader(file), path)
        except (csv.Error, UnicodeDecodeError) as error:
            raise _no_csv(path, error) from error


def _header(reader, path: pathlib.Path) -> list[str]:
    header = [name.strip().lower() for name in next(reader, ())]
    if not set(_NEEDED) <= set(header) or len(set(header)) < len(header):
        raise ValueError(
            f"{path}, line 1: must name the columns {', '.join(_NEEDED)}, and "
            f"may name {' and '.join(_OPTIONAL)}. Received: "
            f"{', '.join(header) or 'nothing'}."
        )
    return header


def _no_csv(path: pathlib.Path, error: Exception) -> ValueError:
    return ValueError(f"{path} is no CSV file: {error}.")


def _blocks(file, path) -> Iterator[tuple[dict[str, np.ndarray], list[int]]]:
    """Yields {column: its texts} and the line of every row, block by block.

    Texts take thirty times the memory of the numbers that they are.
    """
    reader = csv.reader(file)
    try:
        header = _header(reader, path)
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
        raise _no_csv(path, error) from error


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
