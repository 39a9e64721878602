"""A development stand-in for the TensorFlow Serving API.

    python serving/server.py --model_name=lifter --model_base_path=/ABS/lifter

Predict, model metadata and model status over REST (rest_server.py) and gRPC,
with the flags, paths, status codes and bodies of the real server's public API;
for trying out an export and for tests where no container runs. A new version
takes over without a failed request. It has no batching, no TLS, no
authentication, no labels, no classify or regress, and its speed says nothing
about the real server's. One difference on purpose: an empty batch is refused,
because the real server hangs on one when batching is on.
"""

import contextlib
import math
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent import futures

from tf_poselift import quiet_start

quiet_start.import_tensorflow()

import grpc
import numpy as np
import rest_server
import tensorflow as tf
from absl import app
from absl import flags
from tensorflow_serving.apis import model_service_pb2_grpc
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc

from tf_poselift.export import loaded_model
from tf_poselift.export import model_versions

_PORT = flags.DEFINE_integer(
    "port", 8500, "gRPC port; 0 takes a free one.", 0, 65535
)
_REST_API_PORT = flags.DEFINE_integer(
    "rest_api_port", 8501, "REST port; 0 takes a free one.", 0, 65535
)
_REST_API_TIMEOUT = flags.DEFINE_integer(
    "rest_api_timeout_in_ms", 30000, "In which a request must arrive.", 1
)
_MODEL_NAME = flags.DEFINE_string("model_name", "default", "Name in requests.")
_MODEL_BASE_PATH = flags.DEFINE_string(
    "model_base_path", None, "Absolute path of the versions.", required=True
)
_POLL_SECONDS = flags.DEFINE_float(
    "file_system_poll_wait_seconds", 1.0, "Between looks for versions.", 0.01
)
# The real server has neither of these; it listens on every interface.
_HOST = flags.DEFINE_string("host", "127.0.0.1", "Address to listen on.")
_MAX_REQUEST_MB = flags.DEFINE_integer(
    "max_request_mb", 16, "Largest request.", 1, 1024
)

_GRACE_SECONDS = 10.0  # for what is being answered when the server stops
_WAKE_SECONDS = 0.5  # between looks for a signal
_MAX_ELEMENTS = 1 << 24  # of one input
_MAX_CALLS = 128  # of gRPC, waiting or answered

_GRPC_STATUS = {code.value[0]: code for code in grpc.StatusCode}
# Field of a TensorProto that carries the values of a type.
_VALUE_FIELDS = {
    tf.float32: "float_val",
    tf.float64: "double_val",
    tf.int32: "int_val",
    tf.int64: "int64_val",
    tf.bool: "bool_val",
}


class Servicer(
    prediction_service_pb2_grpc.PredictionServiceServicer,
    model_service_pb2_grpc.ModelServiceServicer,
):
    """Predict, GetModelMetadata and GetModelStatus."""

    def __init__(self, versions: model_versions.ModelVersions):
        self._versions = versions

    def Predict(self, request, context):
        with _refusals_go_to(context):
            model = self._versions.find(*_asked_for(request))
            return _predict(model, request)

    def GetModelMetadata(self, request, context):
        with _refusals_go_to(context):
            model = self._versions.find(*_asked_for(request))
            if list(request.metadata_field) != ["signature_def"]:
                raise _invalid("`metadata_field` must be `signature_def`.")
            return model.metadata()

    def GetModelStatus(self, request, context):
        with _refusals_go_to(context):
            return self._versions.status(*_asked_for(request))


@contextlib.contextmanager
def _refusals_go_to(context) -> Iterator[None]:
    try:
        yield
    except tf.errors.OpError as error:
        context.abort(_GRPC_STATUS[error.error_code], error.message)


def _asked_for(request) -> tuple[str, int | None, str]:
    spec = request.model_spec
    version = spec.version.value if spec.HasField("version") else None
    return spec.name, version, spec.version_label


