"""Writes clips as a prepared data set, as a builder would leave it."""

import pathlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tf_poselift import schema
from tf_poselift import skeletons
from tf_poselift.data import records
from tf_poselift.data import tables

_SHARD_BYTES = 64e6


def write_records(
    splits: Mapping[str, Sequence[Mapping[str, Any]]],
    data_dir: str,
    *,
    skeleton: skeletons.Skeleton,
    name: str,
    action_names: Sequence[str] = (),
    config: str | None = None,
    version: str = "1.0.0",
    description: str = "Written from arrays in memory.",
) -> str:
    """Writes the clips of every split.

    Args:
      splits: {"train": [record, ...], ...}, records of `records.example`, all
        of the same views, 3D and calibration; a split without any is left out.
      data_dir: folder of prepared data sets.
      skeleton: of the records.
      name: of the data set.
      action_names: the actions that `frame_action` counts through.
      config: of the data set, if it has any.
      version: of the data set.
      description: of the data set.

    Returns:
      What `--dataset` takes: NAME[/CONFIG]:VERSION.

    Raises:
      ValueError: no clip, or names one that is not like the first or does not
        fit the skeleton.
      FileExistsError: this version is there already.
    """
    path = pathlib.Path(data_dir, name, config or "", version)
    if path.exists():
        raise FileExistsError(f"{path} must not be there. Delete it first.")
    splits = {split: clips for split, clips in splits.items() if clips}
    first = _check_alike(splits, skeleton)
    # The folder appears by one rename.
    with tfds.core.utils.incomplete_dir(path) as beside:
        info = tfds.core.DatasetInfo(
            builder=tfds.core.DatasetIdentity(
                name=name,
                version=tfds.core.Version(version),
                data_dir=beside,
                module_name=__name__,
                config_name=config,
            ),
            features=records.features(
                skeleton=skeleton,
                views=first[schema.KEYPOINTS_2D].shape[1],
                joints_3d=schema.JOINTS_3D in first,
                cameras=schema.CAMERAS in first,
            ),
            metadata=records.metadata(
                skeleton=skeleton, action_names=action_names
            ),
            description=description,
        )
        writer = tfds.core.SequentialWriter(
            info, max_examples_per_shard=_clips_per_shard(splits)
        )
        writer.initialize_splits(list(splits))
        writer.add_examples(splits)
        writer.close_all()
    return f"{name}/{config}:{version}" if config else f"{name}:{version}"


def _clips_per_shard(splits) -> int:
    """About 64 MB a file, at least 64 clips: stills are many and small."""
    sizes = [
        sum(np.asarray(value).nbytes for value in clip.values())
        for clips in splits.values()
        for clip in clips
    ]
    return max(64, int(_SHARD_BYTES / np.mean(sizes)))


def _check_alike(splits, skeleton: skeletons.Skeleton) -> Mapping[str, Any]:
    """Returns the first record, which all others must be like."""
    clips = [clip for split in splits.values() for clip in split]
    if not clips:
        raise ValueError("`splits` must have a clip. Received: none.")
    first = clips[0]
    sizes = (first[schema.KEYPOINTS_2D].shape[1], skeleton.num_joints)
    for clip in clips:
        found = clip[schema.KEYPOINTS_2D].shape[1:3]
        if found != sizes or set(clip) != set(first):
            raise ValueError(
                f"Clip `{clip[schema.CLIP_ID]}`: must have (views, joints) "
                f"{sizes} (joints of `{skeleton.name}`) and the entries of "
                f"the first clip. Received: {found}, {', '.join(clip)}."
            )
    return first


def write(
    splits: Mapping[str, tables.Table],
    data_dir: str,
    *,
    name: str,
    config: str | None = None,
    version: str = "1.0.0",
) -> str:
    """Writes one table per split, as `write_records` does.

    Args:
      splits: {"train": table, ...}, all of the same skeleton, views, 3D and
        calibration.
      data_dir: folder of prepared data sets.
      name: of the data set.
      config: of the data set, if it has any.
      version: of the data set.

    Returns:
      What `--dataset` takes: NAME[/CONFIG]:VERSION.

    Raises:
      ValueError: names a clip that `records.example` refuses.
      FileExistsError: this version is there already.
    """
    first = next(iter(splits.values()))
    return write_records(
        {
            split: [_record(table, clip) for clip in range(table.num_clips)]
            for split, table in splits.items()
        },
        data_dir,
        skeleton=first.skeleton,
        name=name,
        action_names=first.action_names,
        config=config,
        version=version,
    )


def _record(table: tables.Table, clip: int) -> dict[str, Any]:
    rows = slice(*table.clip_start[clip : clip + 2])
    has_3d = table.joints_3d is not None
    return records.example(
        clip_id=table.clip_id[clip],
        fps=table.fps[clip],
        keypoints_2d=table.keypoints_2d[rows],
        scores=table.scores[rows],
        subject=table.subject[clip],
        action=table.clip_action[clip],
        scene=table.scene[clip],
        flags=table.flags[clip],
        person=table.person[clip],
        frame_index=table.frame_index[rows],
        frame_valid=table.frame_valid[rows],
        frame_action=table.action[rows],
        image_size=table.image_size[clip],
        joints_3d=table.joints_3d[rows] if has_3d else None,
        joints_3d_valid=table.joints_3d_valid[rows] if has_3d else None,
        cameras=table.cameras
        and {key: value[clip] for key, value in table.cameras.items()},
    )
