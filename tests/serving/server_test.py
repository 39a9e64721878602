"""What the development stand-in does beyond the API's contract.

How it treats connections is in http_test.py and hostile_test.py, versions under
load in load_test.py.
"""

import ctypes
import http.client
import json
import pathlib
import platform
import signal
import subprocess
import sys
import time
import urllib.parse

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc

SECONDS = 60.0


def connect(served) -> http.client.HTTPConnection:
    address = urllib.parse.urlsplit(served.rest).netloc
    return http.client.HTTPConnection(address, timeout=SECONDS)


def exchange(connection, body: bytes):
    connection.request("POST", "/v1/models/lifter:predict", body)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


@pytest.fixture
def body() -> bytes:
    keypoints_2d = np.random.default_rng(0).normal(500, 99, [1, 17, 2])
    scores = np.ones([1, 17])
    inputs = {"keypoints_2d": keypoints_2d.tolist(), "scores": scores.tolist()}
    return json.dumps({"inputs": inputs}).encode()


@pytest.mark.parametrize(
    "request_body",
    [
        {"inputs": {"keypoints_2d": [], "scores": []}},
        {"instances": []},
    ],
)
def test_rest_refuses_an_empty_batch(stand_in, request_body):
    code, answer = exchange(
        connect(stand_in), json.dumps(request_body).encode()
    )
    assert code == 400
    assert "at least one row" in answer["error"]


def test_grpc_refuses_an_empty_batch(stand_in):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "lifter"
    for name, shape in (("keypoints_2d", [0, 17, 2]), ("scores", [0, 17])):
        empty = tf.make_tensor_proto(np.zeros(shape, np.float32))
        request.inputs[name].CopyFrom(empty)
    with grpc.insecure_channel(stand_in.grpc) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Predict(request, timeout=SECONDS)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "at least one row" in caught.value.details()


def _blow_up(proto):
    proto.tensor_shape.dim[0].size = 10**10


def _negative(proto):
    # A reshape would take it for "what is left over".
    proto.tensor_shape.dim[0].size = -1


def _unknown_rank(proto):
    proto.tensor_shape.unknown_rank = True


def _overflow(proto):
    proto.ClearField("float_val")
    proto.dtype = tf.int8.as_datatype_enum
    proto.int_val.append(1000)


def _no_type(proto):
    proto.dtype = 999


def _resource(proto):
    proto.dtype = tf.resource.as_datatype_enum


@pytest.mark.parametrize(
    "spoil",
    [_blow_up, _negative, _unknown_rank, _overflow, _no_type, _resource],
)
def test_grpc_refuses_what_is_no_tensor(stand_in, spoil):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "lifter"
    proto = tf.make_tensor_proto(1.0, shape=[1])
    spoil(proto)
    request.inputs["scores"].CopyFrom(proto)
    with grpc.insecure_channel(stand_in.grpc) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        with pytest.raises(grpc.RpcError, match="An input is no tensor") as e:
            stub.Predict(request, timeout=SECONDS)
    assert e.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_answers_carry_typed_fields_as_the_real_server_does(stand_in):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "lifter"
    for name, shape in (("keypoints_2d", [2, 17, 2]), ("scores", [2, 17])):
        ones = tf.make_tensor_proto(np.ones(shape, np.float32))
        request.inputs[name].CopyFrom(ones)
    with grpc.insecure_channel(stand_in.grpc) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        answer = stub.Predict(request, timeout=SECONDS)
    assert len(answer.outputs["joints_3d"].float_val) == 2 * 17 * 3
    assert not answer.outputs["joints_3d"].tensor_content


def test_a_connection_is_kept_and_answers_at_once(stand_in, body):
    connection = connect(stand_in)
    exchange(connection, body)
    socket, seconds = connection.sock, []
    for _ in range(10):
        start = time.perf_counter()
        code, _ = exchange(connection, body)
        seconds.append(time.perf_counter() - start)
        assert code == 200
    assert connection.sock is socket
    # An unbuffered answer takes 40 ms at least.
    assert min(seconds) < 0.04


def test_a_cut_connection_leaves_it_alive(stand_in, body):
    cut = connect(stand_in)
    cut.putrequest("POST", "/v1/models/lifter:predict")
    cut.putheader("Content-Length", "1000")
    cut.endheaders()
    cut.send(body[:10])
    cut.close()
    code, _ = exchange(connect(stand_in), body)
    assert code == 200


@pytest.mark.parametrize("flag", ["rest_api_port", "port"])
def test_a_port_in_use_ends_it_with_one_message(stand_in, start, flag):
    address = stand_in.rest if flag == "rest_api_port" else stand_in.grpc
    port = address.rpartition(":")[2]
    message = (
        rf"(?s)^Ended with 1: .*error: Cannot listen on 127.0.0.1:{port} .*"
        f"give another `--{flag}`"
    )
    with pytest.raises(RuntimeError, match=message) as caught:
        with start(**{flag: port}):
            pass
    assert "Traceback" not in str(caught.value)


def test_arguments_without_a_flag_are_refused():
    script = pathlib.Path(__file__).parents[2] / "serving" / "server.py"
    done = subprocess.run(
        [sys.executable, str(script), "--model_base_path=/nowhere", "more"],
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 1
    assert "Unknown arguments: more." in done.stderr


@pytest.mark.parametrize(
    ("flag", "value"), [("rest_api_port", -1), ("port", 70000)]
)
def test_a_port_that_is_none_is_refused(start, flag, value):
    message = rf"(?s)^Ended with 1: .*flag --{flag}={value}: .*65535"
    with pytest.raises(RuntimeError, match=message) as caught:
        with start(**{flag: value}):
            pass
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize(
    "number",
    [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)],
)
def test_a_signal_stops_it_in_good_order(start, body, number):
    with start() as served:
        idle = connect(served)
        assert exchange(idle, body)[0] == 200
        served.process.send_signal(number)
        assert served.process.wait(SECONDS) == 0
        with pytest.raises(OSError):
            exchange(connect(served), body)


@pytest.mark.skipif(
    platform.system() != "Linux"
    or platform.machine() not in ("x86_64", "aarch64"),
    reason="needs Linux on x86_64 or aarch64",
)
def test_a_signal_that_another_thread_takes_stops_it(start):
    """The system may hand a signal to any thread, while the first one waits."""
    with start() as served:
        process = served.process
        others = {
            int(thread.name)
            for thread in pathlib.Path(f"/proc/{process.pid}/task").iterdir()
        } - {process.pid}
        tgkill = {"x86_64": 234, "aarch64": 131}[platform.machine()]
        assert not ctypes.CDLL(None).syscall(
            tgkill, process.pid, min(others), int(signal.SIGTERM)
        )
        assert process.wait(SECONDS) == 0
