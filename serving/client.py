"""Lifts keypoints with a served model; for use in other applications.

    client = Client("lifter", rest="http://127.0.0.1:8501")
    poses = client.lift(keypoints_2d, scores)   # [N, J, 2] pixels, [N, J]
    poses["joints_3d"]                          # [N, J, 3]

    python serving/client.py --rest=http://127.0.0.1:8501 --model=lifter \
        --keypoints=FILE.npz --out=poses.npz

Speaks REST with the standard library and NumPy alone, gRPC with the package
`grpcio` besides; needs neither TensorFlow nor anything else of this project, so
that this one file can be copied. `lift` returns what `serving_default`, or
another signature that takes keypoints and scores, gives:

    joints_3d  [N, J, 3]  root-relative, camera axes (x right, y down,
                          z forward), in units in which the mean distance of
                          the visible joints from the root is 1
    scale      [N]        mm per unit; 0 if the model does not know it
    valid      [N]        false: the row could not be lifted and is zeros

and `uncertainty` [N, J], in units of joints_3d, if the model offers it.
"""

import argparse
import contextlib
import http.client
import json
import os
import socket
import sys
import threading
import urllib.parse
import zipfile
from collections.abc import Iterator

import numpy as np

Arrays = dict[str, np.ndarray]
_OUTPUTS = {"joints_3d": np.float32, "scale": np.float32, "valid": bool}
_OFFERED = {"uncertainty": np.float32}  # by some models


class ServerError(RuntimeError):
    """The server refused a request, or did not answer."""


class Client:
    """A model on a server that speaks the TensorFlow Serving API.

    Args:
      model: the model's name.
      rest: the server's REST address, e.g. "http://127.0.0.1:8501"; or
      grpc: its gRPC address, e.g. "127.0.0.1:8500".
      version: of the model; the server's latest by default.
      signature: "serving_default", "normalized" or "from_coco_17" and its
        like; the model card says which there are and what they take.
      timeout: seconds that one request may take, to the answer's last byte.
      max_batch: rows of one request; longer inputs are sent in several.
    """

    def __init__(
        self,
        model: str,
        *,
        rest: str | None = None,
        grpc: str | None = None,
        version: int | None = None,
        signature: str = "serving_default",
        timeout: float = 30.0,
        max_batch: int = 1024,
    ):
        if (rest is None) == (grpc is None):
            raise ValueError(
                "One of `rest` and `grpc` must be given. Received: "
                f"rest={rest}, grpc={grpc}."
            )
        if max_batch < 1:
            raise ValueError(
                f"`max_batch` must be at least 1. Received: {max_batch}."
            )
        if not timeout > 0.0:
            raise ValueError(f"`timeout` must be above 0. Received: {timeout}.")
        self._max_batch = max_batch
        self._signature = signature
        self._transport = (
            _Rest(rest, model, version, timeout)
            if rest is not None
            else _Grpc(grpc, model, version, timeout)
        )

    def lift(self, keypoints_2d: np.ndarray, scores: np.ndarray) -> Arrays:
        """Returns what the model answers for N poses, see above.

        Args:
          keypoints_2d: [N, J, 2] pixels, origin top left; J joints in the order
            of the signature's skeleton: the model's, unless its name says so.
          scores: [N, J]; 0 = missing.

        Raises:
          ValueError: wrong shapes, or N is 0 (a batching server hangs on that).
          ServerError: the server refuses the request, or there is none.
        """
        keypoints_2d = np.asarray(keypoints_2d, np.float32)
        scores = np.asarray(scores, np.float32)
        if keypoints_2d.ndim != 3 or keypoints_2d.shape[-1] != 2:
            raise ValueError(
                "`keypoints_2d` must have shape [N, J, 2]. Received: "
                f"{keypoints_2d.shape}."
            )
        if scores.shape != keypoints_2d.shape[:2]:
            raise ValueError(
                f"`scores` must have shape {keypoints_2d.shape[:2]}. Received: "
                f"{scores.shape}."
            )
        if not len(scores):
            raise ValueError(
                "`keypoints_2d` must have at least one row. Received: "
                f"{keypoints_2d.shape}."
            )
        starts = range(0, len(scores), self._max_batch)
        parts = [
            self._lift_part(
                keypoints_2d[start : start + self._max_batch],
                scores[start : start + self._max_batch],
            )
            for start in starts
        ]
        # The server may go to a version without one on the way.
        names = [k for k in parts[0] if all(k in part for part in parts)]
        return {k: np.concatenate([p[k] for p in parts]) for k in names}

    def _lift_part(self, keypoints_2d: np.ndarray, scores: np.ndarray):
        poses = self._transport.predict(
            self._signature, {"keypoints_2d": keypoints_2d, "scores": scores}
        )
        shapes = {name: value.shape for name, value in poses.items()}
        rows = len(scores)
        joints = shapes.get("joints_3d", ())[1:2]
        wanted = {
            "joints_3d": (rows, *joints, 3),
            "scale": (rows,),
            "valid": (rows,),
        }
        wanted |= {k: (rows, *joints) for k in _OFFERED if k in poses}
        if not joints or wanted.items() - shapes.items():
            raise ServerError(
                f"The answer must have `joints_3d` [{rows}, J, 3], `scale` "
                f"[{rows}] and `valid` [{rows}]. Received: {shapes}. Is it a "
                "lifter, and the signature one of keypoints and scores?"
            )
        return {name: poses[name] for name in wanted}


