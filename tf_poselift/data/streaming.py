"""Batches straight from the records, for sets that do not fit into memory.

Clips are read in the order of the files, several in turn, and their examples
pass a shuffle buffer. What comes next depends on that buffer: unlike with
`sampling`, training that is continued does not see what it would have seen. It
begins again with the first clips, in another order.
"""

import functools
import zlib

import tensorflow as tf

from tf_poselift import randomness
from tf_poselift import schema
from tf_poselift.data import augmentation
from tf_poselift.data import batches
from tf_poselift.data import prepared
from tf_poselift.data import reader

_SINGLE = schema.BatchSpec()
_WIDTH = "width"


def dataset(
    name: str,
    split: str,
    data_dir: str | None,
    spec: schema.BatchSpec,
    *,
    batch_size: int,
    seed: int,
    flip: bool = False,
    first_step: int = 0,
    shuffle_buffer: int = 65536,
    open_clips: int = 16,
) -> tf.data.Dataset:
    """Returns an endless dataset of the batches that `BatchSpec` describes.

    Args:
      name: NAME[/CONFIG][:VERSION] of one prepared data set.
      split: of it.
      data_dir: folder of prepared data sets.
      spec: what an example is made of. `index` numbers the examples as
        `sampling.Sampler` does, but in the order of the files.
      batch_size: examples of a batch.
      seed: of every draw.
      flip: mirrors every example with probability 1/2.
      first_step: number of the first batch's step.
      shuffle_buffer: examples from which the next one is drawn.
      open_clips: clips that are read in turn.

    Raises:
      FileNotFoundError: not prepared; says how to build it.
      ValueError: unknown split, records without what the spec asks for, no
        clip that is long enough, or a labelled share.
    """
    builder = prepared.open_builder(name, data_dir)
    prepared.check_split(builder, split)
    _check(spec, builder, flip)
    examples = functools.partial(
        _examples,
        _numbered_clips(builder, split),
        views=_views(builder),
        seed=seed,
        open_clips=open_clips,
    )
    if next(iter(examples(spec, 0).take(1)), None) is None:
        raise ValueError(
            "The clips must be long enough for the frame offsets "
            f"{spec.frames}. Received: `{split}` of "
            f"{prepared.full_name(builder)}."
        )
    specs = (spec, _SINGLE) if spec.unpaired else (spec,)
    steps = tf.data.Dataset.counter(first_step)
    streams = [
        tf.data.Dataset.counter()
        .flat_map(functools.partial(examples, each))
        .shuffle(shuffle_buffer, _order(seed, first_step, i))
        .batch(batch_size, drop_remainder=True)
        for i, each in enumerate(specs)
    ]
    skeleton = prepared.skeleton(builder) if flip else None

    def finish(step, batch, unpaired=None):
        batch = _finish(spec, batch, seed, step, "flip", skeleton)
        if unpaired is not None:
            single = _finish(
                _SINGLE, unpaired, seed, step, "flip unpaired", skeleton
            )
            for key in (schema.KEYPOINTS_2D, schema.SCORES):
                batch[schema.UNPAIRED + key] = single[key]
        return batch | {schema.STEP: step}

    numbered = tf.data.Dataset.zip(steps, *streams)
    return numbered.map(finish).prefetch(tf.data.AUTOTUNE)


class Stream:
    """Draws the batches of a `dataset` within a training loop.

    Every process and every replica takes the same global batch and then its
    own share, so that a step does not depend on their number.

    Args:
      name: as in `dataset`, like all others.
      split: of it.
      data_dir: folder of prepared data sets.
      spec: what an example is made of.
      **options: what else `dataset` takes.
    """

    def __init__(
        self, name: str, split: str, data_dir: str | None, spec, **options
    ):
        self._from_step = functools.partial(
            dataset, name, split, data_dir, spec, **options
        )
        self._iterator = None
        self.begin(0)

    def begin(self, step: int) -> None:
        """Makes the next batch that of a step; before the loop is traced."""
        self._iterator = iter(self._from_step(first_step=step))

    def take(self) -> dict[str, tf.Tensor]:
        """Returns the next global batch."""
        return next(self._iterator)


