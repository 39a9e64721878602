"""The training loop: several steps per call, one replica or many.

`strategy.run` stands inside `tf.range` inside one `tf.function`; forward and
backward pass are compiled within it, updates are decided outside
`strategy.run`, where the logs are those of the global batch. Keras's own `fit`
fails under MirroredStrategy with several steps per call or XLA.
"""

import numpy as np
import tensorflow as tf

from tf_poselift.data import sampling
from tf_poselift.data import streaming
from tf_poselift.methods import base

# A log of this magnitude counts as exploded. Terms are in units of a pose's
# size, metres or deviations, and start within 1e4; weights that gave 1e8 are
# lost, though float32 goes on to 3e38 and some losses saturate before.
EXPLODED = 1e8


class Loop:
    """Runs steps of a method on batches of a sampler.

    Args:
      method: built under the strategy's scope.
      source: draws the batches, by number or as they come; its batch size is
        the global one.
      strategy: the strategy, or None for one device.
    """

    def __init__(
        self,
        method: base.PoseLifter,
        source: sampling.Sampler | streaming.Stream,
        strategy: tf.distribute.Strategy | None = None,
    ):
        self._method = method
        is_stream = isinstance(source, streaming.Stream)
        self._stream = source if is_stream else None
        self._sampler = None if is_stream else source
        self._strategy = strategy or tf.distribute.get_strategy()

    def begin(self, step: int) -> None:
        """Makes ready to run from a step; call it before the first `run`."""
        if self._stream:
            self._stream.begin(step)

    @tf.function
    def run(self, first_step: tf.Tensor, count: tf.Tensor):
        """Runs `count` steps.

        Args:
          first_step: scalar int64, number of the first step, from 0.
          count: scalar int64, at least 1.

        Returns:
          {name: mean of its log over the steps}, and -1; or the logs of the
          first step whose logs were not all finite and below `EXPLODED`, and
          the number of that step.
        """
        names = self._method.logged
        shown = tf.zeros([len(names)], tf.float32)
        bad = tf.constant(-1, tf.int64)
        for i in tf.range(count):
            logs = self._step(first_step + i)
            values = tf.stack([logs[name] for name in names])
            good = tf.reduce_all(tf.abs(values) < EXPLODED)  # NaN is not
            is_first = (bad < 0) & ~good
            shown = tf.where(bad < 0, shown + values, shown)
            shown = tf.where(is_first, values, shown)
            bad = tf.where(is_first, first_step + i, bad)
        shown = tf.where(bad < 0, shown / tf.cast(count, tf.float32), shown)
        return dict(zip(names, tf.unstack(shown), strict=True)), bad

    def batch(self, step: int) -> dict[str, np.ndarray] | None:
        """Returns the global batch of a step; None if it has passed by."""
        if self._stream:
            return None
        batch = self._sampler.draw(tf.constant(step, tf.int64), 0, 1)
        return {name: value.numpy() for name, value in batch.items()}

    # Nothing in a step is a Python branch on a tensor: looking for some takes
    # seconds before the first step.
    @tf.autograph.experimental.do_not_convert
    def _step(self, step):
        strategy, method = self._strategy, self._method
        whole = self._stream.take() if self._stream else None
        totals = self._totals(step, whole)
        update = strategy.run(self._gradients, args=(step, whole, totals))
        logs = {
            name: strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None)
            for name, value in update.logs.items()
        }
        logs = base.over_valid(logs)
        decisions = method.updates(logs, step)
        for name, gradients in update.gradients.items():
            base.apply_if(
                decisions.get(name),
                lambda name=name, gradients=gradients: strategy.run(
                    method.apply, args=(name, gradients)
                ),
            )
        if update.state:
            # Each replica's batch norm uses its own statistics; what is kept
            # of them is the mean, the same on every replica.
            state = [
                strategy.reduce(tf.distribute.ReduceOp.MEAN, value, axis=None)
                for value in update.state
            ]
            strategy.run(method.apply_state, args=(state,))
        if method.averages:
            strategy.run(method.average, args=(step,))
        return logs

    def _totals(self, step, whole) -> dict[str, tf.Tensor]:
        """What the objectives must know of the batches of all replicas."""
        strategy = self._strategy
        if strategy.num_replicas_in_sync == 1:
            return {}
        sums = strategy.run(lambda: self._method.sums(self._batch(step, whole)))
        return {
            name: strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None)
            for name, value in sums.items()
        }

    def _gradients(self, step, whole, totals) -> base.Update:
        return self._method.gradients(self._batch(step, whole) | totals)

    def _batch(self, step, whole) -> dict[str, tf.Tensor]:
        context = tf.distribute.get_replica_context()
        place = context.replica_id_in_sync_group, context.num_replicas_in_sync
        if self._stream:
            return streaming.share(whole, *place)
        return self._sampler.draw(step, *place)
