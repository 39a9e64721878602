"""Writes a trained method as files that run without TensorFlow.

`<model_dir>/litert-<n>/` or `<model_dir>/onnx-<n>/` appears by one rename after
every file in it was run by its own runtime and compared with the method. A
server that polls `model_dir` reads past it.

| format | files | holds |
| --- | --- | --- |
| `litert` | `model.tflite` | all signatures of numbers, float32 weights |
| | `model_int8.tflite` | the same with 8-bit weights, a quarter of it |
| `onnx` | `serving_default.onnx` | that signature, float32 |
| | `serving_default_int8.onnx` | with 8-bit weights, a quarter of it |
| | `calibrated.onnx`, `..._int8.onnx` | if the method makes use of the camera |
"""

import importlib
import os
import pathlib
import shutil
from typing import Any

from tf_poselift.export import folding
from tf_poselift.export import gate
from tf_poselift.export import litert
from tf_poselift.export import model_card
from tf_poselift.export import onnx_file
from tf_poselift.export import saved_model
from tf_poselift.export import signatures

FORMATS = {"litert": litert, "onnx": onnx_file}
# Some kernels refuse an empty batch.
BATCH_SIZES = (1, 3, 64)
# How far joints may be off (`gate.compare`) with weights of 8 bits: there to
# find a broken file; what a file is off by stands in its card.
_INT8_TOLERANCE = 0.5
_Written = tuple[list[signatures.Signature], dict[str, dict]]
# Whose versions the card tells.
_PACKAGES = {
    "litert": ("ai-edge-litert",),
    "onnx": ("onnx", "onnx-ir", "onnxruntime", "tf2onnx"),
}


def require(kind: str) -> None:
    """Checks that the packages of a format are installed.

    Raises:
      ImportError: names the package and the command that installs it.
    """
    for package in FORMATS[kind].PACKAGES:
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise ImportError(
                f"`--format={kind}` needs `{package}` ({error}). Install it: "
                "`pip install -e '.[edge]'`."
            ) from error


def export(
    method,
    model_dir: str | os.PathLike,
    kind: str,
    *,
    version: int | None = None,
    card: dict[str, Any] | None = None,
) -> pathlib.Path:
    """Exports a method; publishes nothing if a file answers otherwise.

    Args:
      method: a `methods.base.PoseLifter` with its trained weights.
      model_dir: the folder appears in here.
      kind: one of `FORMATS`.
      version: a number that this format does not have yet; by default the next
        one.
      card: entries for the model card beside the method's own
        (`model_card.describe_run`).

    Returns:
      The path of the folder.

    Raises:
      ImportError: packages are missing.
      ValueError: no folder can be there, the version exists, or a file cannot
        be made or is off by more than it may be.
    """
    require(kind)
    tolerance = saved_model.TOLERANCE[method.lifter.compute_dtype]
    write = {"litert": _write_litert, "onnx": _write_onnx}[kind]
    with saved_model.publishing(
        pathlib.Path(model_dir), version, prefix=f"{kind}-"
    ) as (staging, version):
        served, files = write(staging, method, tolerance)
        model_card.write(
            staging,
            {
                "model": pathlib.Path(model_dir).resolve().name,
                "version": version,
                "format": kind,
            }
            | model_card.describe_method(method)
            | (card or {})
            | model_card.describe_signatures(served, packages=_PACKAGES[kind])
            | {"files": files},
        )
    return pathlib.Path(model_dir) / f"{kind}-{version}"


def _write_litert(folder: pathlib.Path, method, tolerance: float) -> _Written:
    source = folder / "saved_model"
    saved_model.write(source, method)
    served = [s for s in signatures.for_method(method) if s.portable]
    names = [signature.name for signature in served]
    files = {}
    for stem, int8 in (("model", False), ("model_int8", True)):
        path = folder / f"{stem}{litert.SUFFIX}"
        path.write_bytes(litert.convert(source, names, int8=int8))
        model = litert.Model(path)
        files[path.name] = _compared(path, model, served, tolerance, int8)
    shutil.rmtree(source)
    return served, files


def _write_onnx(folder: pathlib.Path, method, tolerance: float) -> _Written:
    # A file for every signature would hold the weights once more.
    names = ["serving_default"] + ["calibrated"] * method.calibrated
    contents = {}
    with folding.folded(method):
        for signature in signatures.for_method(method):
            if signature.name in names:
                contents[signature.name] = onnx_file.convert(signature)
    served = [s for s in signatures.for_method(method) if s.name in names]
    files = {}
    for signature in served:
        content = contents[signature.name]
        for stem, int8 in (("", False), ("_int8", True)):
            path = folder / f"{signature.name}{stem}{onnx_file.SUFFIX}"
            path.write_bytes(onnx_file.quantize(content) if int8 else content)
            model = onnx_file.Model(path)
            files[path.name] = _compared(
                path, model, [signature], tolerance, int8
            )
    return served, files


def _compared(path, model, served, tolerance, int8: bool) -> dict[str, Any]:
    """Compares a loaded file with the method; returns what the card says."""
    if int8:
        tolerance = max(tolerance, _INT8_TOLERANCE)
    try:
        largest = gate.compare(
            model.run, served, batch_sizes=BATCH_SIZES, tolerance=tolerance
        )
    except RuntimeError as error:  # ONNX Runtime's and LiteRT's
        raise ValueError(
            f"{path.name} must run. Received: {str(error)[:500]}"
        ) from error
    return {
        "weights": "int8" if int8 else "float32",
        "bytes": path.stat().st_size,
        "signatures": [signature.name for signature in served],
        "batch_sizes": list(BATCH_SIZES),
        "tolerance": tolerance,
        "largest_difference": largest,
    }
