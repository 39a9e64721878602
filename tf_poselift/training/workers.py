"""What the processes of one run must agree on, and which of them writes.

Every process takes the same calls in the same order; a process that stops, or
asks for something else, would leave the others waiting for ever.
"""

import contextlib
import zlib
from collections.abc import Iterator

import tensorflow as tf

# What TensorFlow raises when a peer closes its connection, answers no more, or
# has been started again in between.
_SIGNS = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
)


class Lost(RuntimeError):
    """Another process of the run is gone."""


class Workers:
    """The processes that train together; without a cluster only this one.

    Args:
      strategy: where the replicas run, of all processes; None: one device.
    """

    def __init__(self, strategy: tf.distribute.Strategy | None = None):
        several = isinstance(
            strategy, tf.distribute.MultiWorkerMirroredStrategy
        )
        self.strategy = strategy
        self._several = strategy if several else None

    @property
    def is_chief(self) -> bool:
        """Whether this process writes checkpoints, logs and tables."""
        if self._several is None:
            return True
        task = self._several.cluster_resolver
        jobs = task.cluster_spec().jobs
        return task.task_type == "chief" or (
            "chief" not in jobs and task.task_id == 0
        )

    def any(self, flag: bool) -> bool:
        """Returns whether the flag is set in any process; all must ask."""
        return self._sum(int(flag)) > 0

    def of_chief(self, value: int) -> int:
        """Returns the chief's value in every process; all must ask."""
        return self._sum(value if self.is_chief else 0)

    def check_same(self, what: str, value: str) -> None:
        """Checks that a value is the same in all processes; all must ask.

        Raises:
          ValueError: in every process, if it differs in any.
        """
        own = zlib.crc32(value.encode())
        if self.any(own != self.of_chief(own)):
            raise ValueError(
                f"All workers must have the same {what}. Received, in this "
                f"one: {value}. Start all with the same flags and one "
                "`--workdir` that all of them see."
            )

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Within it, TensorFlow's error for a process that is gone is `Lost`.

        Raises:
          Lost: another process has ended or cannot be reached.
        """
        try:
            yield
        except _SIGNS as error:
            if self._several is None:
                raise
            raise Lost(
                "Another worker of this run has ended or cannot be reached "
                f"({type(error).__name__}). Checkpoints written so far are "
                "intact: start all workers again with the same command, and "
                "the run continues."
            ) from error

    def _sum(self, value: int) -> int:
        if self._several is None:
            return value
        devices = len(self._several.extended.worker_devices)
        values = self._several.experimental_distribute_values_from_function(
            # Once for a process, not for each of its replicas.
            lambda context: tf.constant(
                0 if context.replica_id_in_sync_group % devices else value,
                tf.int64,
            )
        )
        return int(self._several.reduce("SUM", values, axis=None))
