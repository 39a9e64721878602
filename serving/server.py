"""A development stand-in for the TensorFlow Serving API.

    python serving/server.py --model_name=lifter --model_base_path=/ABS/lifter

Predict, model metadata and model status over REST and gRPC, with the flags,
paths, status codes and bodies of the real server's public API; for trying out
an export and for tests where no container runs. It has no batching, no TLS, no
authentication, no classify or regress, and its speed says nothing about the
real server's. One difference on purpose: an empty batch is refused, because
the real server hangs on one when batching is on.
"""

import contextlib
import http.server
import json
import math
import re
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent import futures

import grpc
import numpy as np
import tensorflow as tf
from absl import app
from absl import flags
from google.protobuf import json_format
from tensorflow_serving.apis import get_model_metadata_pb2
from tensorflow_serving.apis import get_model_status_pb2
from tensorflow_serving.apis import model_service_pb2_grpc
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc

from tf_poselift.export import json_tensors
from tf_poselift.export import loaded_model

_PORT = flags.DEFINE_integer(
    "port", 8500, "gRPC port; 0 takes a free one.", 0, 65535
)
_REST_API_PORT = flags.DEFINE_integer(
    "rest_api_port", 8501, "REST port; 0 takes a free one.", 0, 65535
)
_MODEL_NAME = flags.DEFINE_string("model_name", "default", "Name in requests.")
_MODEL_BASE_PATH = flags.DEFINE_string(
    "model_base_path", None, "Absolute path of the versions.", required=True
)
# The real server has neither of these; it listens on every interface.
_HOST = flags.DEFINE_string("host", "127.0.0.1", "Address to listen on.")
_MAX_REQUEST_MB = flags.DEFINE_integer("max_request_mb", 64, "Largest request.")

_GRACE_SECONDS = 10.0  # for what is being answered when the server stops
_MAX_ELEMENTS = 1 << 26  # of one input

_PATH = re.compile(
    r"/v1/models/(?P<name>[^/:]+)"
    r"(/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
    r"(?P<verb>/metadata|:predict)?"
)
_HTTP_STATUS = {
    tf.errors.INVALID_ARGUMENT: 400,
    tf.errors.FAILED_PRECONDITION: 400,
    tf.errors.NOT_FOUND: 404,
    tf.errors.RESOURCE_EXHAUSTED: 429,
    tf.errors.UNIMPLEMENTED: 501,
}
_GRPC_STATUS = {code.value[0]: code for code in grpc.StatusCode}
# Field of a TensorProto that carries the values of a type.
_VALUE_FIELDS = {
    tf.float32: "float_val",
    tf.float64: "double_val",
    tf.int32: "int_val",
    tf.int64: "int64_val",
    tf.bool: "bool_val",
}


def model_metadata(model: loaded_model.LoadedModel):
    """Returns the `GetModelMetadataResponse`: the model's signatures."""
    signatures = get_model_metadata_pb2.SignatureDefMap()
    for name, definition in model.session.signatures.items():
        signatures.signature_def[name].CopyFrom(definition)
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    response.model_spec.name = model.name
    response.model_spec.version.value = model.version
    response.metadata["signature_def"].Pack(signatures)
    return response


def model_status(model: loaded_model.LoadedModel):
    """Returns the `GetModelStatusResponse`: one available version."""
    response = get_model_status_pb2.GetModelStatusResponse()
    version = response.model_version_status.add(version=model.version)
    version.state = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    version.status.SetInParent()
    return response


class Servicer(
    prediction_service_pb2_grpc.PredictionServiceServicer,
    model_service_pb2_grpc.ModelServiceServicer,
):
    """Predict, GetModelMetadata and GetModelStatus."""

    def __init__(self, model: loaded_model.LoadedModel):
        self._model = model

    def Predict(self, request, context):
        with self._checked(request, context):
            name = request.model_spec.signature_name or "serving_default"
            outputs = set(self._model.signature(name).outputs)
            wanted = set(request.output_filter) or outputs
            if not wanted <= outputs:
                raise _invalid(f"No such output: {sorted(wanted - outputs)}")
            inputs = {k: _to_array(v) for k, v in request.inputs.items()}
            answers = self._model.predict(name, inputs)
            response = predict_pb2.PredictResponse()
            response.model_spec.name = self._model.name
            response.model_spec.version.value = self._model.version
            response.model_spec.signature_name = name
            for key in wanted:
                _fill_tensor(response.outputs[key], answers[key])
            return response

    def GetModelMetadata(self, request, context):
        with self._checked(request, context):
            if list(request.metadata_field) != ["signature_def"]:
                raise _invalid("`metadata_field` must be `signature_def`.")
            return model_metadata(self._model)

    def GetModelStatus(self, request, context):
        with self._checked(request, context):
            return model_status(self._model)

    @contextlib.contextmanager
    def _checked(self, request, context) -> Iterator[None]:
        spec = request.model_spec
        version = spec.version.value if spec.HasField("version") else None
        try:
            self._model.check_asked_for(spec.name, version, spec.version_label)
            yield
        except tf.errors.OpError as error:
            context.abort(_GRPC_STATUS[error.error_code], error.message)


def _invalid(message: str) -> tf.errors.InvalidArgumentError:
    return tf.errors.InvalidArgumentError(None, None, message)


def _to_array(proto) -> np.ndarray:
    try:
        # One value may stand for any number of them.
        if math.prod(d.size for d in proto.tensor_shape.dim) > _MAX_ELEMENTS:
            raise ValueError(f"more than {_MAX_ELEMENTS} elements")
        return tf.make_ndarray(proto)
    except (TypeError, ValueError) as error:
        raise _invalid(f"An input is no tensor: {error}") from error


