"""A run that is killed and started again ends where it would have ended."""

import json
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.training import processes

STEPS = 100
KILLS = 20
MIRRORED = ("--strategy=mirrored", "--virtual_devices=2")


def flags(data, workdir, *others) -> list[str]:
    return [
        *processes.flags(data, workdir, steps=STEPS),
        "--config=width=512",
        "--config=average_decay=0.9",
        *others,
    ]


def start(arguments) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, processes.TRAIN, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def newest(workdir: pathlib.Path) -> int:
    """The step of the newest checkpoint that is complete; 0: none."""
    path = workdir / "checkpoints" / "checkpoint"
    if not path.exists():
        return 0
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return int(first.strip('"').rpartition("-")[2])


def is_writing(workdir: pathlib.Path) -> bool:
    """Whether there are files of a checkpoint that is not complete."""
    return any(
        int(path.name.split("-")[1].split(".")[0].split("_")[0])
        > newest(workdir)
        for path in (workdir / "checkpoints").glob("checkpoint-*")
    )


def wait_until(condition, process) -> None:
    deadline = time.monotonic() + processes.LIMIT
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline


def kill_at_random_moments(arguments, workdir, *, seed: int) -> int:
    """Starts a run and kills it, KILLS times.

    Returns:
      How many kills left a checkpoint half written.
    """
    draw = np.random.default_rng(seed)
    half_written = 0
    for _ in range(KILLS):
        process = start(arguments)
        moment = draw.choice(["start", "step", "writing"], p=[0.2, 0.3, 0.5])
        if moment == "start":
            time.sleep(draw.uniform(0.0, 5.0))
        else:
            before = newest(workdir)
            wait_until(lambda last=before: newest(workdir) > last, process)
            time.sleep(draw.uniform(0.0, 0.3))
        if moment == "writing":
            # On a busy machine a look can miss a write or two.
            last = newest(workdir) + 2
            wait_until(
                lambda last=last: is_writing(workdir) or newest(workdir) > last,
                process,
            )
        process.send_signal(signal.SIGKILL)
        output, _ = process.communicate()
        assert process.returncode == -signal.SIGKILL, output
        half_written += is_writing(workdir)
    assert 0 < newest(workdir) < STEPS
    return half_written


@pytest.mark.slow
@pytest.mark.parametrize(
    ("strategy", "tolerance"), [((), 0.0), (MIRRORED, 1e-6)]
)
def test_a_run_killed_at_random_moments_ends_in_the_same_weights(
    prepared_dataset, tmp_path, strategy, tolerance
):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    often = (*strategy, "--save_every=1")
    done = processes.run(flags(prepared_dataset, whole, *often))
    assert done.returncode == 0, done.stderr
    arguments = flags(prepared_dataset, killed, *often)
    assert kill_at_random_moments(arguments, killed, seed=len(strategy)) >= 3
    done = processes.run(arguments)
    assert done.returncode == 0, done.stderr

    expected = processes.variables(whole, step=STEPS)
    for name, value in processes.variables(killed, step=STEPS).items():
        np.testing.assert_allclose(
            value, expected[name], rtol=tolerance, atol=tolerance, err_msg=name
        )
    # Every checkpoint was measured, also where a kill came before that.
    measures = [
        json.loads((run / "best" / "label_free.json").read_text())
        for run in (whole, killed)
    ]
    assert len(measures[0]["label_free"]) == STEPS
    assert set(measures[0]["label_free"]) == set(measures[1]["label_free"])
    if not tolerance:
        assert measures[0] == measures[1]


@pytest.mark.slow
def test_a_stopped_run_saves_and_ends_in_good_order(prepared_dataset, tmp_path):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert processes.run(flags(prepared_dataset, whole)).returncode == 0
    process = start(flags(prepared_dataset, stopped))
    processes.wait_for_checkpoint(stopped, 5, [process])
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    step = newest(stopped)
    assert f"Stopped at step {step}; the same command continues." in output
    assert step < STEPS
    assert processes.run(flags(prepared_dataset, stopped)).returncode == 0
    expected = processes.variables(whole, step=STEPS)
    for name, value in processes.variables(stopped, step=STEPS).items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)
