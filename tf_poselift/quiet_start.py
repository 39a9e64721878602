"""TensorFlow without the lines that it writes when it starts.

`TF_CPP_MIN_LOG_LEVEL` keeps most of them away. A few come before TensorFlow
2.21 has read it, and one about a GPU that is not there is called an error.
"""

import os
import sys
import tempfile

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"


def import_tensorflow() -> None:
    """Imports TensorFlow without its lines on the terminal.

    Sets `TF_CPP_MIN_LOG_LEVEL` to 2. Where the user has set it lower, nothing
    is kept away; a failure shows all.
    """
    if os.environ.setdefault(_LEVEL, "2") in ("0", "1"):
        return
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_physical_devices()  # looks for a GPU
        except BaseException:
            kept.seek(0)
            os.write(terminal, kept.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