def share(
    batch: dict[str, tf.Tensor], replica: tf.Tensor | int, replicas: int
) -> dict[str, tf.Tensor]:
    """Returns a replica's share of a global batch, as `Sampler.draw` does."""
    size = batch[schema.INDEX].shape[0] // replicas
    first = replica * size
    return {
        key: value[first : first + size] if value.shape.rank else value
        for key, value in batch.items()
    }


def _check(spec: schema.BatchSpec, builder, flip: bool) -> None:
    """Raises ValueError if the records cannot give what the spec asks for."""
    if spec.labelled_share:
        raise ValueError(
            "`labelled_share` must be 0 where records are streamed: the share "
            "is chosen from a table. Received: "
            f"{spec.labelled_share}. Use `sampling.dataset`, or `train.py` "
            "without `--stream`."
        )
    features = builder.info.features
    batches.check_spec(
        spec,
        views=_views(builder),
        joints_3d=schema.JOINTS_3D in features,
        cameras=schema.CAMERAS in features,
        flip=flip,
        where=prepared.full_name(builder),
    )


def _views(builder) -> int:
    return builder.info.features[schema.SCORES].shape[1]


def _order(seed: int, first_step: int, stream: int) -> int:
    """Returns the seed of a shuffle buffer."""
    return zlib.crc32(f"{seed}/{first_step}/{stream}".encode())


def _numbered_clips(builder, split: str) -> tf.data.Dataset:
    """Returns (number of rows in the clips before, clip), in file order."""
    clips = builder.as_dataset(split=split, read_config=reader.READ_CONFIG)
    return clips.scan(
        tf.constant(0, tf.int64),
        lambda start, clip: (start + _length(clip), (start, clip)),
    )


def _examples(
    clips, spec, epoch, *, views: int, seed: int, open_clips: int
) -> tf.data.Dataset:
    """Returns the examples of an epoch, clips taken in turn."""
    return clips.interleave(
        lambda start, clip: tf.data.Dataset.from_tensor_slices(
            _examples_of_clip(spec, views, seed, epoch, start, clip)
        ),
        cycle_length=open_clips,
    )


def _length(clip) -> tf.Tensor:
    return tf.shape(clip[schema.FRAME_INDEX], tf.int64)[0]


def _examples_of_clip(spec, views: int, seed: int, epoch, start, clip):
    """Returns the examples of one clip, [E, T, V, ...] each."""
    length = _length(clip)
    row = tf.range(length)
    row = tf.boolean_mask(row, batches.fits(spec, row, 0, length - 1))
    if spec.views == 1:
        view = tf.tile(tf.range(views, dtype=tf.int64), tf.shape(row))
        view = view[:, tf.newaxis]
        row = tf.repeat(row, views)
        index = (start + row) * views + view[:, 0]
    else:
        view = tf.range(spec.views or views, dtype=tf.int64)[tf.newaxis]
        view = tf.repeat(view, tf.size(row), axis=0)
        index = start + row
    chance = randomness.uniform(
        seed, epoch, index, stream="frames", shape=(len(spec.frames),)
    )
    rows = batches.frame_rows(spec, row, length - 1, chance)
    at = rows[:, :, tf.newaxis] * views + view[:, tf.newaxis]

    keys = [schema.KEYPOINTS_2D, schema.SCORES]
    if spec.joints_3d:
        keys += [schema.JOINTS_3D, schema.JOINTS_3D_VALID]
    parts = {}
    for key in keys:
        merged = tf.reshape(clip[key], (-1, *clip[key].shape[2:]))
        parts[key] = tf.gather(merged, at)
    if spec.cameras:
        for key, value in clip[schema.CAMERAS].items():
            camera = tf.gather(value, view)
            parts[key] = camera[:, 0] if spec.views == 1 else camera
    parts[_WIDTH] = tf.gather(clip[schema.IMAGE_SIZE][:, 0], view)
    return parts | {schema.INDEX: index}


def _finish(spec, batch, seed: int, step, stream: str, skeleton):
    """Flips a batch if a skeleton is given, and drops surplus axes."""
    width = batch[_WIDTH]
    if skeleton is not None:
        mirror = randomness.bernoulli(
            seed, step, batch[schema.INDEX], stream=stream
        )
        batch = augmentation.flip(batch, mirror, width, skeleton)
    joints = {*schema.WITH_3D, schema.KEYPOINTS_2D, schema.SCORES}
    return {
        key: batches.squeeze(spec, value) if key in joints else value
        for key, value in batch.items()
        if key != _WIDTH
    }
