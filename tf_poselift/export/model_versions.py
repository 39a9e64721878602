"""The versions of a model under its base path, as a server offers them.

The highest version is served. `poll` finds a newer one, loads it while the old
one goes on answering, and swaps the two in one assignment: a request that has
taken a version keeps it to its end, and the last one frees it.

A version that does not load leaves the one before in place. It is tried again
a few times and then never more, as the real server does: publish by a rename.
"""

import os
import pathlib
import time

import tensorflow as tf
from absl import logging
from tensorflow_serving.apis import get_model_status_pb2

from tf_poselift.export import loaded_model

_State = get_model_status_pb2.ModelVersionStatus
_RETRIES = 5
_RETRY_SECONDS = 60.0


class ModelVersions:
    """The served version of a model, and what became of the others.

    One thread may poll while others ask.

    Args:
      name: the model's name.
      base_path: folder of its versions; absolute, as the real server wants it.
      retry_seconds: between two attempts to load a version that failed.

    Raises:
      ValueError: no version there, or one that does not load or warm up.
    """

    def __init__(
        self, name: str, base_path: str, retry_seconds: float = _RETRY_SECONDS
    ):
        self._name = name
        self._base_path = _checked(base_path)
        self._retry_seconds = retry_seconds
        self._failures = (0, 0, 0.0)  # version, how often, when last
        found = self._find_folders()
        if not found:
            raise ValueError(
                f"No version in {base_path}. Export one: `python "
                f"serving/export.py --workdir=RUN --model_dir={base_path}`."
            )
        newest = max(found)
        self._model = loaded_model.load(name, newest, found[newest])
        self._statuses = {newest: _status(newest, _State.AVAILABLE)}

    def find(
        self, name: str, version: int | None = None, label: str = ""
    ) -> loaded_model.LoadedModel:
        """Returns the model that a request asks for.

        Args:
          name: the model's name.
          version: its version; None for the latest.
          label: of a version; none is ever set here.

        Raises:
          tf.errors.OpError: another model or version, or a label.
        """
        model = self._model
        _refuse_label(label)
        if name != self._name or version not in (None, model.version):
            which = f"Latest({name})"
            if version is not None:
                which = f"Specific({name}, {version})"
            raise tf.errors.NotFoundError(
                None, None, f"Servable not found for request: {which}"
            )
        return model

    def status(
        self, name: str, version: int | None = None, label: str = ""
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """Returns the states of the versions, the newest first.

        Raises:
          tf.errors.OpError: as of `find`, but a version that is served no more
            has a state too.
        """
        _refuse_label(label)
        statuses = self._statuses
        if name != self._name or version not in (None, *statuses):
            which = "any versions" if version is None else f"version {version}"
            raise tf.errors.NotFoundError(
                None, None, f"Could not find {which} of model {name}"
            )
        wanted = (
            sorted(statuses, reverse=True) if version is None else [version]
        )
        return get_model_status_pb2.GetModelStatusResponse(
            model_version_status=[statuses[number] for number in wanted]
        )

    def poll(self) -> None:
        """Loads and serves the highest version if it is another one by now.

        An empty folder changes nothing.
        """
        found = self._find_folders()
        newest = max(found, default=self._model.version)
        if newest == self._model.version or not self._may_try(newest):
            return
        try:
            model = loaded_model.load(self._name, newest, found[newest])
        except ValueError as error:
            version, count, _ = self._failures
            count = count + 1 if version == newest else 1
            self._failures = (newest, count, time.monotonic())
            logging.error("Version %d is not served: %s", newest, error)
            status = _status(newest, _State.END, error)
            self._statuses = self._statuses | {newest: status}
            return
        old, self._model = self._model.version, model
        logging.info("Serving version %d, no more %d.", newest, old)
        self._statuses = self._statuses | {
            newest: _status(newest, _State.AVAILABLE),
            old: _status(old, _State.END),
        }

    def _may_try(self, version: int) -> bool:
        failed, count, last = self._failures
        if failed != version:
            return True
        waited = time.monotonic() - last
        return count <= _RETRIES and waited >= self._retry_seconds

    def _find_folders(self) -> dict[int, pathlib.Path]:
        try:
            return {
                int(path.name): path  # 0002 is version 2
                for path in self._base_path.iterdir()
                if path.name.isascii() and path.name.isdigit() and path.is_dir()
            }
        except OSError:  # the folder is away, for now or for good
            return {}


def _checked(base_path: str) -> pathlib.Path:
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
    return pathlib.Path(base_path)


def _refuse_label(label: str) -> None:
    if label:
        raise tf.errors.InvalidArgumentError(
            None, None, f"Unrecognized servable version label: {label}"
        )


def _status(
    version: int, state: int, error: ValueError | None = None
) -> get_model_status_pb2.ModelVersionStatus:
    status = _State(version=version, state=state)
    status.status.SetInParent()
    if error:
        cause = error.__cause__
        status.status.error_code = getattr(
            cause, "error_code", tf.errors.INVALID_ARGUMENT
        )
        status.status.error_message = str(error)
    return status
