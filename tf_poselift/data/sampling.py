"""Draws batches by index from a table that lies on the device.

What a step draws is a function of (seed, step, position in the global batch):
the same on one replica or many, and after a resume.
"""

import functools
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from tf_poselift import randomness
from tf_poselift import schema
from tf_poselift.data import augmentation
from tf_poselift.data import batches
from tf_poselift.data import labelled
from tf_poselift.data import tables


class Sampler:
    """Draws what a `BatchSpec` asks for, without replacement in an epoch.

    An epoch is one walk in random order through all examples whose frame
    offsets lie inside their clip. With `views=1` in the spec, view v of row r
    is the example r * V + v, the number in `index`; otherwise an example's
    number is its row. The arrays become variables: built under a strategy's
    scope, every replica reads its own copy.

    Args:
      table: the training split.
      spec: what an example is made of.
      batch_size: examples of a step, over all replicas.
      seed: of every draw.
      flip: mirrors every example with probability 1/2.
      derived: {name: [N, ...]} further arrays with one entry per row; those of
        the drawn frames come with the batch, [B, (T,) ...].

    Raises:
      ValueError: the table lacks what the spec asks for, no clip is long
        enough, or a flip of what cannot be flipped.
    """

    def __init__(
        self,
        table: tables.Table,
        spec: schema.BatchSpec,
        *,
        batch_size: int,
        seed: int,
        flip: bool = False,
        derived: Mapping[str, np.ndarray] | None = None,
    ):
        derived = dict(derived or {})
        _check(table, spec, batch_size, flip, derived)
        self.spec = spec
        self.batch_size = batch_size
        self._seed = seed
        self._flip = flip
        self._skeleton = table.skeleton
        self._views = table.num_views
        self._num_rows = table.num_rows
        self._clip_of_row = _variable(table.clip_of_row.astype(np.int64))
        last = table.clip_start[1:][table.clip_of_row] - 1
        self._last = _variable(last)
        candidates = _candidates(table, spec, last)
        self._candidates = _variable(candidates)
        per_row = self._views if spec.views == 1 else 1
        self.num_examples = len(candidates) * per_row

        keys = [schema.KEYPOINTS_2D, schema.SCORES]
        if spec.joints_3d:
            keys += [schema.JOINTS_3D, schema.JOINTS_3D_VALID]
        self._joints = {key: _by_view(getattr(table, key)) for key in keys}
        self._width = _by_view(table.image_size[..., 0])
        self._cameras = {
            key: _by_view(value)
            for key, value in (table.cameras or {}).items()
            if spec.cameras
        }
        self._derived = {key: _variable(v) for key, v in derived.items()}
        self._labelled = None
        if spec.labelled_share:
            size = self._num_rows * self._views
            count = max(1, round(spec.labelled_share * size))
            chosen = self._permute(np.arange(count), size, "labelled")
            self._labelled = labelled.Labelled(
                table, np.sort(chosen), cameras=spec.cameras
            )

    def draw(
        self, step: tf.Tensor, replica: tf.Tensor | int = 0, replicas: int = 1
    ) -> dict[str, tf.Tensor]:
        """Returns a replica's share of the batch of a step.

        Args:
          step: scalar integer, from 0.
          replica: number of this replica.
          replicas: how many there are.

        Returns:
          The batch that `schema.BatchSpec` describes, B = batch_size /
          replicas.

        Raises:
          ValueError: if the batch does not divide by the replicas.
        """
        if self.batch_size % replicas:
            raise ValueError(
                f"`batch_size` must be a multiple of the {replicas} replicas. "
                f"Received: {self.batch_size}."
            )
        share = self.batch_size // replicas
        step = tf.cast(step, tf.int64)
        position = tf.range(share, dtype=tf.int64) + (
            step * self.batch_size + tf.cast(replica, tf.int64) * share
        )
        index, row, view = self._examples(position)
        rows = self._frames(step, index, row)
        clip = tf.gather(self._clip_of_row, row)

        at = rows[:, :, tf.newaxis] * self._views + view[:, tf.newaxis]
        batch = {k: tf.gather(v, at) for k, v in self._joints.items()}
        clip_at = clip[:, tf.newaxis] * self._views + view
        if self._flip:
            batch = augmentation.flip(
                batch,
                self._coin(step, index, "flip"),
                tf.gather(self._width, clip_at),
                self._skeleton,
            )
        batch = {k: batches.squeeze(self.spec, v) for k, v in batch.items()}
        for key, value in self._cameras.items():
            camera = tf.gather(value, clip_at)
            batch[key] = camera[:, 0] if self.spec.views == 1 else camera
        for key, value in self._derived.items():
            array = tf.gather(value, rows)
            batch[key] = array[:, 0] if len(self.spec.frames) == 1 else array
        if self.spec.unpaired:
            batch |= self._unpaired(step, position)
        if self._labelled:
            at = self._permute(position, self._labelled.size, "labels")
            coin = self._coin(step, position, "flip labelled")
            batch |= self._labelled.gather(at, coin if self._flip else None)
        return batch | {schema.INDEX: index, schema.STEP: step}

    def _examples(self, position):
        """Returns index [B], row [B] and views [B, V] of the drawn examples."""
        number = self._permute(position, self.num_examples, "examples")
        if self.spec.views == 1:
            row = tf.gather(self._candidates, number // self._views)
            view = number % self._views
            return row * self._views + view, row, view[:, tf.newaxis]
        row = tf.gather(self._candidates, number)
        view = tf.range(self.spec.views or self._views, dtype=tf.int64)
        return row, row, view[tf.newaxis]

    def _frames(self, step, index, row):
        chance = randomness.uniform(
            self._seed,
            step,
            index,
            stream="frames",
            shape=(len(self.spec.frames),),
        )
        last = tf.gather(self._last, row)
        return batches.frame_rows(self.spec, row, last, chance)

    def _unpaired(self, step, position):
        """Returns single frames and views, drawn independently."""
        size = self._num_rows * self._views
        at = self._permute(position, size, "unpaired")
        batch = {
            key: tf.gather(self._joints[key], at[:, tf.newaxis, tf.newaxis])
            for key in (schema.KEYPOINTS_2D, schema.SCORES)
        }
        if self._flip:
            clip = tf.gather(self._clip_of_row, at // self._views)
            clip_at = clip * self._views + at % self._views
            batch = augmentation.flip(
                batch,
                self._coin(step, at, "flip unpaired"),
                tf.gather(self._width, clip_at[:, tf.newaxis]),
                self._skeleton,
            )
        return {schema.UNPAIRED + k: v[:, 0, 0] for k, v in batch.items()}

    def _permute(self, position, size: int, stream: str) -> tf.Tensor:
        return _permute(position, seed=self._seed, size=size, stream=stream)

    def _coin(self, step, index, stream: str) -> tf.Tensor:
        return randomness.bernoulli(self._seed, step, index, stream=stream)


def dataset(
    table: tables.Table,
    spec: schema.BatchSpec,
    *,
    batch_size: int,
    seed: int,
    first_step: int = 0,
    flip: bool = False,
    derived: Mapping[str, np.ndarray] | None = None,
) -> tf.data.Dataset:
    """Returns an endless dataset of a `Sampler`'s batches, for `Model.fit`."""
    # tf.data runs on the CPU and cannot read a variable that lies elsewhere.
    with tf.device("CPU:0"):
        sampler = Sampler(
            table,
            spec,
            batch_size=batch_size,
            seed=seed,
            flip=flip,
            derived=derived,
        )
    steps = tf.data.Dataset.counter(first_step)
    return steps.map(sampler.draw).prefetch(tf.data.AUTOTUNE)


# Compiled: one kernel instead of three hundred.
@functools.partial(tf.function, autograph=False, jit_compile=True)
def _permute(position, *, seed: int, size: int, stream: str):
    return randomness.permute(seed, position, size, stream=stream)


def _variable(value: np.ndarray) -> tf.Variable:
    return tf.Variable(value, trainable=False)


def _by_view(value: np.ndarray) -> tf.Variable:
    """Merges the axes of rows (or clips) and views: one gather reads both."""
    return _variable(value.reshape(-1, *value.shape[2:]))


def _candidates(
    table: tables.Table, spec: schema.BatchSpec, last: np.ndarray
) -> np.ndarray:
    """Returns the rows that have all frame offsets inside their clip."""
    row = np.arange(table.num_rows)
    first = table.clip_start[:-1][table.clip_of_row]
    candidates = row[batches.fits(spec, row, first, last)]
    if not len(candidates):
        lengths = np.diff(table.clip_start)
        raise ValueError(
            f"The clips must be long enough for the frame offsets "
            f"{spec.frames}. Received: {len(lengths)} clips of "
            f"{lengths.min()} to {lengths.max()} frames."
        )
    return candidates


def _check(table, spec, batch_size: int, flip: bool, derived) -> None:
    batches.check_spec(
        spec,
        views=table.num_views,
        joints_3d=table.joints_3d is not None,
        cameras=table.cameras is not None,
        flip=flip,
        where=", ".join(table.datasets),
    )
    if batch_size < 1:
        raise ValueError(f"`batch_size` must be > 0. Received: {batch_size}.")
    if flip and derived:
        raise ValueError(
            "`flip` must be off for a method with derived arrays "
            f"({', '.join(derived)}): they are not mirrored."
        )
    for name, value in derived.items():
        if len(value) != table.num_rows:
            raise ValueError(
                f"`derived` array `{name}` must have {table.num_rows} rows. "
                f"Received: {len(value)}."
            )
