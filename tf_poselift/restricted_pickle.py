"""Reads pickles and npz files of others without running anything in them.

A pickle is a program: loading one from the network may run any code. Here only
arrays, numbers, text, bytes, lists, tuples, dictionaries and sets can come out
of it; anything else is refused before it is made.
"""

import codecs
import os
import pickle
import zipfile
from typing import IO
from typing import Any

import numpy as np


def _latin1(text: str, name: str) -> bytes:
    if name != "latin1":
        raise ValueError(f"bytes must be encoded as latin1. Received: {name}")
    return codecs.encode(text, "latin1")


_ALLOWED = {
    # NumPy 1 called `numpy._core` `numpy.core`.
    **{
        (f"numpy.{core}.multiarray", name): getattr(np._core.multiarray, name)
        for core in ("core", "_core")
        for name in ("_reconstruct", "scalar")
    },
    **{
        (f"numpy.{core}.numeric", "_frombuffer"): np._core.numeric._frombuffer
        for core in ("core", "_core")
    },
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("collections", "OrderedDict"): dict,
    # How Python 3 writes bytes for Python 2.
    ("_codecs", "encode"): _latin1,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise ValueError(
                "a pickle may hold arrays, numbers, text, lists and "
                f"dictionaries. Received: `{module}.{name}`; nothing of it was "
                "run"
            )
        return _ALLOWED[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise ValueError("a pickle must not refer to other files")


def load(path: str | os.PathLike) -> Any:
    """Returns what a pickle file holds.

    Raises:
      ValueError: names the file: damaged, or something that may not be in it.
      FileNotFoundError: no such file.
    """
    with open(path, "rb") as file:
        return _load(file, path)


def load_npz(path: str | os.PathLike) -> dict[str, Any]:
    """Returns {name: array, or the object of an array of one object}.

    Raises:
      ValueError: names the file and the entry, as `load`.
      FileNotFoundError: no such file.
    """
    try:
        content = {}
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                # Read as it is unpacked: entries may be half a gigabyte.
                with archive.open(name) as file:
                    entry = _entry(file, f"{path}, `{name}`")
                    file.read()  # to the end, where the checksum is compared
                content[name.removesuffix(".npy")] = entry
        return content
    except zipfile.BadZipFile as error:
        raise ValueError(
            f"{path} is no npz file, or only the start of one: {error}. "
            "Download it again."
        ) from error


def _entry(file: IO[bytes], where: str) -> Any:
    form = np.lib.format
    try:
        version = form.read_magic(file)
        # Version 3 is only for structured arrays with names beyond latin1.
        header = (
            form.read_array_header_1_0
            if version == (1, 0)
            else form.read_array_header_2_0
        )
        shape, _, dtype = header(file)
        if not dtype.hasobject:
            file.seek(0)
            return form.read_array(file, allow_pickle=False)
    except ValueError as error:
        raise ValueError(f"{where} is no array: {error}") from error
    array = _load(file, where)
    return array.item() if shape == () else array


def _load(file, where) -> Any:
    try:
        return _Unpickler(file, encoding="latin1").load()
    except Exception as error:  # a damaged pickle may raise anything
        raise ValueError(f"Cannot read {where}: {error}.") from error
