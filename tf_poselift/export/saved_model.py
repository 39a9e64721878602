"""Writes a trained method as a SavedModel that TensorFlow Serving loads.

`<model_dir>/<version>/` appears by one rename after everything in it has been
checked: a server that polls the folder never sees half of a version, and a
version that it could not run never appears.
"""

import contextlib
import os
import pathlib
import shutil
import uuid
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tf_poselift.export import folding
from tf_poselift.export import gate
from tf_poselift.export import model_card
from tf_poselift.export import signatures
from tf_poselift.export import warmup

# The server's graph is optimised in another way than the method's: how far the
# answers may be apart, by the type that the lifter computes in.
TOLERANCE = {"float32": 1e-4, "float16": 2e-2, "bfloat16": 1e-1}


def export(
    method,
    model_dir: str | os.PathLike,
    *,
    version: int | None = None,
    card: dict[str, Any] | None = None,
) -> pathlib.Path:
    """Exports a method; publishes nothing if a check fails.

    Args:
      method: a `methods.base.PoseLifter` with its trained weights.
      model_dir: folder of the model's versions; its name is what requests call
        the model by.
      version: a number that is not there yet; by default the next one.
      card: entries for the model card beside the method's own
        (`model_card.describe_run`).

    Returns:
      The path of the version's folder.

    Raises:
      ValueError: no folder can be there, the version exists, or a check of
        `gate` failed.
    """
    model_dir = pathlib.Path(model_dir)
    served = signatures.for_method(method)
    with publishing(model_dir, version) as (staging, version):
        variables = write(staging, method)
        warmup.write(staging, served)
        tolerance = TOLERANCE[method.lifter.compute_dtype]
        gate.check_graph(staging, served)
        gate.check_weights(staging, variables)
        checks = {
            "batch_sizes": list(gate.BATCH_SIZES),
            "tolerance": tolerance,
            "largest_difference": gate.check_answers(
                staging, served, tolerance=tolerance
            ),
        }
        model_card.write(
            staging,
            {"model": model_dir.resolve().name, "version": version}
            | model_card.describe_method(method)
            | (card or {})
            | model_card.describe_signatures(served)
            | {"checks": checks},
        )
    return model_dir / str(version)


@contextlib.contextmanager
def publishing(
    model_dir: pathlib.Path, version: int | None, *, prefix: str = ""
) -> Iterator[tuple[pathlib.Path, int]]:
    """Renames a folder to `<model_dir>/<prefix><version>` if all went well.

    Args:
      model_dir: made if it is not there.
      version: a number that is not there yet with this prefix; by default the
        next one.
      prefix: of the folder's name; a server reads past one with any.

    Yields:
      An empty folder to fill, removed if the body raises, and the version.

    Raises:
      ValueError: no folder can be there, or the version exists.
    """
    version = _free_version(model_dir, version, prefix)
    try:
        model_dir.mkdir(parents=True, exist_ok=True)
        # A name that is no number is no version to a server.
        staging = model_dir / f"staging-{uuid.uuid4().hex[:8]}"
        staging.mkdir()
    except OSError as error:
        raise ValueError(
            "`model_dir` must be a folder, or a path where one can be made. "
            f"Received: {model_dir} ({error.strerror})."
        ) from error
    try:
        yield staging, version
        os.rename(staging, model_dir / f"{prefix}{version}")
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def write(folder: pathlib.Path, method) -> list[tf.Variable]:
    """Writes a SavedModel; returns the variables that it uses."""
    with folding.folded(method):
        return _write(folder, signatures.for_method(method))


def _write(
    folder: pathlib.Path, served: Sequence[signatures.Signature]
) -> list[tf.Variable]:
    # Nothing is tracked: what is tracked is stored twice, and what only
    # training uses would be stored too.
    archive = keras.export.ExportArchive()
    endpoints = [
        archive.add_endpoint(s.name, s.endpoint, [s.inputs]) for s in served
    ]
    archive.write_out(str(folder), verbose=False)
    return [v for e in endpoints for v in e.get_concrete_function().variables]


def versions(model_dir: str | os.PathLike, *, prefix: str = "") -> list[int]:
    """Returns the versions that are there, in rising order.

    Without a prefix, those that a server would see.
    """
    model_dir = pathlib.Path(model_dir)
    if not model_dir.is_dir():
        return []
    names = [
        path.name.removeprefix(prefix)
        for path in model_dir.iterdir()
        if path.is_dir() and path.name.startswith(prefix)
    ]
    return sorted(
        int(name) for name in names if name.isascii() and name.isdigit()
    )


def _free_version(
    model_dir: pathlib.Path, version: int | None, prefix: str
) -> int:
    taken = versions(model_dir, prefix=prefix)
    if version is None:
        return max(taken, default=0) + 1
    if version < 1 or version in taken:
        raise ValueError(
            f"`version` must be a positive number that is not in {model_dir} "
            f"yet. Received: {version}; there: {taken}. Leave it out to get "
            "the next one."
        )
    return version
