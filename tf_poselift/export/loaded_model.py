"""A version of a model as a server holds it: checks a request, then runs it.

What is wrong with a request is raised as a `tf.errors.OpError`, whose codes are
gRPC's and whose wording is the real server's where a client may look for it.
"""

import dataclasses
import pathlib

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import get_model_metadata_pb2

from tf_poselift.export import c_loader
from tf_poselift.export import warmup


@dataclasses.dataclass(frozen=True)
class LoadedModel:
    """One loaded version of a model. Threads may share it."""

    name: str
    version: int
    session: c_loader.Session

    def signature(self, name: str):
        """Returns the `SignatureDef` of that name.

        Raises:
          tf.errors.FailedPreconditionError: there is none.
        """
        definition = self.session.signatures.get(name)
        # What restores the variables is listed too, but has no method.
        if definition is None or not definition.method_name:
            message = f'Serving signature name: "{name}" not found'
            raise tf.errors.FailedPreconditionError(
                None, None, f"{message} in signature def"
            )
        return definition

    def metadata(self) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """Returns the model's signatures as the API gives them."""
        signatures = get_model_metadata_pb2.SignatureDefMap()
        for name, definition in self.session.signatures.items():
            signatures.signature_def[name].CopyFrom(definition)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = self.name
        response.model_spec.version.value = self.version
        response.metadata["signature_def"].Pack(signatures)
        return response

    def predict(
        self, signature: str, inputs: dict[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Returns the outputs of a signature by name.

        Raises:
          tf.errors.OpError: an input is missing, unknown, of another type or
            shape, or without a row; or the inputs' rows differ in number.
        """
        declared = self.signature(signature).inputs
        if set(inputs) != set(declared):
            wanted = f"be {sorted(declared)}"
            raise _wrong("The inputs", wanted, sorted(inputs))
        for name, value in sorted(inputs.items()):
            dtype = tf.as_dtype(declared[name].dtype)
            if value.dtype != dtype.as_numpy_dtype:
                wanted = f"be of type {dtype.name}"
                raise _wrong(f"`{name}`", wanted, value.dtype)
            # A batching server hangs on an empty batch.
            if value.shape[:1] == (0,):
                wanted = "have at least one row"
                raise _wrong(f"`{name}`", wanted, list(value.shape))
            # The graph refuses this and the next too, in TensorFlow's words.
            shape = tf.TensorShape(declared[name].tensor_shape)
            if not shape.is_compatible_with(value.shape):
                sizes = [-1 if size is None else size for size in shape]
                wanted = f"have shape {sizes}"
                raise _wrong(f"`{name}`", wanted, list(value.shape))
        rows = {name: len(value) for name, value in inputs.items()}
        if len(set(rows.values())) > 1:
            raise _wrong("The inputs", "have one number of rows", rows)
        return self.session.run(signature, inputs)


def load(name: str, version: int, path: pathlib.Path) -> LoadedModel:
    """Loads a version from its folder and replays its warm-up requests.

    Raises:
      ValueError: it does not load or warm up.
    """
    try:
        model = LoadedModel(name, version, c_loader.Session(path))
        for signature, inputs in warmup.read(path):
            model.predict(signature, inputs)
    except tf.errors.OpError as error:
        raise ValueError(
            f"{path} must be a SavedModel that answers its warm-up requests. "
            f"Received: {error.message}"
        ) from error
    return model


def _wrong(what: str, wanted, received) -> tf.errors.InvalidArgumentError:
    message = f"{what} must {wanted}. Received: {received}."
    return tf.errors.InvalidArgumentError(None, None, message)
