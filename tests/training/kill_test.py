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


@pytest.mark.slow
@pytest.mark.parametrize("checkpoint", [5, 25, 45])
def test_killed_and_resumed_run_has_bit_equal_weights(
    prepared_dataset, tmp_path, checkpoint
):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run(command(prepared_dataset, whole), check=True, timeout=300)

    process = subprocess.Popen(command(prepared_dataset, killed))
    first = killed / "checkpoints" / f"checkpoint-{checkpoint}.index"
    deadline = time.monotonic() + 300
    while not first.exists() and time.monotonic() < deadline:
        assert process.poll() is None, "ended before it could be killed"
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    done = sorted(killed.glob("checkpoints/checkpoint-*.index"))
    assert first in done and len(done) < STEPS // 5

    subprocess.run(command(prepared_dataset, killed), check=True, timeout=300)
    for a, b in zip(weights(whole), weights(killed), strict=True):
        np.testing.assert_array_equal(a, b)
