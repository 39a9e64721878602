"""The REST half of the development stand-in (server.py).

Written for clients that are slow, cut off or hostile: a request has a time and
a size in which it must arrive, an answer a time in which it must be taken, and
there are so many connections and no more. What is refused before its body was
read ends the connection, so that no byte of it is taken for the next request.
"""

import contextlib
import http.server
import io
import json
import os
import re
import socket
import sys
import threading
from collections.abc import Iterator

import encoded_body
import tensorflow as tf
import timed_socket
from google.protobuf import json_format

from tf_poselift.export import json_tensors
from tf_poselift.export import loaded_model
from tf_poselift.export import model_versions

_IDLE_SECONDS = 60.0  # then a silent connection is closed
_LINGER_SECONDS = 2.0  # for a refused client to stop sending
_MAX_CONNECTIONS = 256

_PATH = re.compile(
    r"/v1/models/(?P<name>[^/:]+)"
    r"(/versions/(?P<version>[0-9]{1,18})|/labels/(?P<label>[^/:]+))?"
    r"(?P<verb>/metadata|:predict)?"
)
_HTTP_STATUS = {
    tf.errors.CANCELLED: 499,
    tf.errors.INVALID_ARGUMENT: 400,
    tf.errors.DEADLINE_EXCEEDED: 504,
    tf.errors.NOT_FOUND: 404,
    tf.errors.ALREADY_EXISTS: 409,
    tf.errors.PERMISSION_DENIED: 403,
    tf.errors.UNAUTHENTICATED: 401,
    tf.errors.RESOURCE_EXHAUSTED: 429,
    tf.errors.FAILED_PRECONDITION: 400,
    tf.errors.ABORTED: 409,
    tf.errors.OUT_OF_RANGE: 400,
    tf.errors.UNIMPLEMENTED: 501,
    tf.errors.UNAVAILABLE: 503,
}


