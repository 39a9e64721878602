"""Records: what a data set builder yields, one clip at a time.

`dataset_info` declares them to TFDS, `example` makes one from the arrays of a
clip. Names, shapes and units: `schema`. The tensors are stored plainly, as
lists of numbers that any reader of TFRecords understands: for 168,672 poses
zlib saves 30 % of the 72 MB and takes no longer.
"""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tf_poselift import checks
from tf_poselift import schema
from tf_poselift import skeletons

HOLD_OUT = 8  # every eighth clip validates


def dataset_info(
    builder: tfds.core.DatasetBuilder,
    *,
    skeleton: skeletons.Skeleton,
    views: int,
    action_names: Sequence[str],
    joints_3d: bool,
    cameras: bool,
    homepage: str | None = None,
) -> tfds.core.DatasetInfo:
    """Returns what a builder's `_info` must return.

    Args:
      builder: the builder; README.md and CITATIONS.bib in its folder give the
        description and the citation.
      skeleton: J joints.
      views: V, the same for all clips of a configuration.
      action_names: the actions that `frame_action` counts through.
      joints_3d: whether the records have 3D.
      cameras: whether they are calibrated.
      homepage: address of the source.
    """
    return builder.dataset_info_from_configs(
        features=features(
            skeleton=skeleton,
            views=views,
            joints_3d=joints_3d,
            cameras=cameras,
        ),
        metadata=metadata(skeleton=skeleton, action_names=action_names),
        homepage=homepage,
    )


def features(
    *,
    skeleton: skeletons.Skeleton,
    views: int,
    joints_3d: bool,
    cameras: bool,
) -> tfds.features.FeaturesDict:
    """Returns the features of a record with V views; only T is unknown."""
    sizes = {"T": None, "V": views, "J": skeleton.num_joints}
    fields = schema.ALWAYS | (schema.WITH_3D if joints_3d else {})
    tree = {key: _feature(field, sizes) for key, field in fields.items()}
    if cameras:
        tree[schema.CAMERAS] = {
            key: _feature(field, sizes)
            for key, field in schema.CALIBRATION.items()
        }
    return tfds.features.FeaturesDict(tree)


def _feature(field: schema.Field, sizes: Mapping[str, int | None]):
    if field.dtype == "string":
        return tfds.features.Text()
    shape = tuple(sizes.get(n, n) for n in field.shape)
    dtype = np.dtype(field.dtype)
    return tfds.features.Tensor(shape=shape, dtype=dtype)


def metadata(
    *, skeleton: skeletons.Skeleton, action_names: Sequence[str]
) -> tfds.core.MetadataDict:
    """Returns what stands beside the records, for reading without a builder."""
    return tfds.core.MetadataDict(
        {
            schema.METADATA_SKELETON: skeleton.to_dict(),
            schema.METADATA_ACTIONS: list(action_names),
            schema.METADATA_UNITS: dict(schema.UNITS),
        }
    )


def example(
    *,
    clip_id: str,
    fps: float,
    keypoints_2d: np.ndarray,
    scores: np.ndarray | None = None,
    subject: str = "",
    action: str = "",
    scene: str = "",
    flags: str = "",
    person: int = 0,
    frame_index: np.ndarray | None = None,
    frame_valid: np.ndarray | None = None,
    frame_action: np.ndarray | None = None,
    image_size: np.ndarray | None = None,
    joints_3d: np.ndarray | None = None,
    joints_3d_valid: np.ndarray | None = None,
    cameras: Mapping[str, np.ndarray] | None = None,
) -> dict[str, Any]:
    """Returns the record of one clip, for `yield clip_id, example(...)`.

    Arrays of the record's types are taken as they are, not copied.

    Args:
      clip_id: unique in the data set.
      fps: frames per second, > 0.
      keypoints_2d: [T, V, J, 2] pixels, origin top left.
      scores: [T, V, J] in [0, 1], 0 = missing; without it all are 1.
      subject: who.
      action: what the clip shows.
      scene: where.
      flags: comma-separated words.
      person: number of the person within the clip.
      frame_index: [T] increasing numbers of the frames in the source
        recording; without it 0 ... T - 1.
      frame_valid: [T] evaluate this frame; without it all.
      frame_action: [T] index into the action names, -1 = the clip's; without
        it -1.
      image_size: [V, 2] width and height in pixels; without it 0 = unknown.
      joints_3d: [T, V, J, 3] mm in each camera's space, not centred.
      joints_3d_valid: [T, V, J]; without it all, if there is 3D.
      cameras: `intrinsics [V, 3, 3]`, `distortion [V, 5]`,
        `rotation [V, 3, 3]`, `translation [V, 3]`.

    Raises:
      ValueError: names the clip: a wrong shape, a number that is not finite,
        scores outside [0, 1], frames that do not increase, a camera entry that
        is missing or unknown.
    """
    keypoints_2d = np.asarray(keypoints_2d, np.float32)
    sizes = _sizes(clip_id, keypoints_2d)
    frames, views, joints = sizes.values()
    values = {
        schema.CLIP_ID: clip_id,
        schema.SUBJECT: subject,
        schema.ACTION: action,
        schema.SCENE: scene,
        schema.FLAGS: flags,
        schema.PERSON: person,
        schema.FPS: fps,
        schema.FRAME_INDEX: _or(frame_index, np.arange(frames)),
        schema.FRAME_VALID: _or(frame_valid, np.ones(frames, bool)),
        schema.FRAME_ACTION: _or(frame_action, np.full(frames, -1)),
        schema.KEYPOINTS_2D: keypoints_2d,
        schema.SCORES: _or(
            scores, np.ones((frames, views, joints), np.float32)
        ),
        schema.IMAGE_SIZE: _or(image_size, np.zeros((views, 2))),
    }
    fields = dict(schema.ALWAYS)
    if joints_3d is not None:
        everywhere = np.ones((frames, views, joints), bool)
        values[schema.JOINTS_3D] = joints_3d
        values[schema.JOINTS_3D_VALID] = _or(joints_3d_valid, everywhere)
        fields |= schema.WITH_3D
    try:
        record = _cast(values, fields, sizes)
        if cameras is not None:
            record[schema.CAMERAS] = _cast(cameras, schema.CALIBRATION, sizes)
        _check(record)
    except ValueError as error:
        raise ValueError(f"Clip `{clip_id}`: {error}") from error
    return record


