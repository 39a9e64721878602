"""How the stand-in treats connections: framing, time, number, stop."""

import contextlib
import gzip
import importlib.util
import json
import pathlib
import signal
import socket
import time

import numpy as np
import pytest
import raw_http

SERVING = pathlib.Path(__file__).parents[2] / "serving"
STATUS = raw_http.request(method="GET", path="/v1/models/lifter")


@pytest.fixture
def body() -> bytes:
    keypoints_2d = np.random.default_rng(0).normal(500, 99, [1, 17, 2])
    inputs = {"keypoints_2d": keypoints_2d.tolist(), "scores": [[1.0] * 17]}
    return json.dumps({"inputs": inputs}).encode()


def statuses(answers) -> list[int]:
    return [status for status, _ in answers]


def test_requests_one_after_the_other_are_answered_in_turn(stand_in, body):
    post = raw_http.request(body)
    answers = raw_http.exchange(stand_in, post + STATUS + post)
    assert statuses(answers) == [200, 200, 200]
    assert "outputs" in answers[0][1]
    assert "model_version_status" in answers[1][1]
    assert answers[2] == answers[0]


@pytest.mark.parametrize(
    ("encode", "encoding", "status", "message"),
    [
        (gzip.compress, b"gzip", 200, None),
        (gzip.compress, b" GZIP ", 200, None),
        (bytes, b"identity", 200, None),
        (gzip.compress, b"", 400, "JSON Parse error"),
        (bytes, b"gzip", 400, "With Content-Encoding gzip, the body must be"),
        (lambda b: gzip.compress(b)[:-9], b"gzip", 400, "one whole stream"),
        (lambda b: gzip.compress(b) * 2, b"gzip", 400, "one whole stream"),
        (gzip.compress, b"br", 400, "must be gzip, not br"),
        (gzip.compress, b"gzip, gzip", 400, "must be gzip, not gzip, gzip"),
        # 256 MiB in 250 KiB.
        (lambda _: gzip.compress(bytes(1 << 28)), b"gzip", 400, "16777216 byt"),
    ],
)
def test_a_body_may_be_gzip(stand_in, body, encode, encoding, status, message):
    sent = encode(body)
    headers = [b"Content-Length: %d" % len(sent)]
    if encoding:
        headers.append(b"Content-Encoding: " + encoding)
    request = raw_http.request(sent, headers=tuple(headers))
    # The body was read: the connection goes on.
    first, plain = raw_http.exchange(stand_in, request + raw_http.request(body))
    assert (first[0], plain[0]) == (status, 200)
    if message is None:
        assert first[1] == plain[1]
    else:
        assert message in first[1]["error"]


def test_the_body_of_a_get_is_not_the_next_request(stand_in):
    inner = raw_http.request(method="GET", path="/v1/models/nothing")
    outer = raw_http.request(inner, method="GET", path="/v1/models/lifter")
    assert statuses(raw_http.exchange(stand_in, outer + STATUS)) == [200, 200]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([b"Content-Length: 5", b"Content-Length: 500"], 400),
        ([b"Content-Length: %d"] * 2, 400),
        ([b"Content-Length: +%d"], 400),
        ([b"Content-Length: 1e2"], 400),
        ([b"Content-Length: " + b"9" * 30], 400),
        ([b"Content-Length: 999999999999"], 413),
        ([b"Transfer-Encoding: chunked"], 411),
        ([b"Content-Length: %d", b"Transfer-Encoding: chunked"], 411),
        ([b"Content-Length: %d", b"no colon"], 400),
        ([b"no colon", b"Content-Length: %d"], 400),
        ([b"Content-Length : %d"], 400),
        ([b"X: " + b"x" * 70_000, b"Content-Length: %d"], 431),
        ([b"X: x"] * 200 + [b"Content-Length: %d"], 431),
        ([], 411),
    ],
)
def test_what_may_hide_a_second_request_ends_the_connection(
    stand_in, body, headers, status
):
    headers = [h.replace(b"%d", b"%d" % len(body)) for h in headers]
    sent = raw_http.request(body, headers=tuple(headers)) + STATUS
    answers = raw_http.exchange(stand_in, sent)
    assert statuses(answers) == [status]
    assert "Malformed request" in answers[0][1]["error"]


@pytest.mark.parametrize(
    "method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "NONE"]
)
def test_other_methods_are_malformed(stand_in, method):
    sent = raw_http.request(method=method, path="/v1/models/lifter")
    ((status, answer),) = raw_http.exchange(stand_in, sent)
    assert status == 400
    assert method in answer["error"]


