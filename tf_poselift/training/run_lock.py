"""Keeps a second training out of a run folder.

The lock is the operating system's, on the file `WORKDIR/train.lock`: it is gone
with the process that holds it, however that ends. The file stays.
"""

import contextlib
import errno
import fcntl
import os
import pathlib
from collections.abc import Iterator

from tf_poselift.training import writing

FILE = "train.lock"
_TAKEN = {errno.EWOULDBLOCK, errno.EACCES}


@contextlib.contextmanager
def held(workdir: pathlib.Path) -> Iterator[None]:
    """Holds the lock of a run folder, which is made if there is none.

    Where the file system knows no locks that is said, and nothing is held.

    Raises:
      BlockingIOError: another process trains there.
      OSError: the folder cannot be written.
    """
    path = workdir / FILE
    with writing.into(workdir):
        workdir.mkdir(parents=True, exist_ok=True)
        number = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _lock(number, workdir)
        yield
    finally:
        os.close(number)


def _lock(number: int, workdir: pathlib.Path) -> None:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _TAKEN:
            raise BlockingIOError(
                f"{workdir} must be trained by one process at a time. "
                "Received: a run that another one is training. Wait for it, "
                "or give another `--workdir`."
            ) from error
        print(
            f"WARNING: {workdir} cannot be locked ({error}): see to it that "
            "no second training runs there.",
            flush=True,
        )
