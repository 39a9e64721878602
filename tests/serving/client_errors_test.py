"""What the client says of a server that refuses, fails, dawdles or is none."""

import contextlib
import http.server
import json
import socket
import threading
from concurrent import futures

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2


@pytest.fixture
def poses():
    rng = np.random.default_rng(0)
    keypoints_2d = rng.normal(500.0, 99.0, [7, 17, 2]).astype(np.float32)
    return keypoints_2d, np.ones([7, 17], np.float32)


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_what_the_server_refuses_is_an_error(
    stand_in, client_module, poses, protocol
):
    address = {protocol: getattr(stand_in, protocol)}
    with pytest.raises(client_module.ServerError, match="404|NOT_FOUND"):
        client_module.Client("nothing", **address).lift(*poses)
    for version in (0, 9):
        client = client_module.Client("lifter", version=version, **address)
        with pytest.raises(
            client_module.ServerError,
            match=rf"(404|NOT_FOUND).*Specific\(lifter, {version}\)",
        ):
            client.lift(*poses)
    with pytest.raises(
        client_module.ServerError,
        match=r"`keypoints_2d` must have shape \[-1, 17, 2\]",
    ):
        client_module.Client("lifter", **address).lift(
            poses[0][:, :16], poses[1][:, :16]
        )


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ({"rest": "http://127.0.0.1:1"}, "Is the server running"),
        ({"grpc": "127.0.0.1:1"}, "127.0.0.1:1: gRPC UNAVAILABLE.* running"),
    ],
)
def test_a_dead_server_is_an_error(client_module, poses, address, message):
    with pytest.raises(client_module.ServerError, match=message):
        client_module.Client("lifter", **address).lift(*poses)


@contextlib.contextmanager
def _answering(status: int, content: bytes):
    """A server with one answer to everything; gives its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


_ROWS = {"joints_3d": [[[0] * 3] * 17] * 7, "scale": [0] * 7}
_WHOLE = _ROWS | {"valid": [True] * 7}
_OTHER = "HTTP 200: not an answer of the API: b'"
_SHAPES = r"must have `joints_3d` \[7, J, 3\], .*Received: .*Is it a lifter"


@pytest.mark.parametrize(
    ("status", "answer", "message"),
    [
        (200, [1, 2], _OTHER),
        (200, None, _OTHER),
        (200, {}, _OTHER),
        (200, {"outputs": [[0.0]]}, _OTHER),
        (200, {"outputs": _ROWS}, _OTHER),
        (200, {"outputs": _ROWS | {"valid": {}, "scale": ["x"]}}, _OTHER),
        (200, {"outputs": _WHOLE | {"scale": [10**400] * 7}}, _OTHER),
        (200, {"outputs": _WHOLE | {"valid": True}}, _SHAPES),
        (200, {"outputs": _WHOLE | {"valid": [True]}}, _SHAPES),
        (200, {"outputs": _WHOLE | {"joints_3d": [[0] * 3] * 7}}, _SHAPES),
        (200, {"outputs": _WHOLE | {"joints_3d": [0] * 7}}, _SHAPES),
        (500, [1, 2], "HTTP 500: not an answer"),
        (500, {"error": "out of memory"}, "HTTP 500: out of memory"),
    ],
)
def test_an_answer_of_another_form_is_an_error(
    client_module, poses, status, answer, message
):
    with _answering(status, json.dumps(answer).encode()) as address:
        client = client_module.Client("lifter", rest=address)
        with pytest.raises(client_module.ServerError, match=message):
            client.lift(*poses)


@pytest.mark.parametrize("status", [200, 404, 502])
@pytest.mark.parametrize("page", [b"<html>no</html>", b"[" * 9999, b"\xff"])
def test_a_page_is_an_error(client_module, poses, status, page):
    with _answering(status, page) as address:
        client = client_module.Client("lifter", rest=address)
        message = f"HTTP {status}: not an answer of the API: b'"
        with pytest.raises(client_module.ServerError, match=message):
            client.lift(*poses)


@contextlib.contextmanager
def _sending(content: bytes, pause: float):
    """A server that sends a byte now and then, whatever it is asked."""
    ended = threading.Event()

    def serve():
        with contextlib.suppress(OSError), listener.accept()[0] as connection:
            for byte in content:
                connection.sendall(bytes([byte]))
                if ended.wait(pause):
                    return
            ended.wait(60.0)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            ended.set()
            thread.join()


@pytest.mark.parametrize("content", [b"", b"HTTP/1.1 200 OK\r\n" * 9])
def test_a_slow_server_is_an_error(client_module, poses, content):
    with _sending(content, pause=0.1) as address:
        client = client_module.Client(
            "lifter", rest=f"http://{address}", timeout=0.5
        )
        with pytest.raises(
            client_module.ServerError,
            match=f"No answer from http://{address}: not within 0.5 s",
        ):
            client.lift(*poses)
        client = client_module.Client("lifter", grpc=address, timeout=0.5)
        with pytest.raises(client_module.ServerError, match="No answer from"):
            client.lift(*poses)


def test_the_other_port_is_named(client_module, poses, stand_in):
    rest, grpc = stand_in.rest.removeprefix("http://"), stand_in.grpc
    for address, message in (
        ({"rest": f"http://{grpc}"}, "is this its REST port"),
        ({"grpc": rest}, "is this its gRPC port"),
    ):
        with pytest.raises(client_module.ServerError, match=message):
            client_module.Client("lifter", **address).lift(*poses)


def test_a_body_too_long_is_refused_in_words(client_module, stand_in):
    rows = 30_000
    rng = np.random.default_rng(0)
    client = client_module.Client(
        "lifter", rest=stand_in.rest, max_batch=rows, timeout=300.0
    )
    with pytest.raises(
        client_module.ServerError, match="HTTP 413: .* must be given and be at"
    ):
        client.lift(rng.normal(500, 99, [rows, 17, 2]), np.ones([rows, 17]))


def _answering_grpc(answer: bytes):
    """A server that answers Predict with these bytes, and its port."""
    method = grpc.unary_unary_rpc_method_handler(lambda *_: answer)
    server = grpc.server(futures.ThreadPoolExecutor())
    server.add_generic_rpc_handlers(
        [
            grpc.method_handlers_generic_handler(
                "tensorflow.serving.PredictionService", {"Predict": method}
            )
        ]
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


@pytest.mark.parametrize("kind", ["junk", "another model", "no shape", "text"])
def test_a_grpc_answer_of_another_form_is_an_error(client_module, poses, kind):
    response = predict_pb2.PredictResponse()
    message = "must have `joints_3d`"
    if kind == "another model":
        proto = tf.make_tensor_proto(np.ones([7, 17], np.float32))
        response.outputs["dense"].CopyFrom(proto)
    elif kind == "no shape":
        response.outputs["joints_3d"].dtype = tf.float32.as_datatype_enum
        response.outputs["joints_3d"].float_val.extend([1.0, 2.0])
        message = "Not an answer of the API"
    elif kind == "text":
        response.outputs["joints_3d"].CopyFrom(tf.make_tensor_proto("a"))
        message = "must be float or bool"
    content = response.SerializeToString()
    if kind == "junk":
        content, message = b"\x0a\xff\xff", "Not an answer of the API"
    server, port = _answering_grpc(content)
    try:
        client = client_module.Client("lifter", grpc=f"127.0.0.1:{port}")
        with pytest.raises(client_module.ServerError, match=message):
            client.lift(*poses)
    finally:
        server.stop(None).wait()
