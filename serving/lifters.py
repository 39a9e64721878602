"""The model that `predict.py` lifts with: a SavedModel here, or on a server."""

import json
import pathlib
import re
import urllib.parse

import client
import numpy as np

from tf_poselift import quiet_start
from tf_poselift import skeletons
from tf_poselift.keypoint_files import lifting

_CARD = "model_card.json"
_REST_PATH = re.compile(r"(.*?)/v1/models/([^/:]+)(?:/versions/(\d+))?/?")
_GRPC_PATH = re.compile(r"/([^/:]+)(?:/versions/(\d+))?/?")


def is_url(model: str) -> bool:
    """Whether it names a model on a server."""
    return urllib.parse.urlsplit(model).scheme in ("http", "https", "grpc")


def skeleton_of(version_dir: pathlib.Path) -> skeletons.Skeleton:
    """Returns the skeleton that a SavedModel's card tells.

    Raises:
      ValueError: no card, or one without a skeleton.
    """
    path = version_dir / _CARD
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["skeleton"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} must name the model's `skeleton`. Received: {error!r}. "
            "Export the model with `python serving/export.py`."
        ) from error
    return skeletons.from_dict(entries, where=str(path))


def lifts_missing(version_dir: pathlib.Path) -> bool:
    """Whether a SavedModel's card says that unseen joints are lifted, too."""
    card = json.loads((version_dir / _CARD).read_text(encoding="utf-8"))
    return card.get("lifts_missing_joints") is True


def version_dir(model: str) -> pathlib.Path:
    """Returns the folder of a SavedModel: given, or the highest version in it.

    Raises:
      ValueError: there is none.
    """
    folder = pathlib.Path(model)
    if (folder / "saved_model.pb").is_file():
        return folder
    versions = [
        path
        for path in (folder.iterdir() if folder.is_dir() else ())
        if path.name.isdecimal() and (path / "saved_model.pb").is_file()
    ]
    if not versions:
        raise ValueError(
            "`model` must be a folder with a SavedModel or its versions, or "
            "http://HOST:PORT/v1/models/NAME, or grpc://HOST:PORT/NAME. "
            f"Received: {model}. Export one: `python serving/export.py`."
        )
    return max(versions, key=lambda path: int(path.name))


def saved_model(folder: pathlib.Path) -> lifting.Lift:
    """Loads a SavedModel with TensorFlow.

    Raises:
      ValueError: it cannot be loaded.
    """
    quiet_start.import_tensorflow()
    import tensorflow as tf  # a server's clients need none

    try:
        loaded = tf.saved_model.load(str(folder))
        function = loaded.signatures["serving_default"]
    except (OSError, KeyError, ValueError, tf.errors.OpError) as error:
        raise ValueError(
            f"{folder} must be a SavedModel with the signature "
            f"`serving_default`. Received: {error}"
        ) from error

    def lift(keypoints_2d: np.ndarray, scores: np.ndarray):
        answers = function(
            keypoints_2d=tf.constant(keypoints_2d), scores=tf.constant(scores)
        )
        return {name: answer.numpy() for name, answer in answers.items()}

    lift.loaded = loaded  # the function holds its variables weakly
    return lift


def on_server(url: str) -> lifting.Lift:
    """Lifts with a model on a server; nothing is sent yet.

    Raises:
      ValueError: not the address of a model.
    """
    parts = urllib.parse.urlsplit(url)
    form = _GRPC_PATH if parts.scheme == "grpc" else _REST_PATH
    found = form.fullmatch(parts.path)
    if not found or not parts.netloc:
        raise ValueError(
            "`model` must be http://HOST:PORT/v1/models/NAME or "
            f"grpc://HOST:PORT/NAME. Received: {url}."
        )
    *before, name, version = found.groups()
    address = (
        {"grpc": parts.netloc}
        if parts.scheme == "grpc"
        else {"rest": f"{parts.scheme}://{parts.netloc}{before[0]}"}
    )
    return client.Client(
        name, version=int(version) if version else None, **address
    ).lift
