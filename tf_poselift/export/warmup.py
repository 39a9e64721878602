"""Warm-up requests: what a server runs before it calls a version available.

A TFRecord file of `PredictionLog` messages inside the version folder. A server
in which one of them fails refuses the whole version, so they are also the
cheapest guard of a deployment.
"""

import pathlib
from collections.abc import Iterable
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from google.protobuf import message
from tensorflow_serving.apis import prediction_log_pb2

from tf_poselift.export import signatures

FILE = "assets.extra/tf_serving_warmup_requests"
BATCH_SIZES = (1, 8, 64)

_DAMAGE = (
    tf.errors.DataLossError,
    message.DecodeError,
    KeyError,  # this and the rest: a tensor that is none
    OverflowError,
    TypeError,
    ValueError,
)


def write(
    version_dir: pathlib.Path,
    served: Iterable[signatures.Signature],
    batch_sizes: Sequence[int] = BATCH_SIZES,
) -> None:
    """Writes one request per signature and batch size (1000 at most)."""
    path = version_dir / FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature in served:
            for batch in batch_sizes:
                log = prediction_log_pb2.PredictionLog()
                request = log.predict_log.request
                request.model_spec.signature_name = signature.name
                for name, value in signature.examples(batch).items():
                    request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
                writer.write(log.SerializeToString())


def read(version_dir: pathlib.Path) -> list[tuple[str, dict[str, np.ndarray]]]:
    """Returns (signature name, inputs) of every request; none without a file.

    Raises:
      ValueError: the file is damaged.
    """
    path = version_dir / FILE
    if not path.is_file():
        return []
    requests = []
    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            log = prediction_log_pb2.PredictionLog.FromString(record)
            request = log.predict_log.request
            inputs = {k: tf.make_ndarray(v) for k, v in request.inputs.items()}
            requests.append((request.model_spec.signature_name, inputs))
    except _DAMAGE as error:
        raise ValueError(
            f"`{path}` must be a TFRecord file of warm-up requests. Received: "
            f"{getattr(error, 'message', error)}. Export the model again."
        ) from error
    return requests
