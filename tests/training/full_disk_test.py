"""A disk that is full ends a run with an error and spoils no checkpoint."""

import contextlib
import functools
import pathlib
import resource
import subprocess

import numpy as np
import pytest

from tests.training import processes
from tf_poselift.training import writing

STEPS = 40


def flags(data, workdir, *others) -> list[str]:
    """Of a run whose checkpoints have 0.94 MB."""
    return [
        *processes.flags(data, workdir, steps=STEPS),
        "--config=width=128",
        *others,
    ]


@contextlib.contextmanager
def small_disk(folder: pathlib.Path, size: str):
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        pytest.skip(f"no right to mount: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def check_goes_on_as_if_nothing_had_been(data, whole, workdir):
    done = processes.run(flags(data, workdir))
    assert done.returncode == 0, done.stderr
    assert "Continuing from step" in done.stdout
    expected = processes.variables(whole, step=STEPS)
    for name, value in processes.variables(workdir, step=STEPS).items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


@pytest.fixture(scope="module")
def whole(prepared_dataset, tmp_path_factory):
    """A run on a large disk."""
    workdir = tmp_path_factory.mktemp("whole") / "run"
    done = processes.run(flags(prepared_dataset, workdir))
    assert done.returncode == 0, done.stderr
    return workdir


@pytest.mark.slow
def test_full_disk(prepared_dataset, tmp_path, whole):
    disk = tmp_path / "disk"
    # Room for four checkpoints: the best and three, not the one that is
    # written before the oldest goes.
    with small_disk(disk, "4500k"):
        workdir = disk / "run"
        done = processes.run(flags(prepared_dataset, workdir))
        assert done.returncode == 1, done.stdout
        assert f"error: {workdir}" in done.stderr
        assert "could not be written" in done.stderr
        assert "Traceback" not in done.stderr
        subprocess.run(
            ["mount", "-o", "remount,size=64m", str(disk)], check=True
        )
        check_goes_on_as_if_nothing_had_been(prepared_dataset, whole, workdir)


@pytest.mark.slow
def test_files_that_may_not_grow(prepared_dataset, tmp_path, whole):
    early = flags(prepared_dataset, tmp_path, "--steps=5")
    assert processes.run(early).returncode == 0
    limit = functools.partial(
        resource.setrlimit, resource.RLIMIT_FSIZE, (500_000, 500_000)
    )
    done = processes.run(flags(prepared_dataset, tmp_path), preexec_fn=limit)
    assert done.returncode == 1, done.stdout
    folder = tmp_path / "checkpoints"
    assert f"error: {folder} could not be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert processes.variables(tmp_path, step=5)
    check_goes_on_as_if_nothing_had_been(prepared_dataset, whole, tmp_path)


def test_what_is_said(tmp_path):
    with (
        pytest.raises(OSError, match="could not be written: .*No space left"),
        writing.into(tmp_path),
        open("/dev/full", "w") as file,
    ):
        file.write("x")
        file.flush()
