"""A served model for the tests of server and client.

The contract is tested against the server that TF_SERVING_REST and
TF_SERVING_GRPC name (its model: TF_SERVING_MODEL, by default "lifter"), or
against the development stand-in; the tests' ids say which.
"""

import contextlib
import dataclasses
import importlib.util
import os
import pathlib
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Iterator

import grpc
import numpy as np
import pytest

from tf_poselift import methods
from tf_poselift import skeletons
from tf_poselift.export import saved_model

ROOT = pathlib.Path(__file__).parents[2]
# For the modules beside this one, which several tests import.
sys.path.append(str(pathlib.Path(__file__).parent))

import api_calls  # noqa: E402

START_SECONDS = 120.0
STOP_SECONDS = 30.0
REAL = "TF_SERVING_REST" in os.environ


@dataclasses.dataclass(frozen=True)
class Served:
    """Where a model is served; `version_dir` if it is ours."""

    rest: str
    grpc: str
    model: str
    version_dir: pathlib.Path | None = None
    process: subprocess.Popen | None = None


def _untrained():
    kudo2018 = methods.load("kudo2018")
    skeleton = skeletons.load("human36m_17")
    return kudo2018.Method(skeleton, kudo2018.Config(width=16))


@pytest.fixture(scope="session")
def base_path(tmp_path_factory) -> pathlib.Path:
    """A model folder with version 1 of an untrained method."""
    model_dir = tmp_path_factory.mktemp("models") / "lifter"
    return saved_model.export(_untrained(), model_dir).parent


@pytest.fixture(scope="session")
def second_version(tmp_path_factory) -> pathlib.Path:
    """The folder of a version 2 with other answers, which no server sees."""
    method = _untrained()
    rng = np.random.default_rng(2)
    for variable in method.lifter.trainable_variables:
        variable.assign(rng.normal(0.0, 0.3, variable.shape))
    model_dir = tmp_path_factory.mktemp("later") / "lifter"
    return saved_model.export(method, model_dir, version=2)


@pytest.fixture(scope="session")
def start(base_path, tmp_path_factory):
    """Starts a stand-in for the time of a `with` block.

    Raises RuntimeError with exit code and errors if it ends by itself.
    """
    log = tmp_path_factory.mktemp("stand_in") / "stderr.txt"

    @contextlib.contextmanager
    def start(**flags: object) -> Iterator[Served]:
        flags = {
            "port": 0,
            "rest_api_port": 0,
            "model_name": "lifter",
            "model_base_path": base_path,
        } | flags
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "serving" / "server.py")]
            + [f"--{name}={value}" for name, value in flags.items()],
            stdout=subprocess.PIPE,
            stderr=log.open("w"),
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        try:
            line = _first_line(process)
            if not line:
                code = process.wait(STOP_SECONDS)
                raise RuntimeError(f"Ended with {code}: {log.read_text()}")
            rest, grpc = re.search(r"REST (\S+) gRPC (\S+)", line).groups()
            yield Served(rest, grpc, "lifter", base_path / "1", process)
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    return start


def _first_line(process: subprocess.Popen) -> str:
    lines: queue.Queue[str] = queue.Queue()
    threading.Thread(
        target=lambda: lines.put(process.stdout.readline()), daemon=True
    ).start()
    return lines.get(timeout=START_SECONDS)


@pytest.fixture(scope="session")
def stand_in(start) -> Iterator[Served]:
    with start() as served:
        yield served


@pytest.fixture(
    scope="session", params=["tensorflow_serving" if REAL else "stand_in"]
)
def served(request) -> Served:
    """The server that the contract is tested against."""
    if not REAL:
        return request.getfixturevalue("stand_in")
    return Served(
        os.environ["TF_SERVING_REST"],
        os.environ["TF_SERVING_GRPC"],
        os.environ.get("TF_SERVING_MODEL", "lifter"),
    )


@pytest.fixture(scope="module")
def channel(served):
    with grpc.insecure_channel(served.grpc) as channel:
        yield channel


@pytest.fixture(scope="module")
def signature(served):
    status, answer = api_calls.ask(served, "GET", "/v1/models/MODEL/metadata")
    assert status == 200
    table = answer["metadata"]["signature_def"]["signature_def"]
    return table["serving_default"]


@pytest.fixture(scope="module")
def inputs(signature):
    """Three poses with the joint count of the served model."""
    dims = signature["inputs"]["scores"]["tensor_shape"]["dim"]
    joints = int(dims[1]["size"])
    rng = np.random.default_rng(0)
    return {
        "keypoints_2d": rng.normal(500, 99, [3, joints, 2]).astype(np.float32),
        "scores": np.ones([3, joints], np.float32),
    }


@pytest.fixture(scope="session")
def client_module():
    """serving/client.py, which is no module of a package."""
    path = ROOT / "serving" / "client.py"
    spec = importlib.util.spec_from_file_location("poselift_client", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
