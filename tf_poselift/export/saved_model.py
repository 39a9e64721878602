"""Writes a trained method as a SavedModel that TensorFlow Serving loads.

`<model_dir>/<version>/` appears by one rename after everything in it has been
checked: a server that polls the folder never sees half of a version, and a
version that it could not run never appears.
"""

import os
import pathlib
import shutil
import uuid
from typing import Any

import keras

from tf_poselift.export import gate
from tf_poselift.export import model_card
from tf_poselift.export import signatures
from tf_poselift.export import warmup

# The server's graph is optimised in another way than the method's: how far the
# answers may be apart, by the type that the lifter computes in.
_TOLERANCE = {"float32": 1e-4, "float16": 2e-2, "bfloat16": 1e-1}


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
    version = _free_version(model_dir, version)
    try:
        model_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            "`model_dir` must be a folder, or a path where one can be made. "
            f"Received: {model_dir} ({error.strerror})."
        ) from error
    # A name that is no number is no version to a server.
    staging = model_dir / f"staging-{uuid.uuid4().hex[:8]}"
    try:
        checks = _write(method, staging)
        model_card.write(
            staging,
            {"model": model_dir.resolve().name, "version": version}
            | model_card.describe_method(method)
            | (card or {})
            | model_card.describe_signatures(signatures.for_method(method))
            | {"checks": checks},
        )
        os.rename(staging, model_dir / str(version))
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return model_dir / str(version)


def _write(method, staging: pathlib.Path) -> dict[str, Any]:
    """Writes a SavedModel with warm-up requests; returns what was checked."""
    served = signatures.for_method(method)
    # Nothing is tracked: what is tracked is stored twice, and what only
    # training uses would be stored too.
    archive = keras.export.ExportArchive()
    endpoints = [
        archive.add_endpoint(s.name, s.endpoint, [s.inputs]) for s in served
    ]
    archive.write_out(str(staging), verbose=False)
    warmup.write(staging, served)

    variables = [
        v for e in endpoints for v in e.get_concrete_function().variables
    ]
    tolerance = _TOLERANCE[method.lifter.compute_dtype]
    gate.check_graph(staging, served)
    gate.check_weights(staging, variables)
    return {
        "batch_sizes": list(gate.BATCH_SIZES),
        "tolerance": tolerance,
        "largest_difference": gate.check_answers(
            staging, served, tolerance=tolerance
        ),
    }


def versions(model_dir: str | os.PathLike) -> list[int]:
    """Returns the versions that a server would see, in rising order."""
    model_dir = pathlib.Path(model_dir)
    if not model_dir.is_dir():
        return []
    return sorted(
        int(path.name)
        for path in model_dir.iterdir()
        if path.is_dir() and path.name.isascii() and path.name.isdigit()
    )


def _free_version(model_dir: pathlib.Path, version: int | None) -> int:
    taken = versions(model_dir)
    if version is None:
        return max(taken, default=0) + 1
    if version < 1 or version in taken:
        raise ValueError(
            f"`version` must be a positive number that is not in {model_dir} "
            f"yet. Received: {version}; there: {taken}. Leave it out to get "
            "the next one."
        )
    return version
