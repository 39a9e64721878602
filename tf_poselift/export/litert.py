"""A served model as a LiteRT (TensorFlow Lite) file, and how to run it.

One file holds all signatures of numbers and their weights once. The batch is
free; kernels are those built into LiteRT, none of TensorFlow's.
"""

import importlib
import os
import pathlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

PACKAGES = ("ai_edge_litert.interpreter",)
SUFFIX = ".tflite"


def convert(
    version_dir: pathlib.Path, names: Sequence[str], *, int8: bool = False
) -> bytes:
    """Converts signatures of a SavedModel.

    Args:
      version_dir: a SavedModel.
      names: of the signatures.
      int8: stores the weights of the matrix products in 8 bits and rounds what
        they are multiplied with to 8 bits, row by row, when it runs ("dynamic
        range"); no data are needed for that.

    Raises:
      ValueError: the converter knows no kernel for an op.
    """
    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(version_dir), signature_keys=list(names)
    )
    if int8:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    try:
        return converter.convert()
    except Exception as error:  # it raises its own, and others
        raise ValueError(
            "The model must convert to LiteRT. Received: "
            f"{str(error).partition('; ')[0][:500]}"
        ) from error


class Model:
    """A file, loaded.

    Args:
      path: what `convert` gave.
      threads: that may work on one request.
    """

    def __init__(self, path: str | os.PathLike, *, threads: int | None = None):
        module = importlib.import_module(PACKAGES[0])
        interpreter = module.Interpreter(str(path), num_threads=threads)
        self._runners = {
            name: interpreter.get_signature_runner(name)
            for name in interpreter.get_signature_list()
        }

    def run(
        self, signature: str, inputs: dict[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Returns the outputs of a signature by name."""
        return self._runners[signature](**inputs)
