"""Arrays on disk behave as arrays in memory do."""

import errno
import os

import numpy as np
import pytest

from tf_poselift.keypoint_files import on_disk

VALUES = np.random.default_rng(0).normal(size=(50, 3, 2)).astype(np.float32)


@pytest.fixture
def store(monkeypatch):
    monkeypatch.setattr(on_disk, "CHUNK", 8)
    return on_disk.Store()


@pytest.fixture
def array(store):
    result = store.empty(50, 3, 2)
    store.empty(20, 3)[:] = 7.0  # a neighbour
    for rows in on_disk.slices(50):
        result[rows] = VALUES[rows]
    assert isinstance(result, on_disk.Array)
    return result


@pytest.mark.parametrize(
    "rows",
    [
        slice(None), slice(3, 9), slice(40, 99), slice(9, 3),
        slice(None, None, 7), np.array([], int), np.array([4, 2, 2]),
        np.array([0, 49, 17]),
    ],
    ids=str,
)  # fmt: skip
def test_rows_are_read_as_from_memory(array, rows):
    np.testing.assert_array_equal(array[rows], VALUES[rows])
    assert array[rows].dtype == np.float32


def test_rows_are_copies_and_are_written_by_slices(array):
    array[5:7][:] = 0.0
    np.testing.assert_array_equal(array[:], VALUES)
    array[5:7] = 2.0
    assert (array[5:7] == 2.0).all()
    np.testing.assert_array_equal(array[7:], VALUES[7:])
    assert len(array) == 50 and array.shape == (50, 3, 2)


def test_short_arrays_stay_in_memory(store):
    assert isinstance(store.empty(8, 2), np.ndarray)
    assert isinstance(on_disk.MEMORY.empty(9, 2), np.ndarray)


@pytest.mark.parametrize("cuts", [[], [4], [3, 3, 20, 49]])
def test_parts_are_gathered(store, cuts):
    for place in (store, on_disk.MEMORY):
        parts = np.split(VALUES, cuts)
        np.testing.assert_array_equal(place.gather(parts, 3, 2)[:], VALUES)
    assert store.gather([], 3, 2).shape == (0, 3, 2)


def test_a_sample_is_every_nth_row(array):
    np.testing.assert_array_equal(on_disk.sample(array, 20), VALUES[::3])
    assert len(on_disk.sample(VALUES[:0])) == 0


def test_a_full_disk_names_the_temporary_files(array, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match=r"No space left .* files \(TMPDIR\)"):
        array[:3] = 1.0
