"""Reads prepared TFRecords into a table of arrays.

168,672 poses (42,168 frames in 4 views, 71 clips) take about a second on two
cores once the system has the files in its cache.
"""

from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from absl import logging

from tf_poselift import schema
from tf_poselift import skeletons
from tf_poselift.data import prepared
from tf_poselift.data import tables

# The table itself is the cache.
READ_CONFIG = tfds.ReadConfig(try_autocache=False)


def read(
    dataset: str,
    split: str,
    data_dir: str | None = None,
    *,
    skeleton: skeletons.Skeleton | None = None,
) -> tables.Table:
    """Returns a split of one or several prepared data sets.

    The clips of a data set stand in the order of their ids. Several data sets
    are put one after the other as `tables.concatenate` says.

    Args:
      dataset: NAME[/CONFIG][:VERSION], several by comma; the newest version if
        none is given.
      split: "train", "validation", "test", or a part of one in TFDS's
        notation ("train[:10%]").
      data_dir: folder of prepared data sets, ~/tensorflow_datasets by default.
      skeleton: that every data set is mapped to; without it they keep theirs.

    Raises:
      FileNotFoundError: not prepared; says how to build it.
      ValueError: unknown split, records that do not fit the schema, a corrupt
        file, numbers that are not finite, skeletons that differ, or no map to
        `skeleton`.
    """
    parts = [
        _read_one(name.strip(), split, data_dir) for name in dataset.split(",")
    ]
    if skeleton is not None:
        parts = [tables.to_skeleton(part, skeleton) for part in parts]
    table = tables.concatenate(parts)
    logging.info(
        "Read %d frames of %d views in %d clips from %s (%s).",
        table.num_rows,
        table.num_views,
        table.num_clips,
        ", ".join(table.datasets),
        split,
    )
    return table


def _read_one(dataset: str, split: str, data_dir: str | None) -> tables.Table:
    builder = prepared.open_builder(dataset, data_dir)
    prepared.check_split(builder, split)
    try:
        clips = list(
            tfds.as_numpy(
                builder.as_dataset(split=split, read_config=READ_CONFIG)
            )
        )
    except tf.errors.OpError as error:
        raise ValueError(
            f"Cannot read {_damaged_file(builder)}: it is corrupt or cut off. "
            f"{prepared.rebuild(prepared.full_name(builder), builder.data_dir)}"
        ) from error
    clips.sort(key=lambda clip: clip[schema.CLIP_ID])
    if not clips:
        raise ValueError(
            f"The split `{split}` of `{dataset}` must have clips. Received: "
            "none."
        )
    table = _to_table(builder, clips)
    _check(table)
    return table


def _to_table(builder, clips: list[dict[str, Any]]) -> tables.Table:
    def stack(key):
        return np.stack([clip[key] for clip in clips])

    def join(key):
        return np.concatenate([clip[key] for clip in clips])

    def texts(key):
        return tuple(clip[key].decode("utf-8") for clip in clips)

    lengths = [len(clip[schema.FRAME_INDEX]) for clip in clips]
    actions = texts(schema.ACTION)
    metadata = builder.info.metadata
    # A clip may carry an action that the metadata does not list.
    names = tuple(
        dict.fromkeys([*metadata[schema.METADATA_ACTIONS], *sorted(actions)])
    )
    of_clip = np.repeat([names.index(action) for action in actions], lengths)
    of_frame = join(schema.FRAME_ACTION)
    has_3d = schema.JOINTS_3D in clips[0]
    cameras = None
    if schema.CAMERAS in clips[0]:
        cameras = {
            key: np.stack([clip[schema.CAMERAS][key] for clip in clips])
            for key in schema.CALIBRATION
        }
    return tables.Table(
        datasets=(prepared.full_name(builder),),
        skeleton=prepared.skeleton(builder),
        action_names=names,
        keypoints_2d=join(schema.KEYPOINTS_2D),
        scores=join(schema.SCORES),
        frame_index=join(schema.FRAME_INDEX),
        frame_valid=join(schema.FRAME_VALID),
        action=np.where(of_frame >= 0, of_frame, of_clip).astype(np.int32),
        clip_start=np.concatenate([[0], np.cumsum(lengths)]),
        clip_id=texts(schema.CLIP_ID),
        subject=texts(schema.SUBJECT),
        clip_action=actions,
        scene=texts(schema.SCENE),
        flags=texts(schema.FLAGS),
        person=stack(schema.PERSON),
        fps=stack(schema.FPS),
        image_size=stack(schema.IMAGE_SIZE),
        joints_3d=join(schema.JOINTS_3D) if has_3d else None,
        joints_3d_valid=join(schema.JOINTS_3D_VALID) if has_3d else None,
        cameras=cameras,
    )


def _check(table: tables.Table) -> None:
    """Raises ValueError that names the clip of the first bad number."""

    def refuse(bad: np.ndarray, clip_of: np.ndarray, what: str) -> None:
        bad = bad.reshape(len(bad), -1).any(axis=1)
        if bad.any():
            clip = table.clip_id[clip_of[int(np.argmax(bad))]]
            raise ValueError(
                f"{what}. Received: clip `{clip}` of {table.datasets[0]}."
            )

    of_row, of_clip = table.clip_of_row, np.arange(table.num_clips)
    for key in (schema.KEYPOINTS_2D, schema.SCORES, schema.JOINTS_3D):
        value = getattr(table, key)
        if value is not None:
            refuse(~np.isfinite(value), of_row, f"`{key}` must be finite")
    for key, value in (table.cameras or {}).items():
        refuse(~np.isfinite(value), of_clip, f"`{key}` must be finite")
    refuse(
        (table.scores < 0.0) | (table.scores > 1.0),
        of_row,
        f"`{schema.SCORES}` must be in [0, 1]",
    )
    count = len(table.action_names)
    refuse(
        table.action >= count,
        of_row,
        f"`{schema.FRAME_ACTION}` must be below the {count} action names",
    )


def _damaged_file(builder: tfds.core.DatasetBuilder) -> str:
    """Returns the first file whose records are not those of the metadata."""
    for split in builder.info.splits.values():
        for path, length in zip(
            split.filepaths, split.shard_lengths, strict=True
        ):
            records = tf.data.TFRecordDataset(str(path))
            records = records.map(builder.info.features.deserialize_example)
            try:
                count = sum(1 for _ in records)
            except tf.errors.OpError:
                return str(path)
            if count != length:
                return str(path)
    return str(builder.data_dir)
