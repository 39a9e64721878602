"""Whether a lifter is surest where it is best.

Compared are the served `uncertainty` and the errors after `align_to_truth`. A
pose is as uncertain as its joints are on average.
"""

import numpy as np
from scipy import stats

from tf_poselift import metrics
from tf_poselift.data import tables
from tf_poselift.evaluation import prediction
from tf_poselift.evaluation import scores


def measure(
    predictions: prediction.Predictions,
    scored: scores.Scores,
    table: tables.Table,
) -> dict[str, float]:
    """Returns how the uncertainty ranks joints and poses.

    Args:
      predictions: with `uncertainty`.
      scored: their scores.
      table: the split.

    Returns:
      `spearman_joints` and `spearman_poses`: rank correlation with the error
      of all known joints but the root, and with `pa_mpjpe`; NaN if all are
      alike. `pa_mpjpe`, mm, of all poses, `pa_mpjpe_most_certain_half` of the
      poses with the lowest uncertainty, and `pa_mpjpe_best_half` of those with
      the lowest error: no uncertainty can do better.
    """
    at = scored.positions
    truth, known = scores.truth_of(
        table, predictions.rows[at], predictions.views[at]
    )
    aligned = metrics.align_to_truth(
        predictions.joints_3d[at], truth, mask=known
    )
    errors = np.linalg.norm(np.asarray(aligned) - truth, axis=-1)
    joints = predictions.uncertainty[at]
    ranked = np.copy(known)
    if len(table.skeleton.root) == 1:  # a root that is no joint has no error
        ranked[:, table.skeleton.root] = False
    poses = np.average(joints, axis=1, weights=known)
    pa_mpjpe = scored.per_pose["pa_mpjpe"]
    half = (len(poses) + 1) // 2
    certain = np.argsort(poses, kind="stable")[:half]
    return {
        "spearman_joints": _spearman(joints[ranked], errors[ranked]),
        "spearman_poses": _spearman(poses, pa_mpjpe),
        "pa_mpjpe": float(pa_mpjpe.mean()),
        "pa_mpjpe_most_certain_half": float(pa_mpjpe[certain].mean()),
        "pa_mpjpe_best_half": float(np.sort(pa_mpjpe)[:half].mean()),
    }


def _spearman(one: np.ndarray, other: np.ndarray) -> float:
    return float(stats.spearmanr(one, other).statistic)
