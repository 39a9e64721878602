"""One training at a time in a run folder."""

import errno
import fcntl
import subprocess
import sys

import pytest

from tf_poselift.training import run_lock
from tf_poselift.training import training

HOLD = """
import fcntl, sys, time
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(600)
"""


def test_a_second_one_is_refused_until_the_first_has_ended(tmp_path):
    folder = tmp_path / "run"
    with (
        run_lock.held(folder),
        pytest.raises(OSError, match="one process at a time.*`--workdir`"),
        run_lock.held(folder),
    ):
        pass
    with run_lock.held(folder):
        pass


def test_the_lock_of_a_killed_process_is_gone(prepared_dataset, tmp_path):
    path = tmp_path / run_lock.FILE
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(OSError, match="one process at a time"):
            training.train(
                "kudo2018",
                dataset=prepared_dataset.dataset,
                data_dir=prepared_dataset.data_dir,
                workdir=tmp_path,
                steps=2,
                batch_size=8,
                overrides=["width=16"],
                strategy="one",
            )
        assert [p.name for p in tmp_path.iterdir()] == [run_lock.FILE]
    finally:
        process.kill()
        process.communicate()
    with run_lock.held(tmp_path):
        pass


def test_a_file_system_without_locks_is_said(tmp_path, monkeypatch, capsys):
    def flock(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with run_lock.held(tmp_path):
        assert "cannot be locked" in capsys.readouterr().out