def _fill_tensor(proto, array: np.ndarray) -> None:
    """Writes values into the typed field, as the real server does."""
    dtype = tf.as_dtype(array.dtype)
    proto.dtype = dtype.as_datatype_enum
    proto.tensor_shape.CopyFrom(tf.TensorShape(array.shape).as_proto())
    getattr(proto, _VALUE_FIELDS[dtype]).extend(array.ravel().tolist())


class RestServer(http.server.ThreadingHTTPServer):
    """One thread per connection."""

    daemon_threads = True  # a silent connection does not delay the stop
    request_queue_size = 128

    def __init__(
        self, address, model: loaded_model.LoadedModel, max_bytes: int
    ):
        super().__init__(address, Handler)
        self.model = model
        self.max_bytes = max_bytes
        self._busy = 0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        with self._changed:
            self._busy += 1
        try:
            yield
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()

    def stop(self) -> None:
        """Takes no more connections and waits for answers under way."""
        self.shutdown()
        with self._changed:
            self._changed.wait_for(lambda: not self._busy, _GRACE_SECONDS)
        self.server_close()

    def handle_error(self, request, client_address):
        # A client that goes away is no fault of the server.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    timeout = 30.0  # then a silent connection is closed
    # Unbuffered writes make two packets, and the second one waits 40 ms for
    # the client's delayed acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self):
        self._answer(b"")

    def do_POST(self):
        length = self.headers.get("Content-Length", "")
        limit = self.server.max_bytes
        is_number = re.fullmatch(r"[0-9]{1,18}", length)
        if is_number and int(length) <= limit:
            body = self.rfile.read(int(length))
            if len(body) == int(length):  # else the connection was cut
                self._answer(body)
            return
        self.close_connection = True  # the body stays unread
        message = f"Content-Length must be given and be at most {limit}."
        self._send(413 if is_number else 411, {"error": message})

    def _answer(self, body: bytes) -> None:
        with self.server.working():
            try:
                code, content = 200, self._content(body)
            except tf.errors.OpError as error:
                code = _HTTP_STATUS.get(error.error_code, 500)
                content = {"error": error.message}
            self._send(code, content)

    def _content(self, body: bytes) -> dict:
        path = self.path.partition("?")[0]
        if not path.startswith("/v1/"):
            raise tf.errors.NotFoundError(None, None, "Not Found")
        match = _PATH.fullmatch(path)
        verb = match and match["verb"]
        if not match or (self.command == "POST") != (verb == ":predict"):
            raise _invalid(f"Malformed request: {self.command} {path}")
        model = self.server.model
        version = int(match["version"]) if match["version"] else None
        model.check_asked_for(match["name"], version, match["label"] or "")
        if verb == ":predict":
            return _predict(model, body)
        return _as_dict((model_metadata if verb else model_status)(model))

    def _send(self, code: int, content: dict) -> None:
        body = json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_):
        pass


def _predict(model: loaded_model.LoadedModel, body: bytes) -> dict:
    try:
        name, form, content = json_tensors.parse(body)
        declared = model.signature(name).inputs
        types = {k: tf.as_dtype(info.dtype) for k, info in declared.items()}
        inputs = json_tensors.to_arrays(form, content, types)
    except ValueError as error:
        raise _invalid(str(error)) from error
    return json_tensors.from_arrays(form, model.predict(name, inputs))


def _as_dict(message) -> dict:
    content = json_format.MessageToDict(
        message,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
    )
    content.get("metadata", {}).get("signature_def", {}).pop("@type", None)
    return content


@contextlib.contextmanager
def _port_must_be_free(flag: flags.FlagHolder) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:  # RuntimeError: gRPC
        reason = getattr(error, "strerror", "gRPC cannot bind it")
        raise OSError(
            f"Cannot listen on {_HOST.value}:{flag.value} ({reason}). Stop the "
            f"server that uses the port, or give another `--{flag.name}`; 0 "
            "takes a free one."
        ) from error


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """Serves inside the `with` block; gives the line to print when ready."""
    model = loaded_model.load(_MODEL_NAME.value, _MODEL_BASE_PATH.value)
    host, max_bytes = _HOST.value, _MAX_REQUEST_MB.value << 20
    grpc_server = grpc.server(
        futures.ThreadPoolExecutor(),
        options=[
            # Or a second server would share the port without a word.
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", max_bytes),
            ("grpc.max_send_message_length", -1),
        ],
    )
    with _port_must_be_free(_REST_API_PORT):
        rest_server = RestServer((host, _REST_API_PORT.value), model, max_bytes)
    with _port_must_be_free(_PORT):
        port = grpc_server.add_insecure_port(f"{host}:{_PORT.value}")
    servicer = Servicer(model)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        servicer, grpc_server
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(
        servicer, grpc_server
    )
    grpc_server.start()
    threading.Thread(target=rest_server.serve_forever, daemon=True).start()
    try:
        yield (
            f"serving {model.name} version {model.version}: REST "
            f"http://{host}:{rest_server.server_port} gRPC {host}:{port}"
        )
    finally:
        stopped = grpc_server.stop(_GRACE_SECONDS)
        rest_server.stop()
        stopped.wait()


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments: {' '.join(argv[1:])}.")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with serving() as line:
            print(line, flush=True)
            stop.wait()
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    app.run(main)
