"""A split in memory: one row per frame, the frames of all clips in order."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from tf_poselift import schema
from tf_poselift import skeletons


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """N rows, C clips, V views, J joints; NumPy arrays.

    Attributes:
      datasets: what was read, as "name/config:version".
      skeleton: J joints.
      action_names: A names.
      keypoints_2d: [N, V, J, 2] float32 pixels.
      scores: [N, V, J] float32 in [0, 1]; 0 = missing.
      frame_index: [N] int64, number of the frame in the source recording.
      frame_valid: [N] bool, evaluate this frame.
      action: [N] int32, index into `action_names`.
      clip_start: [C + 1] int64; clip c has rows clip_start[c] to
        clip_start[c + 1].
      clip_id: C texts; so are `subject`, `clip_action`, `scene`, `flags`.
      person: [C] int64, number of the person within the clip.
      fps: [C] float32.
      image_size: [C, V, 2] float32 (width, height) in pixels; 0 = unknown.
      joints_3d: [N, V, J, 3] float32 mm in each camera's space, or None.
      joints_3d_valid: [N, V, J] bool, or None.
      cameras: None, or `intrinsics` [C, V, 3, 3], `distortion` [C, V, 5],
        `rotation` [C, V, 3, 3] and `translation` [C, V, 3], all float32.
    """

    datasets: tuple[str, ...]
    skeleton: skeletons.Skeleton
    action_names: tuple[str, ...]
    keypoints_2d: np.ndarray
    scores: np.ndarray
    frame_index: np.ndarray
    frame_valid: np.ndarray
    action: np.ndarray
    clip_start: np.ndarray
    clip_id: tuple[str, ...]
    subject: tuple[str, ...]
    clip_action: tuple[str, ...]
    scene: tuple[str, ...]
    flags: tuple[str, ...]
    person: np.ndarray
    fps: np.ndarray
    image_size: np.ndarray
    joints_3d: np.ndarray | None = None
    joints_3d_valid: np.ndarray | None = None
    cameras: dict[str, np.ndarray] | None = None

    @property
    def num_rows(self) -> int:
        return self.keypoints_2d.shape[0]

    @property
    def num_views(self) -> int:
        return self.keypoints_2d.shape[1]

    @property
    def num_clips(self) -> int:
        return len(self.clip_id)

    @functools.cached_property
    def clip_of_row(self) -> np.ndarray:
        """[N] int32, the clip that a row belongs to."""
        clips = np.arange(self.num_clips, dtype=np.int32)
        return np.repeat(clips, np.diff(self.clip_start))


# Fields by what their leading axes count.
_ROWS = (schema.FRAME_INDEX, schema.FRAME_VALID, "action")
_ROWS_VIEWS = (
    schema.KEYPOINTS_2D,
    schema.SCORES,
    schema.JOINTS_3D,
    schema.JOINTS_3D_VALID,
)
_CLIPS = (schema.PERSON, schema.FPS)
_CLIPS_VIEWS = (schema.IMAGE_SIZE,)
_TEXTS = (
    schema.CLIP_ID,
    schema.SUBJECT,
    "clip_action",
    schema.SCENE,
    schema.FLAGS,
)


def select(table: Table, clips: Sequence[int]) -> Table:
    """Returns the table of some clips, in the order of the numbers given."""
    return _gather(table, np.asarray(clips, np.int64).reshape(-1))


def split_views(table: Table) -> Table:
    """Makes every view a single-view clip of its own, `CLIP_ID/VIEW`.

    The order is clip, view, frame.
    """
    clips = np.repeat(np.arange(table.num_clips), table.num_views)
    views = np.tile(np.arange(table.num_views), table.num_clips)
    split = _gather(table, clips, views)
    clip_id = tuple(
        f"{clip}/{view}"
        for clip, view in zip(split.clip_id, views, strict=True)
    )
    return dataclasses.replace(split, clip_id=clip_id)


def _gather(
    table: Table, clips: np.ndarray, views: np.ndarray | None = None
) -> Table:
    """Returns the clips [K], each with all its views or with one of [K]."""
    lengths = np.diff(table.clip_start)[clips]
    clip_start = np.concatenate([[0], np.cumsum(lengths)])
    # Counts up from 0 in the new table, from the clip's start in the old one.
    shift = np.repeat(table.clip_start[clips] - clip_start[:-1], lengths)
    rows = np.arange(clip_start[-1]) + shift

    def take(value, at, view):
        if value is None or view is None:
            return None if value is None else value[at]
        return value[at, view][:, np.newaxis]

    view_of_row = None if views is None else np.repeat(views, lengths)
    parts: dict[str, Any] = {"clip_start": clip_start}
    for name in _ROWS:
        parts[name] = getattr(table, name)[rows]
    for name in _ROWS_VIEWS:
        parts[name] = take(getattr(table, name), rows, view_of_row)
    for name in _CLIPS:
        parts[name] = getattr(table, name)[clips]
    for name in _CLIPS_VIEWS:
        parts[name] = take(getattr(table, name), clips, views)
    for name in _TEXTS:
        parts[name] = tuple(getattr(table, name)[c] for c in clips)
    if table.cameras is not None:
        parts[schema.CAMERAS] = {
            key: take(value, clips, views)
            for key, value in table.cameras.items()
        }
    return dataclasses.replace(table, **parts)


def to_skeleton(table: Table, skeleton: skeletons.Skeleton) -> Table:
    """Returns the table in another skeleton (`skeletons.mapping`).

    A joint that is made of several has their mean in the images and in 3D, and
    is missing where one of them is.

    Raises:
      ValueError: a joint of `skeleton` that the table's cannot give.
    """
    if table.skeleton == skeleton:
        return table
    matrix = skeletons.mapping(table.skeleton, skeleton)
    keypoints_2d, scores = skeletons.map_points(
        table.keypoints_2d, table.scores, matrix
    )
    parts = {schema.KEYPOINTS_2D: keypoints_2d, schema.SCORES: scores}
    if table.joints_3d is not None:
        joints_3d, valid = skeletons.map_points(
            table.joints_3d, table.joints_3d_valid.astype(np.float32), matrix
        )
        parts |= {
            schema.JOINTS_3D: joints_3d,
            schema.JOINTS_3D_VALID: valid > 0.0,
        }
    return dataclasses.replace(table, skeleton=skeleton, **parts)


def concatenate(tables: Sequence[Table]) -> Table:
    """Puts tables of the same skeleton one after the other.

    What not all of them have, 3D or cameras, the result has not either. If
    their view counts differ, every view becomes a clip of its own. The action
    names are those of all tables.

    Raises:
      ValueError: if the skeletons differ; says in what.
    """
    first = tables[0]
    if len(tables) == 1:
        return first
    for other in tables[1:]:
        _check_same_skeleton(first, other)
    if len({table.num_views for table in tables}) > 1:
        tables = [split_views(table) for table in tables]
    names = tuple(
        dict.fromkeys(name for table in tables for name in table.action_names)
    )
    joined = {
        name: _join([getattr(table, name) for table in tables])
        for name in (*_ROWS, *_ROWS_VIEWS, *_CLIPS, *_CLIPS_VIEWS)
    }
    joined |= {
        name: sum((getattr(table, name) for table in tables), ())
        for name in ("datasets", *_TEXTS)
    }
    joined["action"] = np.concatenate(
        [
            np.array([names.index(n) for n in table.action_names], np.int32)[
                table.action
            ]
            for table in tables
        ]
    )
    lengths = np.concatenate([np.diff(table.clip_start) for table in tables])
    joined["clip_start"] = np.concatenate([[0], np.cumsum(lengths)])
    if all(table.cameras is not None for table in tables):
        joined[schema.CAMERAS] = {
            key: np.concatenate([table.cameras[key] for table in tables])
            for key in schema.CALIBRATION
        }
    return Table(skeleton=first.skeleton, action_names=names, **joined)


def _join(values: Sequence[np.ndarray | None]) -> np.ndarray | None:
    if any(value is None for value in values):
        return None
    return np.concatenate(values)


def _check_same_skeleton(one: Table, other: Table) -> None:
    differing = [
        field.name
        for field in dataclasses.fields(skeletons.Skeleton)
        if field.compare
        and getattr(one.skeleton, field.name)
        != getattr(other.skeleton, field.name)
    ]
    if differing:
        raise ValueError(
            "Data sets read together must have the same skeleton. Received: "
            f"`{one.skeleton.name}` ({', '.join(one.datasets)}) and "
            f"`{other.skeleton.name}` ({', '.join(other.datasets)}), which "
            f"differ in {', '.join(differing)}."
        )
