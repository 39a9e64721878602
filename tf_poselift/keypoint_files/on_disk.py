"""Arrays that are read and written in slices, on disk where they are long.

A `Store` is one temporary file without a name, in the folder that TMPDIR names
(/tmp by default): it is gone when it is closed, also after a kill.
"""

import math
import os
import tempfile
from collections.abc import Iterable

import numpy as np

CHUNK = 4096  # rows that are in memory at once


class Array:
    """[N, ...] in a file: `array[rows]` is a copy, `array[rows] = ...` writes.

    `rows` is a slice, or (to read) an array of indices.
    """

    def __init__(self, file, start: int, shape: tuple[int, ...], dtype):
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self._file = file  # open as long as it is needed
        self._start = start
        self._row_bytes = self.dtype.itemsize * math.prod(shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        if isinstance(rows, slice):
            start, stop, step = rows.indices(len(self))
            if step == 1:
                return self._read(start, max(stop - start, 0))
            rows = np.arange(start, stop, step)
        rows = np.asarray(rows)
        # Rows of several people lie between each other.
        if len(rows) and np.ptp(rows) < 8 * len(rows) <= 8 * CHUNK:
            first = int(rows.min())
            return self._read(first, int(np.ptp(rows)) + 1)[rows - first]
        result = np.empty((len(rows), *self.shape[1:]), self.dtype)
        for i, row in enumerate(rows.tolist()):
            result[i] = self._read(row, 1)[0]
        return result

    def __setitem__(self, rows: slice, values: np.ndarray) -> None:
        start, stop, _ = rows.indices(len(self))
        shape = (max(stop - start, 0), *self.shape[1:])
        data = np.broadcast_to(values, shape).astype(self.dtype).tobytes()
        offset = self._start + start * self._row_bytes
        try:
            while data:
                size = os.pwrite(self._file.fileno(), data, offset)
                data, offset = data[size:], offset + size
        except OSError as error:
            raise OSError(
                error.errno,
                f"{error.strerror}: temporary files (TMPDIR)",
                tempfile.gettempdir(),
            ) from error

    def _read(self, start: int, count: int) -> np.ndarray:
        size = count * self._row_bytes
        offset = self._start + start * self._row_bytes
        data = os.pread(self._file.fileno(), size, offset)
        if len(data) < size:
            raise OSError(f"A temporary file in {tempfile.gettempdir()} broke.")
        values = np.frombuffer(bytearray(data), self.dtype)
        return values.reshape(count, *self.shape[1:])


Rows = np.ndarray | Array


class Memory:
    """Makes arrays that stay in memory, whatever their length."""

    def empty(self, count: int, *row: int) -> np.ndarray:
        """Returns an array [count, *row] of float32, to be filled."""
        return np.empty((count, *row), np.float32)

    def gather(self, parts: Iterable[np.ndarray], *row: int) -> np.ndarray:
        """Returns parts [n, *row] as one float32 array."""
        return np.concatenate([self.empty(0, *row), *parts], dtype=np.float32)


MEMORY = Memory()


class Store(Memory):
    """Makes arrays on disk, in one file for all."""

    def __init__(self):
        self._file = tempfile.TemporaryFile(prefix="tf_poselift-")
        self._end = 0

    def empty(self, count: int, *row: int) -> Rows:
        """Returns an array [count, *row] of float32, to be filled.

        In memory up to `CHUNK` rows, else on disk.
        """
        shape = (count, *row)
        if count <= CHUNK:
            return np.empty(shape, np.float32)
        array = Array(self._file, self._end, shape, np.float32)
        self._end += 4 * math.prod(shape)
        return array

    def gather(self, parts: Iterable[np.ndarray], *row: int) -> Rows:
        """Returns parts [n, *row], made one after the other, as one array."""
        start, count, few = self._end, 0, []
        for part in parts:
            few.append(part)
            if count or sum(map(len, few)) > CHUNK:
                part = super().gather(few, *row)
                end, few = count + len(part), []
                array = Array(self._file, start, (end, *row), np.float32)
                array[count:end] = part
                count = end
                self._end = start + 4 * end * math.prod(row)
        if not count:
            return super().gather(few, *row)
        return Array(self._file, start, (count, *row), np.float32)


def slices(count: int) -> list[slice]:
    """Returns slices of at most `CHUNK` rows that make up `count` rows."""
    return [slice(i, min(i + CHUNK, count)) for i in range(0, count, CHUNK)]


def sample(array: Rows, most: int | None = None) -> np.ndarray:
    """Returns every n-th row, at most `most` of them; None: four chunks."""
    return array[:: -(-len(array) // (most or 4 * CHUNK)) or 1]
