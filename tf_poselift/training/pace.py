"""How many steps one call of the training loop takes.

A run that is asked to stop ends between calls: a call of many slow steps would
keep it. What is trained does not depend on it: every step is a function of the
seed and its number.
"""

import contextlib
import time
from collections.abc import Iterator

from tf_poselift.training import workers as workers_lib

SECONDS = 5.0  # of a call, at most, but for the first one, which compiles
_MOST = 1_000_000  # what is due ends a call before


class Pace:
    """Counts the steps of a call from how long those before took.

    Args:
      workers: the processes of the run; the chief counts for all.
    """

    def __init__(self, workers: workers_lib.Workers):
        self._workers = workers
        self._calls = 0
        self._seconds = SECONDS  # of a step; one step until one was timed

    def count(self) -> int:
        """Returns how many steps to take now; all processes must ask."""
        within = min(int(SECONDS / self._seconds), _MOST)
        return self._workers.of_chief(max(within, 1))

    @contextlib.contextmanager
    def measured(self, steps: int) -> Iterator[None]:
        """Times so many steps; the first call, which compiles, does not tell.

        Args:
          steps: that are taken within.
        """
        started = time.monotonic()
        yield
        taken = time.monotonic() - started
        self._calls += 1
        if self._calls > 1:
            self._seconds = max(taken / steps, SECONDS / _MOST)