class _Rest:
    def __init__(
        self, url: str, model: str, version: int | None, timeout: float
    ):
        self._url = urllib.parse.urlsplit(url)
        if self._url.scheme not in ("http", "https") or not self._url.hostname:
            raise ValueError(
                f"`rest` must be like http://127.0.0.1:8501. Received: {url}."
            )
        self._port = self._url.port  # raises ValueError if it is none
        self._timeout = timeout
        name = urllib.parse.quote(model, safe="")
        path = f"{self._url.path.rstrip('/')}/v1/models/{name}"
        self._path = path + ("" if version is None else f"/versions/{version}")

    def predict(self, signature: str, inputs: Arrays) -> Arrays:
        lists = {name: value.tolist() for name, value in inputs.items()}
        request = {"signature_name": signature, "inputs": lists}
        status, content = self._exchange(json.dumps(request).encode())
        try:
            answer = json.loads(content)
            if status == 200:
                given = answer["outputs"]
                types = _OUTPUTS.items()
                poses = {k: np.array(given[k], t) for k, t in types}
                offered = [(k, t) for k, t in _OFFERED.items() if k in given]
                return poses | {k: np.array(given[k], t) for k, t in offered}
            reason = answer["error"]
        except (
            *(ValueError, KeyError, TypeError),
            *(OverflowError, RecursionError),
        ):
            reason = f"not an answer of the API: {content[:200]!r}"
        raise ServerError(f"HTTP {status}: {reason}")

    def _exchange(self, body: bytes) -> tuple[int, bytes]:
        make = {
            "http": http.client.HTTPConnection,
            "https": http.client.HTTPSConnection,
        }[self._url.scheme]
        connection = make(self._url.hostname, self._port, timeout=self._timeout)
        headers = {"Content-Type": "application/json"}
        late = threading.Event()
        # The connection's own time-out begins anew with every byte.
        watch = threading.Timer(self._timeout, _cut, [connection, late])
        watch.daemon = True
        try:
            connection.connect()
            watch.start()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                # A server that refuses the body may answer before it has it.
                connection.request(
                    "POST", f"{self._path}:predict", body, headers
                )
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            reason = repr(error)
            if late.is_set() or isinstance(error, TimeoutError):
                reason = f"not within {self._timeout} s"
            raise ServerError(
                f"No answer from {self._url.geturl()}: {reason}. Is the "
                "server running, and is this its REST port?"
            ) from error
        finally:
            watch.cancel()
            connection.close()


