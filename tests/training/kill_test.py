"""A run that is killed and started again ends where it would have ended."""

import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tf_poselift.training import run_folder

ROOT = pathlib.Path(__file__).parents[2]
STEPS = 60


def command(prepared_dataset, workdir) -> list[str]:
    return [
        sys.executable,
        str(ROOT / "trainers" / "train.py"),
        "--method=kudo2018",
        f"--dataset={prepared_dataset.dataset}",
        f"--data_dir={prepared_dataset.data_dir}",
        f"--workdir={workdir}",
        f"--steps={STEPS}",
        "--batch_size=16",
        "--config=width=512",
        "--save_every=5",
    ]


def weights(workdir) -> list[np.ndarray]:
    run = run_folder.load(workdir)
    assert run.step == STEPS
    return [w for n in run.method.networks.values() for w in n.get_weights()]


def start_until(prepared_dataset, workdir, checkpoint: int):
    """Starts a run and returns its process once a checkpoint is there."""
    process = subprocess.Popen(
        command(prepared_dataset, workdir), stdout=subprocess.PIPE, text=True
    )
    index = workdir / "checkpoints" / f"checkpoint-{checkpoint}.index"
    deadline = time.monotonic() + 300
    while not index.exists() and time.monotonic() < deadline:
        assert process.poll() is None, "ended before it could be stopped"
        time.sleep(0.001)
    return process


@pytest.mark.slow
@pytest.mark.parametrize("checkpoint", [5, 25, 45])
def test_killed_and_resumed_run_has_bit_equal_weights(
    prepared_dataset, tmp_path, checkpoint
):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run(command(prepared_dataset, whole), check=True, timeout=300)

    process = start_until(prepared_dataset, killed, checkpoint)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    last = killed / "checkpoints" / f"checkpoint-{STEPS}.index"
    assert not last.exists()

    subprocess.run(command(prepared_dataset, killed), check=True, timeout=300)
    for a, b in zip(weights(whole), weights(killed), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_a_stopped_run_saves_and_ends_in_good_order(prepared_dataset, tmp_path):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    subprocess.run(command(prepared_dataset, whole), check=True, timeout=300)
    process = start_until(prepared_dataset, stopped, 5)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    step = run_folder.load(stopped).step
    assert f"Stopped at step {step}; the same command continues." in output
    assert step < STEPS
    subprocess.run(command(prepared_dataset, stopped), check=True, timeout=300)
    for a, b in zip(weights(whole), weights(stopped), strict=True):
        np.testing.assert_array_equal(a, b)