def _predict(
    model: loaded_model.LoadedModel, request
) -> predict_pb2.PredictResponse:
    name = request.model_spec.signature_name or "serving_default"
    outputs = set(model.signature(name).outputs)
    wanted = set(request.output_filter) or outputs
    if not wanted <= outputs:
        raise _invalid(f"No such output: {sorted(wanted - outputs)}")
    inputs = {k: _to_array(v) for k, v in request.inputs.items()}
    answers = model.predict(name, inputs)
    response = predict_pb2.PredictResponse()
    response.model_spec.name = model.name
    response.model_spec.version.value = model.version
    response.model_spec.signature_name = name
    for key in wanted:
        _fill_tensor(response.outputs[key], answers[key])
    return response


def _invalid(message: str) -> tf.errors.InvalidArgumentError:
    return tf.errors.InvalidArgumentError(None, None, message)


def _to_array(proto) -> np.ndarray:
    sizes = [dim.size for dim in proto.tensor_shape.dim]
    try:
        # A reshape would replace a negative size by what is left over.
        if proto.tensor_shape.unknown_rank or min(sizes, default=0) < 0:
            raise ValueError("its shape is not known")
        # One value may stand for any number of them.
        if math.prod(sizes) > _MAX_ELEMENTS:
            raise ValueError(f"more than {_MAX_ELEMENTS} elements")
        return tf.make_ndarray(proto)
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        raise _invalid(f"An input is no tensor: {error}") from error


def _fill_tensor(proto, array: np.ndarray) -> None:
    """Writes values into the typed field, as the real server does."""
    dtype = tf.as_dtype(array.dtype)
    proto.dtype = dtype.as_datatype_enum
    proto.tensor_shape.CopyFrom(tf.TensorShape(array.shape).as_proto())
    getattr(proto, _VALUE_FIELDS[dtype]).extend(array.ravel().tolist())


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


def _start_grpc(
    versions: model_versions.ModelVersions, max_bytes: int
) -> tuple[grpc.Server, int]:
    """Returns a server that answers, and its port."""
    server = grpc.server(
        futures.ThreadPoolExecutor(),
        options=[
            # Or a second server would share the port without a word.
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", max_bytes),
            ("grpc.max_send_message_length", -1),
        ],
        maximum_concurrent_rpcs=_MAX_CALLS,
    )
    with _port_must_be_free(_PORT):
        port = server.add_insecure_port(f"{_HOST.value}:{_PORT.value}")
    servicer = Servicer(versions)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        servicer, server
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(servicer, server)
    server.start()
    return server, port


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """Serves inside the `with` block; gives the line to print when ready."""
    name, base_path = _MODEL_NAME.value, _MODEL_BASE_PATH.value
    versions = model_versions.ModelVersions(name, base_path)
    version = versions.find(name).version
    max_bytes = _MAX_REQUEST_MB.value << 20
    with _port_must_be_free(_REST_API_PORT):
        rest = rest_server.RestServer(
            (_HOST.value, _REST_API_PORT.value),
            versions,
            max_bytes=max_bytes,
            seconds=_REST_API_TIMEOUT.value / 1000.0,
        )
    grpc_server, port = _start_grpc(versions, max_bytes)
    stopping = threading.Event()

    def poll() -> None:
        while not stopping.wait(_POLL_SECONDS.value):
            versions.poll()

    threading.Thread(target=rest.serve_forever, daemon=True).start()
    poller = threading.Thread(target=poll, daemon=True)
    poller.start()
    try:
        yield (
            f"serving {name} version {version}: REST "
            f"http://{_HOST.value}:{rest.server_port} gRPC {_HOST.value}:{port}"
        )
    finally:
        stopping.set()
        stopped = grpc_server.stop(_GRACE_SECONDS)
        rest.stop(_GRACE_SECONDS)
        stopped.wait()
        poller.join(_GRACE_SECONDS)  # it may be loading a version


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments: {' '.join(argv[1:])}.")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with serving() as line:
            print(line, flush=True)
            # Not without end: where another thread takes the signal, nothing
            # wakes this one, in which Python runs the handler.
            while not stop.wait(_WAKE_SECONDS):
                pass
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    app.run(main)