def _sizes(clip_id: str, keypoints_2d: np.ndarray) -> dict[str, int]:
    """Returns the numbers that the letters of `schema` stand for."""
    if keypoints_2d.ndim != 4 or keypoints_2d.shape[0] == 0:
        raise ValueError(
            f"Clip `{clip_id}`: `keypoints_2d` must have shape [T, V, J, 2] "
            f"with T > 0. Received: {keypoints_2d.shape}."
        )
    return dict(zip("TVJ", keypoints_2d.shape[:3], strict=True))


def _or(value, default: np.ndarray):
    return default if value is None else value


def _cast(values, fields, sizes: Mapping[str, int]) -> dict[str, Any]:
    """Returns `values` as the types of `fields`; shapes must fit exactly."""
    if set(values) != set(fields):
        raise ValueError(
            f"the entries must be {', '.join(fields)}. Received: "
            f"{', '.join(values)}."
        )
    record = {}
    for key, field in fields.items():
        if field.dtype == "string":
            record[key] = values[key]
            continue
        array = np.asarray(values[key])
        shape = tuple(sizes.get(n, n) for n in field.shape)
        if array.shape != shape:
            raise ValueError(
                f"`{key}` must have shape {shape}. Received: {array.shape}."
            )
        if array.dtype.kind not in "bi":  # those are always finite
            checks.check_finite(key, array)
        record[key] = array.astype(field.dtype, copy=False)
    return record


def _check(record: Mapping[str, Any]) -> None:
    scores = record[schema.SCORES]
    if scores.min() < 0.0 or scores.max() > 1.0:
        raise ValueError(
            f"`{schema.SCORES}` must be in [0, 1]. Received: {scores.min()} "
            f"to {scores.max()}."
        )
    if record[schema.FPS] <= 0.0:
        raise ValueError(
            f"`{schema.FPS}` must be > 0. Received: {record[schema.FPS]}."
        )
    if (np.diff(record[schema.FRAME_INDEX]) <= 0).any():
        raise ValueError(f"`{schema.FRAME_INDEX}` must increase.")


def hold_out_every_eighth(
    clip_ids: Iterable[str],
) -> tuple[list[str], list[str]]:
    """Splits training clips into training and validation, by sorted id.

    The clips at positions 7, 15, 23, ... of the sorted ids validate; of two to
    seven clips the last one does. A single clip is for training, and then the
    builder has no `validation` split.

    Returns:
      (train ids, validation ids), both sorted.

    Raises:
      ValueError: an id that stands there twice.
    """
    ordered = sorted(clip_ids)
    if len(set(ordered)) != len(ordered):
        twice = sorted({c for c in ordered if ordered.count(c) > 1})
        raise ValueError(f"Clip ids must be unique. Received twice: {twice}.")
    validation = ordered[HOLD_OUT - 1 :: HOLD_OUT]
    if not validation and len(ordered) > 1:
        validation = ordered[-1:]
    held_out = set(validation)
    return [c for c in ordered if c not in held_out], validation
