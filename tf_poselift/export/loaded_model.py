"""A version of a model as a server holds it: checks a request, then runs it.

What is wrong with a request is raised as a `tf.errors.OpError`, whose codes are
gRPC's and whose wording is the real server's where a client may look for it.
"""

import dataclasses
import os
import pathlib

import numpy as np
import tensorflow as tf

from tf_poselift.export import c_loader
from tf_poselift.export import saved_model
from tf_poselift.export import warmup


@dataclasses.dataclass(frozen=True)
class LoadedModel:
    """One loaded version of a model. Threads may share it."""

    name: str
    version: int
    session: c_loader.Session

    def check_asked_for(
        self, name: str, version: int | None = None, label: str = ""
    ) -> None:
        """Checks that a request is for this model.

        Args:
          name: the model's name.
          version: its version; None for the latest.
          label: of a version; none is ever set here.

        Raises:
          tf.errors.OpError: another model or version, or a label.
        """
        if label:
            raise tf.errors.InvalidArgumentError(
                None, None, f"Unrecognized servable version label: {label}"
            )
        if name != self.name or version not in (None, self.version):
            which = f"Latest({name})"
            if version is not None:
                which = f"Specific({name}, {version})"
            raise tf.errors.NotFoundError(
                None, None, f"Servable not found for request: {which}"
            )

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


def load(name: str, base_path: str) -> LoadedModel:
    """Loads the highest version and replays its warm-up requests.

    Args:
      name: the model's name.
      base_path: folder of its versions; absolute, as the real server wants it.

    Raises:
      ValueError: no version there, or one that does not load or warm up.
    """
    if not os.path.isabs(base_path):
        raise ValueError(
            f"`model_base_path` must be absolute. Received: {base_path}. Give "
            f"$PWD/{base_path}."
        )
    if os.path.exists(os.path.join(base_path, "saved_model.pb")):
        raise ValueError(
            "`model_base_path` must be the folder of the model's versions. "
            f"Received: {base_path}, which is a version. Give the folder "
            f"above: {pathlib.Path(base_path).parent}."
        )
    versions = saved_model.versions(base_path)
    if not versions:
        raise ValueError(
            f"No version in {base_path}. Export one: `python serving/export.py "
            f"--workdir=RUN --model_dir={base_path}`."
        )
    path = pathlib.Path(base_path) / str(versions[-1])
    try:
        model = LoadedModel(name, versions[-1], c_loader.Session(path))
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