def _cut(connection: http.client.HTTPConnection, late: threading.Event) -> None:
    late.set()
    with contextlib.suppress(OSError):  # the other side was first
        # Not `sock.shutdown`, which takes the encryption away from a reader.
        socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)


class _Grpc:
    def __init__(
        self, address: str, model: str, version: int | None, timeout: float
    ):
        try:
            import grpc
        except ImportError as error:
            raise ImportError(
                "gRPC needs the package `grpcio`: `pip install grpcio`; REST "
                "needs nothing."
            ) from error
        self._grpc = grpc
        self._address = address
        # Four million bytes, the default, are too few for 64-bit answers of
        # large batches.
        options = [("grpc.max_receive_message_length", -1)]
        self._channel = grpc.insecure_channel(address, options)
        self._call = self._channel.unary_unary(
            "/tensorflow.serving.PredictionService/Predict",
            request_serializer=lambda request: encode(model, version, *request),
        )
        self._timeout = timeout

    def predict(self, signature: str, inputs: Arrays) -> Arrays:
        try:
            answer = self._call((signature, inputs), timeout=self._timeout)
        except self._grpc.RpcError as error:
            reason = f"gRPC {error.code().name}: {error.details()}"
            if error.code().name in ("UNAVAILABLE", "DEADLINE_EXCEEDED"):
                reason = (
                    f"No answer from {self._address}: {reason}. Is the server "
                    "running, and is this its gRPC port?"
                )
            raise ServerError(reason) from error
        try:
            return decode(answer)
        except (
            *(IndexError, KeyError),
            *(OverflowError, TypeError, ValueError),
        ) as error:
            raise ServerError(
                f"Not an answer of the API: {answer[:200]!r}"
            ) from error


# PredictRequest and PredictResponse on the wire: the package with their classes
# would bring TensorFlow along. Numbers of fields from the public .proto files
# of TensorFlow Serving (predict, model) and TensorFlow (tensor, tensor_shape).
_FLOAT, _BOOL = 1, 10  # of enum DataType


def encode(
    model: str, version: int | None, signature: str, inputs: Arrays
) -> bytes:
    """Returns a PredictRequest of float32 arrays."""
    spec = _bytes_field(1, model.encode())
    if version is not None:
        spec += _bytes_field(2, _int_field(1, version))
    spec += _bytes_field(3, signature.encode())
    request = [_bytes_field(1, spec)]
    for name, value in inputs.items():
        sizes = (_bytes_field(2, _int_field(1, n)) for n in value.shape)
        tensor = (
            _int_field(1, _FLOAT)
            + _bytes_field(2, b"".join(sizes))
            + _bytes_field(4, np.ascontiguousarray(value, "<f4").tobytes())
        )
        entry = _bytes_field(1, name.encode()) + _bytes_field(2, tensor)
        request.append(_bytes_field(2, entry))
    return b"".join(request)


def decode(response: bytes) -> Arrays:
    """Returns the float32 and bool outputs of a PredictResponse."""
    arrays = {}
    for number, entry in _fields(memoryview(response)):
        if number == 1:
            pair = dict(_fields(entry))
            arrays[bytes(pair[1]).decode()] = _decode_tensor(pair[2])
    return arrays


