"""MATLAB files of version 5 and 7.3, whole, damaged and of the other kind."""

import h5py
import numpy as np
import pytest
from scipy import io

from tf_poselift.data import mat_files

VALUES = np.arange(600.0).reshape(20, 30)


@pytest.fixture
def v5(tmp_path):
    path = tmp_path / "five.mat"
    io.savemat(path, {"a": VALUES, "s": {"x": 2.0, "cell": ["p", "q"]}})
    return path


@pytest.fixture
def hdf5(tmp_path):
    path = tmp_path / "seven.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["a"] = VALUES
    return path


def test_version_is_told_by_the_first_bytes(tmp_path, v5, hdf5):
    assert mat_files.version(v5) == "5"
    assert mat_files.version(hdf5) == "7.3"
    page = tmp_path / "page.mat"
    page.write_bytes(b"<html>")
    assert mat_files.version(page) == ""


def test_variables_come_back(v5, hdf5):
    np.testing.assert_array_equal(mat_files.read_v5(v5, ("a",))["a"], VALUES)
    np.testing.assert_array_equal(
        mat_files.read_hdf5(hdf5, ("a",))["a"], VALUES
    )
    struct = mat_files.read_v5(v5, ("s",), squeeze=True)["s"]
    assert struct.x == 2.0
    assert [str(text) for text in struct.cell] == ["p", "q"]


@pytest.mark.parametrize("read", [mat_files.read_v5, mat_files.read_hdf5])
def test_faults_name_the_file(tmp_path, v5, hdf5, read):
    path, other = (v5, hdf5) if read is mat_files.read_v5 else (hdf5, v5)
    with pytest.raises(ValueError, match=r"\.mat must hold a, b\. Missing: b"):
        read(path, ("a", "b"))
    with pytest.raises(ValueError, match=r"\.mat must be a MATLAB file of ver"):
        read(other, ("a",))
    whole = path.read_bytes()
    for share in (0.3, 0.6, 0.9):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(ValueError, match=rf"{path.name}"):
            read(path, ("a", "s") if read is mat_files.read_v5 else ("a",))
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read(tmp_path / "nowhere.mat", ("a",))
