"""What is said when a run folder cannot be written, by TensorFlow or Python."""

import contextlib
import pathlib
from collections.abc import Iterator

import tensorflow as tf


@contextlib.contextmanager
def into(folder: pathlib.Path) -> Iterator[None]:
    """Within it nothing but writing into `folder` should be done.

    Raises:
      OSError: it failed, for want of space or otherwise.
    """
    try:
        yield
    except (tf.errors.OpError, OSError) as error:
        text = error.message if isinstance(error, tf.errors.OpError) else error
        raise OSError(
            f"{folder} could not be written: {str(text).splitlines()[0]}. "
            "Checkpoints written before are intact: when there is space, the "
            "same command continues from the newest."
        ) from error