def test_head_is_answered_without_a_body(stand_in):
    with raw_http.connect(stand_in) as connection:
        connection.sendall(
            raw_http.request(method="HEAD", path="/v1/models/lifter")
        )
        answer = raw_http.read_all(connection)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"GET /v1/models/lifter", 200),
        (b"GET /v1/models/lifter HTTP/1.0", 200),
        (b"GET /v1/models/lifter HTTP/2.0", 400),
        (b"GET /v1/models/lifter HTTP/1.1.1", 400),
        (b"GET /v1/models/lifter FTP/1.1", 400),
        (b"GET  a b c", 400),
        (b"nonsense", 400),
        (b"\xff\xfe\x00", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),  # TLS
        (b"GET /v1/models/" + b"a" * 70_000 + b" HTTP/1.1", 414),
        (b"GET /v1/models/lifter/versions/" + b"9" * 5000 + b" HTTP/1.1", 400),
        (b"GET /v1/models/lifter/versions/0 HTTP/1.1", 404),
        (b"GET /v1/models/%6Cifter HTTP/1.1", 404),
        (b"GET /v1/models/lifter/../lifter HTTP/1.1", 400),
        (b"GET http://host/v1/models/lifter HTTP/1.1", 404),
        (b"GET /v1/models/lifter:predict HTTP/1.1", 400),
    ],
)
def test_request_lines(stand_in, line, status):
    assert statuses(raw_http.exchange(stand_in, line + b"\r\n\r\n")) == [status]


def test_outside_of_v1_the_answer_is_a_page(stand_in):
    sent = raw_http.request(method="GET", path="/")
    ((status, answer),) = raw_http.exchange(stand_in, sent)
    assert status == 404
    assert answer.startswith("<html>")


def test_who_waits_for_100_is_told_to_go_on(stand_in, body):
    headers = (b"Content-Length: %d" % len(body), b"Expect: 100-continue")
    head = raw_http.request(headers=headers)
    with raw_http.connect(stand_in) as connection:
        connection.sendall(head)
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        connection.shutdown(socket.SHUT_WR)
        assert statuses(raw_http.answers(raw_http.read_all(connection))) == [
            200
        ]
    headers = (b"Content-Length: 99999999", b"Expect: 100-continue")
    head = raw_http.request(headers=headers)
    assert statuses(raw_http.exchange(stand_in, head)) == [413]


def test_a_refusal_reaches_a_client_that_goes_on_sending(stand_in):
    size = 17 << 20
    head = raw_http.request(headers=(b"Content-Length: %d" % size,))
    sent = head, bytes(size)
    assert statuses(raw_http.exchange(stand_in, *sent)) == [413]


def ended_within(connection: socket.socket, seconds: float) -> bool:
    connection.settimeout(seconds)
    with contextlib.suppress(ConnectionError):
        return connection.recv(1) == b""
    return True


def test_a_client_that_dribbles_is_cut(start, body):
    """Byte by byte, head or body: it holds its thread for half a second."""
    sent = raw_http.request(body)
    with start(rest_api_timeout_in_ms=500) as served:
        for beginning in (5, len(sent) - len(body) + 5):
            with raw_http.connect(served) as connection:
                connection.sendall(sent[:beginning])
                begin = time.monotonic()
                with contextlib.suppress(ConnectionError):
                    for byte in sent[beginning : beginning + 300]:
                        connection.sendall(bytes([byte]))
                        time.sleep(0.1)
                assert time.monotonic() - begin < 20.0
                assert ended_within(connection, raw_http.SECONDS)
            assert statuses(raw_http.exchange(served, sent)) == [200]


def test_more_connections_than_it_takes_are_told_so(stand_in, body):
    with contextlib.ExitStack() as stack:
        idle = [
            stack.enter_context(raw_http.connect(stand_in)) for _ in range(300)
        ]
        refused = idle[-1]
        assert refused.recv(1000).startswith(b"HTTP/1.1 503 Too many")
    # They are gone, and their threads soon, too.
    deadline = time.monotonic() + raw_http.SECONDS
    while statuses(raw_http.exchange(stand_in, raw_http.request(body))) != [
        200
    ]:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_request_under_way_is_answered_before_it_stops(start, body):
    sent = raw_http.request(body)
    with start() as served, raw_http.connect(served) as connection:
        connection.sendall(sent[:-50])
        # That it has begun cannot be seen from here.
        assert statuses(raw_http.exchange(served, STATUS)) == [200]
        served.process.send_signal(signal.SIGTERM)
        time.sleep(1.0)
        connection.sendall(sent[-50:])
        answer = raw_http.read_all(connection)
        assert b"\r\nConnection: close\r\n" in answer
        assert statuses(raw_http.answers(answer)) == [200]
        assert served.process.wait(raw_http.SECONDS) == 0


def test_the_time_of_a_socket_does_not_begin_anew():
    path = SERVING / "timed_socket.py"
    spec = importlib.util.spec_from_file_location("timed_socket", path)
    timed_socket = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(timed_socket)
    here, there = socket.socketpair()
    with here, there:
        timed = timed_socket.TimedSocket(here)
        timed.allow(0.3)
        there.sendall(b"ab")
        assert timed.read(1) == b"a"
        with pytest.raises(TimeoutError):  # nobody takes it
            while True:
                timed.write(bytes(1 << 16))
        # There is a byte, but no time.
        with pytest.raises(TimeoutError):
            timed.read(1)
        timed.allow(60.0)
        assert timed.read(1) == b"b"
