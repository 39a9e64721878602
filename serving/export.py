"""Exports a trained run: for TensorFlow Serving, LiteRT or ONNX Runtime.

    python serving/export.py --workdir=runs/kudo --model_dir=models/lifter

Writes the SavedModel models/lifter/1, or the next free version; with
`--format=litert` models/lifter/litert-1, with `--format=onnx`
models/lifter/onnx-1. Nothing appears there unless the model answers through
TensorFlow's C API, or the format's own runtime, as it does in Python.
"""

import os
import pathlib
import sys

from tf_poselift import quiet_start

quiet_start.import_tensorflow()

import tensorflow as tf
from absl import app
from absl import flags
from absl import logging

from tf_poselift.export import model_card
from tf_poselift.export import portable
from tf_poselift.export import saved_model
from tf_poselift.training import run_folder

_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Run folder of trainers/train.py.", required=True
)
_MODEL_DIR = flags.DEFINE_string(
    "model_dir",
    None,
    "Folder of the model's versions; its name is the model's name.",
    required=True,
)
_FORMAT = flags.DEFINE_enum(
    "format",
    "savedmodel",
    ["savedmodel", *portable.FORMATS],
    "What is written.",
)
_VERSION = flags.DEFINE_integer(
    "version", None, "A free version number; the next one by default."
)
_CHECKPOINT = flags.DEFINE_string(
    "checkpoint",
    None,
    "Path of a checkpoint, or `best`; the newest by default.",
)
_UNCERTAINTY = flags.DEFINE_integer(
    "uncertainty",
    0,
    "Also answers with `uncertainty`, from so many more lifts of every pose, "
    "up to 5; 3 are good. By default there is none.",
)


def export() -> None:
    kind = _FORMAT.value
    if kind in portable.FORMATS:
        portable.require(kind)
    run = run_folder.load(_WORKDIR.value, checkpoint=_CHECKPOINT.value)
    run.method.offer_uncertainty(_UNCERTAINTY.value)
    print(
        f"Exports {run.settings['method']} at step {run.step} of "
        f"{_WORKDIR.value}, trained on {', '.join(run.settings['data'])}; "
        f"writes {kind} to {_MODEL_DIR.value}",
        flush=True,
    )
    about = {"version": _VERSION.value, "card": model_card.describe_run(run)}
    if kind in portable.FORMATS:
        path = portable.export(run.method, _MODEL_DIR.value, kind, **about)
    else:
        path = saved_model.export(run.method, _MODEL_DIR.value, **about)
    print(_summary(path))


def _summary(path: pathlib.Path) -> str:
    card = model_card.read(path)
    size = sum(f.stat().st_size for f in path.rglob("*") if f.is_file())
    lines = [f"{path}: {size / 2**20:.1f} MiB"]
    for name, table in card["signatures"].items():
        lines.append(f"signature {name}")
        for kind, tensors in table.items():
            for tensor, row in tensors.items():
                shape = ", ".join(map(str, row["shape"]))
                lines.append(
                    f"  {kind[:-1]:<6}  {tensor:<12}  {row['dtype']:<7}  "
                    f"[{shape}]"
                )
    words = "largest difference from the method:"
    for name, file in card.get("files", {}).items():
        difference, size = file["largest_difference"], file["bytes"] / 2**20
        lines.append(f"{name}: {size:.1f} MiB, {words} {difference:.1e}")
    if "checks" not in card:
        return "\n".join(lines)
    lines.append(f"{words} {card['checks']['largest_difference']:.1e}")
    model, base_path = card["model"], os.path.abspath(path.parent)
    lines.append(
        "Serve it: python serving/server.py "
        f"--model_name={model} --model_base_path={base_path}"
    )
    return "\n".join(lines)


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments: {' '.join(argv[1:])}.")
    logging.set_verbosity(logging.WARNING)
    try:
        export()
    except (ValueError, OSError, ImportError, tf.errors.OpError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    app.run(main)