def _decode_tensor(message: memoryview) -> np.ndarray:
    kind, shape, values = 0, [], [b""]
    for number, value in _fields(message):
        if number == 1:
            kind = value
        elif number == 2:
            sizes = (dict(_fields(dim)) for n, dim in _fields(value) if n == 2)
            shape = [size.get(1, 0) for size in sizes]
        # tensor_content, float_val, bool_val: all values of an array are in
        # one of them; a bool is a varint of one byte.
        elif number in (4, 5, 11):
            values.append(value)
    if kind not in (_FLOAT, _BOOL):
        raise ServerError(
            f"The answer must be float or bool. Received: {kind}."
        )
    dtype = "<f4" if kind == _FLOAT else bool
    return np.frombuffer(b"".join(values), dtype).reshape(shape)


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yields the number and the value of every field of a message."""
    position = 0
    while position < len(message):
        tag, position = _read_varint(message, position)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == 0:
            value, position = _read_varint(message, position)
        else:
            size = {1: 8, 5: 4}.get(wire_type)
            if size is None:
                size, position = _read_varint(message, position)
            value = message[position : position + size]
            position += size
        yield number, value


def _read_varint(message: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        value |= (byte & 127) << shift
        position, shift = position + 1, shift + 7
        if byte < 128:
            return value, position


def _varint(value: int) -> bytes:
    groups = []
    while value > 127:
        groups.append(value & 127 | 128)
        value >>= 7
    return bytes([*groups, value])


def _int_field(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _bytes_field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def read_keypoints(path: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns keypoints_2d [N, J, 2] and scores [N, J] of a file.

    Args:
      path: an .npz with `keypoints_2d` and `scores`, or an .npy with [N, J, 3]
        (x, y, score) or [N, J, 2] (every joint seen).

    Raises:
      ValueError: the file is not there or holds something else.
    """
    try:
        content = np.load(path, allow_pickle=False)
    except OSError as error:
        raise ValueError(
            f"{path} must be a file that can be read: {error.strerror}."
        ) from error
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} must be .npy or .npz: {error}") from error
    if isinstance(content, np.lib.npyio.NpzFile):
        missing = {"keypoints_2d", "scores"} - set(content.files)
        if missing:
            raise ValueError(
                f"{path} must hold `keypoints_2d` and `scores`. Received: "
                f"{content.files}."
            )
        return content["keypoints_2d"], content["scores"]
    if content.ndim != 3 or content.shape[-1] not in (2, 3):
        raise ValueError(
            f"{path} must have shape [N, J, 2] or [N, J, 3]. Received: "
            f"{content.shape}."
        )
    if content.shape[-1] == 3:
        return content[..., :2], content[..., 2]
    return content, np.ones(content.shape[:2], np.float32)


def _check_out(path: str | None) -> None:
    """Raises ValueError if no file can be written there."""
    folder = os.path.dirname(path or "") or "."
    if path and (os.path.isdir(path) or not os.access(folder, os.W_OK)):
        raise ValueError(
            "`--out` must be a file in a folder that is there and can be "
            f"written to. Received: {path}."
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Lifts a file of keypoints.")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--rest", help="e.g. http://127.0.0.1:8501")
    where.add_argument("--grpc", help="e.g. 127.0.0.1:8500")
    parser.add_argument("--model", required=True, help="the model's name")
    parser.add_argument("--keypoints", required=True, help=".npz or .npy file")
    parser.add_argument(
        "--signature", default="serving_default", help="e.g. from_coco_17"
    )
    parser.add_argument(
        "--version", type=int, help="of the model; default: the latest"
    )
    parser.add_argument(
        "--timeout", type=float, default=30.0, help="seconds of one request"
    )
    parser.add_argument(
        "--max_batch", type=int, default=1024, help="rows of one request"
    )
    parser.add_argument("--out", help=".npz file to write")
    given = parser.parse_args()
    try:
        _check_out(given.out)
        client = Client(
            given.model,
            rest=given.rest,
            grpc=given.grpc,
            version=given.version,
            signature=given.signature,
            timeout=given.timeout,
            max_batch=given.max_batch,
        )
        poses = client.lift(*read_keypoints(given.keypoints))
        if given.out:
            with open(f"{given.out}.part", "wb") as file:
                np.savez(file, **poses)
            os.replace(file.name, given.out)
    except (ValueError, OSError, ServerError, ImportError) as error:
        sys.exit(f"error: {error}")
    valid = poses["valid"]
    print(f"{valid.sum()} of {len(valid)} poses lifted")
    if valid.any():
        first = int(np.argmax(valid))
        print(f"joints_3d of row {first}:\n{poses['joints_3d'][first]}")
    if given.out:
        print(f"written to {given.out}")


if __name__ == "__main__":
    main()