class RestServer(http.server.ThreadingHTTPServer):
    """One thread per connection.

    Args:
      address: host and port.
      versions: of the model.
      max_bytes: of the body of a request.
      seconds: in which a request must arrive, and its answer be taken.
    """

    daemon_threads = True  # a silent connection does not delay the stop
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        versions: model_versions.ModelVersions,
        *,
        max_bytes: int,
        seconds: float,
    ):
        super().__init__(address, Handler)
        self.versions = versions
        self.max_bytes = max_bytes
        self.seconds = seconds
        self.stopping = False
        # A parsed request takes many times the memory of its text.
        self.slots = threading.BoundedSemaphore(os.cpu_count() or 1)
        self._connections = threading.BoundedSemaphore(_MAX_CONNECTIONS)
        self._busy = 0
        self._changed = threading.Condition()

    def process_request(self, request, client_address):
        if self._connections.acquire(blocking=False):
            super().process_request(request, client_address)
            return
        request.setblocking(False)
        with contextlib.suppress(OSError):
            request.sendall(b"HTTP/1.1 503 Too many connections\r\n\r\n")
        self.shutdown_request(request)

    def process_request_thread(self, request, client_address):
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._connections.release()

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Lasts from the first byte of a request to the last of its answer."""
        with self._changed:
            self._busy += 1
        try:
            yield
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()

    def stop(self, seconds: float) -> None:
        """Takes no more connections and waits for requests under way."""
        self.stopping = True
        self.shutdown()
        with self._changed:
            self._changed.wait_for(lambda: not self._busy, seconds)
        self.server_close()

    def handle_error(self, request, client_address):
        # A client that goes away is no fault of the server.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    # Who names no version, or none that can be read, gets a status line too.
    default_request_version = "HTTP/1.0"
    _refused = False

    def setup(self):
        self.connection = self.request
        # An answer longer than the buffer makes several packets, and the last
        # one would wait 40 ms for the client's delayed acknowledgement.
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        self._timed = timed_socket.TimedSocket(self.connection)
        self.rfile = io.BufferedReader(self._timed)
        self.wfile = io.BufferedWriter(self._timed)

    def finish(self):
        with contextlib.suppress(OSError):
            if self._refused:
                # Closing with bytes unread resets the connection, and the
                # client may never see the answer.
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_WR)
                self._timed.allow(_LINGER_SECONDS)
                while self.rfile.read1(1 << 16):
                    pass
        super().finish()

    def handle_one_request(self):
        self._timed.allow(_IDLE_SECONDS)
        try:
            waiting = self.rfile.peek(1)
        except TimeoutError:
            waiting = b""
        if not waiting:
            self.close_connection = True
            return
        with self.server.working():
            self._timed.allow(self.server.seconds)
            self._waits_for_100 = False
            super().handle_one_request()
        self.close_connection |= self.server.stopping

    def do_GET(self):
        refusal = self._refusal()
        if refusal:
            self.send_error(*refusal)
            return
        if self._waits_for_100:
            self.send_response_only(100)
            self.end_headers()
            self.wfile.flush()
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:  # the connection was cut
            self.close_connection = True
            return
        with self.server.slots:
            code, answer = self._answer(body)
        self._send(code, answer)

    do_POST = do_GET

    def _refusal(self) -> tuple[int, str] | None:
        """Returns what is wrong with the body's announcement."""
        lengths = self.headers.get_all("Content-Length", [])
        limit = self.server.max_bytes
        allowed = f"Content-Length must be given and be at most {limit}."
        if self.headers.defects:
            return 400, "A header has no name."
        if "Transfer-Encoding" in self.headers:
            return 411, allowed
        if self.command == "POST" and not lengths:
            return 411, allowed
        if len(lengths) > 1 or not all(
            re.fullmatch("[0-9]{1,18}[ \t]*", length) for length in lengths
        ):
            return 400, "Content-Length must be one number."
        if lengths and int(lengths[0]) > limit:
            return 413, allowed
        return None

    def handle_expect_100(self):
        self._waits_for_100 = True  # `do_GET` looks at the length first
        return True

    def send_error(self, code, message=None, explain=None):
        """Refuses a request whose body, if any, stays unread."""
        self._refused = self.close_connection = True
        # To http.server, an unknown method and HTTP/3.0 are its own faults.
        code = 400 if code >= 500 else int(code)
        message = message or self.responses[code][0]
        self._send(code, {"error": f"Malformed request: {message}"})

    def _answer(self, body: bytes) -> tuple[int, dict | str]:
        path = self.path.partition("?")[0]
        if not path.startswith("/v1/"):
            return 404, "<html><body><h1>404 Not Found</h1></body></html>"
        try:
            return 200, self._content(path, body)
        except tf.errors.OpError as error:
            code = _HTTP_STATUS.get(error.error_code, 500)
            return code, {"error": error.message}

    def _content(self, path: str, body: bytes) -> dict:
        match = _PATH.fullmatch(path)
        verb = match and match["verb"]
        if not match or (self.command == "POST") != (verb == ":predict"):
            raise _invalid(f"Malformed request: {self.command} {path}")
        version = int(match["version"]) if match["version"] else None
        asked_for = match["name"], version, match["label"] or ""
        versions = self.server.versions
        if verb is None:
            return _as_dict(versions.status(*asked_for))
        model = versions.find(*asked_for)
        if verb == ":predict":
            encodings = self.headers.get_all("Content-Encoding", [])
            return _predict(model, body, encodings, self.server.max_bytes)
        return _as_dict(model.metadata())

    def _send(self, code: int, answer: dict | str) -> None:
        is_html = isinstance(answer, str)
        body = (answer if is_html else json.dumps(answer)).encode()
        kind = "text/html" if is_html else "application/json"
        self.close_connection |= self.server.stopping
        self._timed.allow(self.server.seconds)
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_):
        pass


def _predict(
    model: loaded_model.LoadedModel, body: bytes, encodings, max_bytes: int
) -> dict:
    try:
        body = encoded_body.decode(body, encodings, max_bytes)
        name, form, content = json_tensors.parse(body)
        declared = model.signature(name).inputs
        types = {k: tf.as_dtype(info.dtype) for k, info in declared.items()}
        inputs = json_tensors.to_arrays(form, content, types)
    except ValueError as error:
        raise _invalid(str(error)) from error
    return json_tensors.from_arrays(form, model.predict(name, inputs))


def _invalid(message: str) -> tf.errors.InvalidArgumentError:
    return tf.errors.InvalidArgumentError(None, None, message)


def _as_dict(message) -> dict:
    content = json_format.MessageToDict(
        message,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
    )
    content.get("metadata", {}).get("signature_def", {}).pop("@type", None)
    return content
