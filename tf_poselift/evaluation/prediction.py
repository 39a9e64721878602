"""Lifts every evaluated pose of a table.

A pose is one frame in one view. What is compared with the truth is what would
be served, so that evaluation and serving cannot drift apart.
"""

import dataclasses
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import tensorflow as tf
import tqdm

from tf_poselift import normalization
from tf_poselift import schema
from tf_poselift import skeletons
from tf_poselift.data import tables


class Lifter(Protocol):
    """What can be evaluated: a `methods.base.PoseLifter`, or the floor."""

    skeleton: skeletons.Skeleton
    metric: bool
    calibrated: bool  # whether `serve` also takes intrinsics [B, 3, 3]

    def serve(
        self, keypoints_2d: tf.Tensor, scores: tf.Tensor, *intrinsics: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """[B, J, 2] pixels and [B, J] to the served outputs."""


class DepthZero:
    """The floor that any method must beat: depth 0 for every joint."""

    metric = False
    calibrated = False

    def __init__(self, skeleton: skeletons.Skeleton):
        self.skeleton = skeleton

    def serve(
        self, keypoints_2d: tf.Tensor, scores: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Returns the root-relative keypoints with depth 0."""
        flat = normalization.normalize_per_pose(
            keypoints_2d, scores, self.skeleton
        )
        depth = tf.zeros_like(flat.points[..., :1])
        return {
            schema.JOINTS_3D: tf.concat([flat.points, depth], axis=-1),
            "scale": tf.zeros_like(scores[:, 0]),
            "valid": flat.valid,
        }


@dataclasses.dataclass(frozen=True)
class Predictions:
    """Lifted poses; R of them, J joints.

    Attributes:
      joints_3d: [R, J, 3] root-relative, camera axes; mm if `metric`, else
        the mean distance of the seen non-root joints from the root is 1.
      valid: [R] bool; the lifter refused the others, their rows are 0.
      rows: [R] row of the table.
      views: [R] view of that row.
      metric: whether the unit is mm.
      uncertainty: [R, J] where the method offers it, 1 is the mean distance of
        the seen non-root joints from the root; else None.
    """

    joints_3d: np.ndarray
    valid: np.ndarray
    rows: np.ndarray
    views: np.ndarray
    metric: bool
    uncertainty: np.ndarray | None = None


def predict(
    method: Lifter,
    table: tables.Table,
    *,
    batch_size: int = 8192,
    views: Sequence[int] | None = None,
    progress: bool = False,
) -> Predictions:
    """Lifts every frame that is to be evaluated, in every view.

    A calibrated method gets the intrinsics of the view, if the table has them.

    Args:
      method: lifts [B, J, 2] pixels.
      table: the prepared split.
      batch_size: poses lifted at once.
      views: the views to take; all by default.
      progress: shows a progress bar.

    Raises:
      ValueError: the method works in another skeleton, a view that is not
        there, or no frame to evaluate.
    """
    _check_skeletons(method.skeleton, table)
    rows, views = _evaluated(table, views)
    joints = method.skeleton.num_joints
    # What `serve` takes: an array and the indices of the poses in it.
    taken = [
        (table.keypoints_2d, (rows, views)),
        (table.scores, (rows, views)),
    ]
    if method.calibrated and table.cameras is not None:
        clips = table.clip_of_row[rows]
        taken.append((table.cameras[schema.INTRINSICS], (clips, views)))
    # The open batch axis spares a second trace for the last, smaller batch.
    serve = tf.function(
        method.serve,
        input_signature=[
            tf.TensorSpec([None, *array.shape[2:]], tf.float32)
            for array, _ in taken
        ],
        autograph=False,
    )
    lifted = np.zeros((len(rows), joints, 3), np.float32)
    valid = np.zeros(len(rows), bool)
    uncertainty = []
    starts = range(0, len(rows), batch_size)
    for start in tqdm.tqdm(
        starts, desc="lifting", unit="batch", disable=not progress
    ):
        part = slice(start, start + batch_size)
        outputs = serve(
            *(array[first[part], view[part]] for array, (first, view) in taken)
        )
        lifted[part] = outputs[schema.JOINTS_3D]
        valid[part] = outputs["valid"]
        if method.metric:
            lifted[part] *= outputs["scale"].numpy()[:, None, None]
        if "uncertainty" in outputs:
            uncertainty.append(outputs["uncertainty"].numpy())
    return Predictions(
        lifted,
        valid,
        rows,
        views,
        method.metric,
        np.concatenate(uncertainty) if uncertainty else None,
    )


def _check_skeletons(model: skeletons.Skeleton, table: tables.Table) -> None:
    """Raises ValueError unless joints and root are the data set's."""
    data = table.skeleton
    if (model.joints, model.root) == (data.joints, data.root):
        return
    differ = sorted(set(model.joints) ^ set(data.joints))
    what = (
        f"not in both: {', '.join(differ)}"
        if differ
        else "the order of the joints or the root differs"
    )
    raise ValueError(
        "Model and data set must have the same skeleton. Received: model "
        f"`{model.name}` ({model.num_joints} joints), data set "
        f"{', '.join(table.datasets)} `{data.name}` ({data.num_joints} "
        f"joints); {what}. Evaluate on a data set in `{model.name}`, or train "
        "a model on this one."
    )


def _evaluated(table, views) -> tuple[np.ndarray, np.ndarray]:
    """Rows and views of all poses to evaluate, views of a row in turn."""
    taken = np.ones(table.num_views, bool)
    if views is not None:
        outside = [v for v in views if not 0 <= v < table.num_views]
        if outside:
            raise ValueError(
                f"`views` must lie in [0, {table.num_views}). Received: "
                f"{outside}."
            )
        taken = np.isin(np.arange(table.num_views), views)
    rows, views = np.nonzero(table.frame_valid[:, None] & taken)
    if not len(rows):
        raise ValueError(
            f"{', '.join(table.datasets)} must have frames to evaluate "
            f"(`{schema.FRAME_VALID}`) in this split. Received: none of "
            f"{table.num_rows}."
        )
    return rows, views
