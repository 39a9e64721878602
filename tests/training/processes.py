"""`trainers/train.py` in processes of its own, to be killed and restarted."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import time

import numpy as np
import tensorflow as tf

ROOT = pathlib.Path(__file__).parents[2]
TRAIN = str(ROOT / "trainers" / "train.py")
LIMIT = 300  # seconds for anything that takes some ten


def flags(data, workdir, *, steps: int) -> list[str]:
    """Flags of a small run; others come behind and hold instead."""
    return [
        "--method=kudo2018",
        f"--dataset={data.dataset}",
        f"--data_dir={data.data_dir}",
        f"--workdir={workdir}",
        f"--steps={steps}",
        "--batch_size=16",
        "--config=width=64",
        "--save_every=5",
    ]


def run(
    arguments: list[str], *, program=(TRAIN,), **kwargs
) -> subprocess.CompletedProcess:
    """Runs what `program` names, by default train.py, to its end."""
    return subprocess.run(
        [sys.executable, *program, *arguments],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        **kwargs,
    )


@contextlib.contextmanager
def workers(arguments: list[list[str]], *, program=(TRAIN,), ports=None):
    """Yields one started process for each worker; ends them all.

    Args:
      arguments: of each worker.
      program: what Python runs.
      ports: of each worker; None takes free ones.
    """
    ports = ports or free_ports(len(arguments))
    addresses = [f"127.0.0.1:{port}" for port in ports]
    started = []
    try:
        for number, own in enumerate(arguments):
            config = {
                "cluster": {"worker": addresses},
                "task": {"type": "worker", "index": number},
            }
            started.append(
                subprocess.Popen(
                    [sys.executable, *program, "--strategy=multi_worker", *own],
                    env=os.environ | {"TF_CONFIG": json.dumps(config)},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            )
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()


def free_ports(count: int) -> list[int]:
    """Returns ports of the loopback that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def wait_for_checkpoint(workdir: pathlib.Path, step: int, processes) -> None:
    """Returns once a checkpoint is there and all processes still run."""
    index = workdir / "checkpoints" / f"checkpoint-{step}.index"
    deadline = time.monotonic() + LIMIT
    while not index.exists():
        assert time.monotonic() < deadline, f"no {index}"
        assert all(p.poll() is None for p in processes), "ended too early"
        time.sleep(0.001)


def variables(workdir, *, step: int) -> dict[str, np.ndarray]:
    """All numbers of the newest checkpoint, which must be of this step."""
    folder = pathlib.Path(workdir) / "checkpoints"
    path = tf.train.latest_checkpoint(str(folder))
    assert path == str(folder / f"checkpoint-{step}")
    reader = tf.train.load_checkpoint(path)
    values = {
        name: reader.get_tensor(name)
        for name, kind in reader.get_variable_to_dtype_map().items()
        if kind.is_floating
    }
    assert values
    return values
