"""Predictions against the truth: every metric of every pose, and its means.

Both sides are root-relative in the camera's space. A pose that the lifter
refused (`valid` false) or whose true root is unknown cannot be scored; such
poses are counted and left out. Joints without truth are left out of a pose.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from tf_poselift import metrics
from tf_poselift.data import tables
from tf_poselift.evaluation import prediction


@dataclasses.dataclass(frozen=True)
class Scores:
    """Metrics of P scored poses.

    Attributes:
      per_pose: {metric: [P]}, in the units of `metrics`; NaN where a pose has
        no value, which counts in no mean.
      positions: [P] where the poses stand in the predictions.
      labels: {"action", "subject", "scene": [P] names}.
      invalid: number of poses that the lifter refused.
      without_truth: number of other poses whose true root is unknown.
    """

    per_pose: dict[str, np.ndarray]
    positions: np.ndarray
    labels: dict[str, np.ndarray]
    invalid: int = 0
    without_truth: int = 0

    @property
    def overall(self) -> dict[str, float]:
        """Every metric, averaged over poses."""
        return means(self.per_pose)

    def by(self, *kinds: str) -> dict[str, dict[str, float]]:
        """Every metric, averaged over the poses of each label.

        Args:
          *kinds: one or several of `labels`, which are then joined by a space.
        """
        names = self._names(kinds)
        return {
            name: means(
                {
                    metric: values[names == name]
                    for metric, values in self.per_pose.items()
                }
            )
            for name in np.unique(names).tolist()
        }

    def poses_by(self, *kinds: str) -> dict[str, int]:
        """Number of poses of each label."""
        names, counts = np.unique(self._names(kinds), return_counts=True)
        return dict(zip(names.tolist(), counts.tolist(), strict=True))

    def _names(self, kinds) -> np.ndarray:
        columns = [self.labels[kind] for kind in kinds]
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return np.array([" ".join(row) for row in rows])

    @property
    def overall_mean_over_actions(self) -> dict[str, float]:
        """The unweighted mean over actions: a rare one counts as much."""
        rows = self.by("action").values()
        return means(
            {
                metric: np.array([row.get(metric, np.nan) for row in rows])
                for metric in self.per_pose
            }
        )


def score(predictions: prediction.Predictions, table: tables.Table) -> Scores:
    """Compares predictions with the table's 3D.

    Raises:
      ValueError: the data set has no 3D, or no pose is left to score.
    """
    check_joints_3d(table)
    truth, known = truth_of(table, predictions.rows, predictions.views)
    root_known = known[:, list(table.skeleton.root)].all(axis=1)
    positions = np.flatnonzero(predictions.valid & root_known)
    invalid = int((~predictions.valid).sum())
    if not len(positions):
        raise ValueError(
            "At least one pose must be `valid` and have a true root. "
            f"Received: {len(known)} poses, {invalid} of them refused by the "
            "model (too few joints seen, or numbers that are not finite)."
        )
    predicted = predictions.joints_3d[positions]
    truth, known = truth[positions], known[positions]
    rows, views = predictions.rows[positions], predictions.views[positions]
    per_pose = metrics.compute_all(
        predicted,
        truth,
        skeleton=table.skeleton,
        metric=predictions.metric,
        mask=None if known.all() else known,
    )
    fits = {"n_": metrics.scale_to_truth(predicted, truth, mask=known)}
    fits |= {"": predicted} if predictions.metric else {}
    for prefix, fitted in fits.items():
        per_pose[f"{prefix}acceleration_error"] = _acceleration_error(
            fitted, truth, known, rows, views, table
        )
    return Scores(
        per_pose=per_pose,
        positions=positions,
        labels=_labels(table, rows),
        invalid=invalid,
        without_truth=int((predictions.valid & ~root_known).sum()),
    )


def _labels(table: tables.Table, rows: np.ndarray) -> dict[str, np.ndarray]:
    clips = table.clip_of_row[rows]
    return {
        "action": np.array(table.action_names)[table.action[rows]],
        "subject": np.array(table.subject)[clips],
        "scene": np.array(table.scene)[clips],
    }


def _acceleration_error(predicted, truth, known, rows, views, table):
    """Returns [P] mm/s^2; NaN where the frame before or after is not there."""
    order = np.lexsort((rows, views))
    rows, views = rows[order], views[order]
    clips = table.clip_of_row[rows]
    follows = np.diff(rows) == 1
    follows &= (np.diff(views) == 0) & (np.diff(clips) == 0)
    # All clips in one go; the frames where two of them meet are left out.
    errors = metrics.acceleration_error(
        np.asarray(predicted)[order], truth[order], fps=1.0, mask=known[order]
    )
    errors = np.asarray(errors) * table.fps[clips[1:-1]] ** 2
    values = np.full(len(rows), np.nan)
    values[order[1:-1]] = np.where(follows[:-1] & follows[1:], errors, np.nan)
    return values


def check_joints_3d(table: tables.Table) -> None:
    """Raises ValueError if there is nothing to compare with."""
    if table.joints_3d is None:
        raise no_joints_3d(table.datasets)


def no_joints_3d(datasets: Sequence[str]) -> ValueError:
    """Returns what to raise for data sets that have 2D alone."""
    return ValueError(
        "A data set to evaluate on must have `joints_3d`. Received: "
        f"{', '.join(datasets)}, which has 2D alone. `trainers/gallery.py` "
        "draws what the model makes of it; for figures in mm evaluate on a "
        "data set with 3D, say `cmu_mocap`, whose skeleton maps to the model's."
    )


def truth_of(
    table: tables.Table, rows: np.ndarray, views: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the true joints of poses, and which of them are known.

    Args:
      table: a split with 3D.
      rows: [R] rows of the table.
      views: [R] views of these rows.

    Returns:
      joints [R, J, 3], root-relative mm in camera axes, and known [R, J] bool;
      unknown joints are placed on the root.
    """
    joints = table.joints_3d[rows, views]
    known = table.joints_3d_valid[rows, views]
    root = joints[:, list(table.skeleton.root)].mean(axis=1, keepdims=True)
    return np.where(known[..., None], joints - root, np.float32(0)), known


def means(per_pose: dict[str, np.ndarray]) -> dict[str, float]:
    """Averages what has a value; a metric without any is left out."""
    return {
        metric: float(np.nanmean(values))
        for metric, values in per_pose.items()
        if not np.isnan(values).all()
    }
