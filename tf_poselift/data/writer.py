"""Writes tables as a prepared data set, as a builder would leave it."""

import pathlib
from collections.abc import Mapping
from typing import Any

import tensorflow_datasets as tfds

from tf_poselift.data import records
from tf_poselift.data import tables


def write(
    splits: Mapping[str, tables.Table],
    data_dir: str,
    *,
    name: str,
    config: str | None = None,
    version: str = "1.0.0",
    description: str = "Written from tables in memory.",
) -> str:
    """Writes one table per split.

    Args:
      splits: {"train": table, ...}, all of the same skeleton, views, 3D and
        calibration.
      data_dir: folder of prepared data sets.
      name: of the data set.
      config: of the data set, if it has any.
      version: of the data set.
      description: of the data set.

    Returns:
      What `--dataset` takes: NAME[/CONFIG]:VERSION.

    Raises:
      ValueError: names a clip that `records.example` refuses.
      FileExistsError: this version is there already.
    """
    path = pathlib.Path(data_dir, name, config or "", version)
    if path.exists():
        raise FileExistsError(f"{path} must not be there. Delete it first.")
    first = next(iter(splits.values()))
    # All are made before any folder is: a bad clip leaves nothing behind.
    clips = {
        split: [_record(table, clip) for clip in range(table.num_clips)]
        for split, table in splits.items()
    }
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
                skeleton=first.skeleton,
                views=first.num_views,
                joints_3d=first.joints_3d is not None,
                cameras=first.cameras is not None,
            ),
            metadata=records.metadata(
                skeleton=first.skeleton, action_names=first.action_names
            ),
            description=description,
        )
        writer = tfds.core.SequentialWriter(info, max_examples_per_shard=64)
        writer.initialize_splits(list(clips))
        writer.add_examples(clips)
        writer.close_all()
    return f"{name}/{config}:{version}" if config else f"{name}:{version}"


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
