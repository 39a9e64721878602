"""Reads MATLAB files: version 5 (SciPy) and version 7.3, which is HDF5 (h5py).

In HDF5 the axes of a MATLAB array stand in reversed order: here they are left
as they lie in the file.
"""

import os
from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np
from scipy import io

# A file of MATLAB 7.3 has 512 bytes of text before this.
_HDF5 = b"\x89HDF\r\n\x1a\n"
_OFFSETS = (0, 512)
_VERSION_5 = b"MATLAB 5.0"


def version(path: str | os.PathLike) -> str:
    """Returns "7.3" for HDF5, "5" for version 5, "" for anything else."""
    with open(path, "rb") as file:
        start = file.read(max(_OFFSETS) + len(_HDF5))
    if any(start[at : at + len(_HDF5)] == _HDF5 for at in _OFFSETS):
        return "7.3"
    return "5" if start.startswith(_VERSION_5) else ""


def read_v5(
    path: str | os.PathLike, variables: Sequence[str], *, squeeze: bool = False
) -> dict[str, Any]:
    """Returns variables of a MATLAB file of version 5.

    Args:
      path: of the file.
      variables: their names; others are not read.
      squeeze: drops axes of length 1 and turns structs into objects with an
        attribute per field, as deeply nested files need it.

    Raises:
      ValueError: names the file: damaged, truncated, of version 7.3, or
        without one of the variables.
      FileNotFoundError: no such file.
    """
    _check_version(path, "5")
    try:
        found = io.loadmat(
            path,
            variable_names=list(variables),
            squeeze_me=squeeze,
            struct_as_record=not squeeze,
        )
    except Exception as error:  # a damaged file may raise anything
        raise _damaged(path, error) from error
    _check(path, variables, found)
    return {name: found[name] for name in variables}


def read_hdf5(
    path: str | os.PathLike, variables: Sequence[str]
) -> dict[str, np.ndarray]:
    """Returns data sets of an HDF5 file, axes as they lie in it.

    Raises:
      ValueError: names the file: damaged, truncated, no HDF5, or without one
        of the data sets.
      FileNotFoundError: no such file.
    """
    _check_version(path, "7.3")
    try:
        with h5py.File(path, "r") as file:
            _check(path, variables, file)
            return {name: file[name][()] for name in variables}
    except (OSError, KeyError, RuntimeError, TypeError) as error:
        raise _damaged(path, error) from error


def _check_version(path, expected: str) -> None:
    found = version(path)
    if found != expected:
        raise ValueError(
            f"{path} must be a MATLAB file of version {expected}. Received: "
            f"{f'version {found}' if found else 'something else'}. If it is "
            "damaged, get it again."
        )


def _damaged(path, error) -> ValueError:
    return ValueError(
        f"Cannot read {path}: {error}. If it is damaged or cut off, get it "
        "again."
    )


def _check(path, variables: Sequence[str], found) -> None:
    missing = [name for name in variables if name not in found]
    if missing:
        known = sorted(name for name in found if not name.startswith("_"))
        raise ValueError(
            f"{path} must hold {', '.join(variables)}. Missing: "
            f"{', '.join(missing)}. Received: {', '.join(known) or 'nothing'}."
        )
