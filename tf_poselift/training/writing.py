"""What is said when a run folder cannot be written, by TensorFlow or Python."""

import contextlib
import errno
import pathlib
from collections.abc import Iterator

import tensorflow as tf

# The place is at fault: room on the disk will not help.
_PLACE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}


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
        if (
            isinstance(error, tf.errors.PermissionDeniedError)
            or getattr(error, "errno", None) in _PLACE
        ):
            advice = "Give a `--workdir` where you may write."
        else:
            advice = (
                "Checkpoints written before are intact: when there is space, "
                "the same command continues from the newest."
            )
        raise OSError(
            f"{folder} could not be written: {str(text).splitlines()[0]}. "
            f"{advice}"
        ) from error
