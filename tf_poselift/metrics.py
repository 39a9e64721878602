"""Errors and scores of 3D poses; the name of each is its exact definition.

All take `predicted` and `truth` [..., J, 3] of one shape: root-relative (the
caller subtracts each one's own root), camera axes, the truth in mm. All return
one value per pose, [...] float64: errors in mm, shares in [0, 1]. Means run
over every joint of the skeleton, the root included. Where `mask` [..., J] is
False the truth is missing: the joint takes no part in anything, alignment
included, and a pose without any joint has no value (NaN; average with
`numpy.nanmean`). All raise ValueError if the shapes do not fit.

    mpjpe                    as predicted (only for predictions in mm)
    n_mpjpe                  after `scale_to_truth`, the least-squares scale
    n_mpjpe_norm             after the scale |truth| / |predicted|
    pa_mpjpe                 after `align_to_truth`, Procrustes with det R = +1
    pa_mpjpe_reflect         the same, mirrored where that fits better
    mpjpe_gt_scale_xy        given the truth's mean xy distance from the root
                             (Kudo 2018's evaluation)
    mpjpe_gt_scale_headroot  given the truth's head-root distance (Yu 2021's)

Never compare one with another. `pck_150` and `auc` have the same prefixes in
`compute_all`: `n_pck_150` is `pck_150(scale_to_truth(p, g), g)`.

It is all TensorFlow, so that a plain `keras.metrics.Mean` can average any of
it in a training step; `compute_all` goes from arrays to arrays.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tf_poselift import checks
from tf_poselift import skeletons
from tf_poselift.geometry import procrustes
from tf_poselift.geometry import safe_ops

_PCK_THRESHOLDS = np.array([150.0])  # mm
_AUC_THRESHOLDS = np.arange(0.0, 151.0, 5.0)  # mm
_CPS_THRESHOLDS = np.arange(1.0, 301.0)  # mm
# The mirrored copy must be better by this share of the pose's size: the two
# copies of a flat pose differ by rounding alone.
_MIRROR_MARGIN = 1e-6
_POSES_AT_ONCE = 8192  # bounds the memory of `compute_all`


def scale_to_truth(predicted, truth, *, mask=None) -> tf.Tensor:
    """Returns `predicted` times <predicted, truth> / <predicted, predicted>."""
    p, g, seen = _prepare(predicted, truth, mask)
    seen = seen[..., tf.newaxis]
    return _scaled(
        p,
        tf.reduce_sum(seen * p * g, axis=(-2, -1)),
        tf.reduce_sum(seen * p * p, axis=(-2, -1)),
    )


def align_to_truth(
    predicted, truth, *, reflection: bool = False, mask=None
) -> tf.Tensor:
    """Returns `predicted` after the best similarity (rotation, scale, shift).

    `reflection` allows a mirrored fit where it is better (det R = -1).
    """
    p, g, seen = _prepare(predicted, truth, mask)
    return procrustes.align(p, g, reflection=reflection, weights=seen)


def mpjpe(predicted, truth, *, mask=None) -> tf.Tensor:
    """Returns the mean distance of the joints."""
    p, g, seen = _prepare(predicted, truth, mask)
    return _mean(safe_ops.norm(p - g), seen)


def n_mpjpe(predicted, truth, *, mask=None) -> tf.Tensor:
    """Returns `mpjpe` after the least-squares scale."""
    return mpjpe(scale_to_truth(predicted, truth, mask=mask), truth, mask=mask)


def n_mpjpe_norm(predicted, truth, *, mask=None) -> tf.Tensor:
    """Returns `mpjpe` after the scale |truth| / |predicted|."""
    p, g, seen = _prepare(predicted, truth, mask)
    seen = seen[..., tf.newaxis]
    norms = [safe_ops.norm(seen * x, axis=(-2, -1)) for x in (g, p)]
    return mpjpe(_scaled(p, *norms), g, mask=mask)


def pa_mpjpe(predicted, truth, *, mask=None) -> tf.Tensor:
    """Returns `mpjpe` after the best similarity with det R = +1."""
    return mpjpe(align_to_truth(predicted, truth, mask=mask), truth, mask=mask)


def pa_mpjpe_reflect(predicted, truth, *, mask=None) -> tf.Tensor:
    """Returns `mpjpe` after the best similarity, mirrored or not."""
    aligned = align_to_truth(predicted, truth, reflection=True, mask=mask)
    return mpjpe(aligned, truth, mask=mask)


def mpjpe_gt_scale_xy(predicted, truth, *, mask=None) -> tf.Tensor:
    """Returns `mpjpe` after scaling to the truth's mean xy distance."""
    p, g, seen = _prepare(predicted, truth, mask)
    sizes = [_mean(safe_ops.norm(x[..., :2]), seen) for x in (g, p)]
    return mpjpe(_scaled(p, *sizes), g, mask=mask)


def mpjpe_gt_scale_headroot(
    predicted, truth, *, head: int, mask=None
) -> tf.Tensor:
    """Returns `mpjpe` after scaling to the truth's head-root distance.

    `head` is the head's index; a pose whose head is missing has no value.
    """
    p, g, seen = _prepare(predicted, truth, mask)
    lengths = [safe_ops.norm(x[..., head, :]) for x in (g, p)]
    error = mpjpe(_scaled(p, *lengths), g, mask=mask)
    return tf.where(seen[..., head] > 0.0, error, np.nan)


def pck_150(
    predicted, truth, *, joints: Sequence[int] | None = None, mask=None
) -> tf.Tensor:
    """Returns the share of joints with an error strictly below 150 mm.

    Args:
      predicted: [..., J, 3].
      truth: [..., J, 3].
      joints: indices of the joints that count; None: all. The official groups
        of MPI-INF-3DHP are the first 14 joints of its test set, which are all
        of `human36m_17` but 0, 7 and 9 (pelvis, spine, nose).
      mask: [..., J].
    """
    return _share_below(_PCK_THRESHOLDS, predicted, truth, joints, mask)


def auc(
    predicted, truth, *, joints: Sequence[int] | None = None, mask=None
) -> tf.Tensor:
    """Returns the mean PCK over the 31 thresholds 0, 5, ..., 150 mm.

    Takes what `pck_150` takes. A perfect pose has 30 / 31: no error is below 0.
    """
    return _share_below(_AUC_THRESHOLDS, predicted, truth, joints, mask)


def cps(predicted, truth, *, mask=None) -> tf.Tensor:
    """Returns the correct poses score, 0 to 300 (CanonPose, arXiv 2011.14679).

    How many of the thresholds 1, 2, ..., 300 mm all the joints are strictly
    below after `align_to_truth`; the mean over poses is the area under the
    curve of correct poses.
    """
    aligned = align_to_truth(predicted, truth, mask=mask)
    p, g, seen = _prepare(aligned, truth, mask)
    worst = tf.reduce_max(safe_ops.norm(p - g) * seen, axis=-1, keepdims=True)
    correct = tf.cast(worst < _CPS_THRESHOLDS, tf.float64)
    any_seen = tf.reduce_any(seen > 0.0, axis=-1)
    return tf.where(any_seen, tf.reduce_sum(correct, axis=-1), np.nan)


def mirror_rate(predicted, truth, *, mask=None) -> tf.Tensor:
    """Returns 1 where the depth-mirrored copy has the lower `pa_mpjpe`."""
    p, g, seen = _prepare(predicted, truth, mask)
    error = pa_mpjpe(p, g, mask=mask)
    mirrored = pa_mpjpe(p * [1.0, 1.0, -1.0], g, mask=mask)
    margin = _MIRROR_MARGIN * _mean(safe_ops.norm(g), seen)
    better = tf.cast(mirrored < error - margin, tf.float64)
    return tf.where(tf.math.is_nan(error), error, better)


def acceleration_error(predicted, truth, *, fps, mask=None) -> tf.Tensor:
    """Returns the mean difference of the joints' accelerations in a clip.

    Second differences times fps^2, in mm/s^2 (divide by fps^2 for the
    mm/frame^2 that some papers print). Predictions without a scale come
    through `scale_to_truth` first.

    Args:
      predicted: [..., T, J, 3], consecutive frames.
      truth: [..., T, J, 3].
      fps: frames per second.
      mask: [..., T, J]; a joint counts where three frames in a row have it.

    Returns:
      [..., T - 2], one value for every frame but the first and the last; none
      if the clip is shorter than three frames.
    """
    p, g, seen = _prepare(predicted, truth, mask)
    error = p - g
    change = error[..., 2:, :, :] - 2.0 * error[..., 1:-1, :, :]
    change += error[..., :-2, :, :]
    seen = seen[..., 2:, :] * seen[..., 1:-1, :] * seen[..., :-2, :]
    return _mean(safe_ops.norm(change), seen) * tf.cast(fps, tf.float64) ** 2


def compute_all(
    predicted: np.ndarray,
    truth: np.ndarray,
    *,
    skeleton: skeletons.Skeleton,
    metric: bool,
    mask: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Returns every metric that the predictions can have.

    Args:
      predicted: [N, J, 3], root-relative; in mm if `metric`.
      truth: [N, J, 3], root-relative, mm.
      skeleton: J joints; its `pck` are the joints of `pck_150` and `auc`.
      metric: the predictions are in mm; else `mpjpe`, `pck_150` and `auc` have
        no meaning and are left out.
      mask: [N, J] bool, `joints_3d_valid`.

    Returns:
      {name: [N] float64}; without `mpjpe_gt_scale_headroot` if the skeleton
      has no head.

    Raises:
      ValueError: shapes that do not fit, or NaN or infinite coordinates of
        joints that are not masked.
    """
    predicted, truth = np.asarray(predicted), np.asarray(truth)
    checks.check_shape("predicted", predicted, (None, skeleton.num_joints, 3))
    mask = np.ones(predicted.shape[:2], bool) if mask is None else mask
    mask = np.asarray(mask, bool)
    checks.check_shape("mask", mask, predicted.shape[:2])
    for name, points in (("predicted", predicted), ("truth", truth)):
        checks.check_shape(name, points, predicted.shape)
        checks.check_finite(name, np.where(mask[..., None], points, 0.0))
    parts = []
    for start in range(0, max(len(predicted), 1), _POSES_AT_ONCE):
        rows = slice(start, start + _POSES_AT_ONCE)
        # Accelerators are slow at large batches of 3 x 3 decompositions.
        with tf.device("CPU:0"):
            parts.append(
                _compute(
                    predicted[rows],
                    truth[rows],
                    mask[rows],
                    skeleton,
                    metric,
                )
            )
    return {
        name: np.concatenate([part[name] for part in parts])
        for name in parts[0]
    }


def _compute(predicted, truth, mask, skeleton, metric):
    p, g, _ = _prepare(predicted, truth, mask)
    fits = {"": p} if metric else {}
    fits["n_"] = scale_to_truth(p, g, mask=mask)
    fits["pa_"] = align_to_truth(p, g, mask=mask)
    values = {}
    for prefix, fitted in fits.items():
        values[f"{prefix}mpjpe"] = mpjpe(fitted, g, mask=mask)
    values["n_mpjpe_norm"] = n_mpjpe_norm(p, g, mask=mask)
    values["pa_mpjpe_reflect"] = pa_mpjpe_reflect(p, g, mask=mask)
    values["mpjpe_gt_scale_xy"] = mpjpe_gt_scale_xy(p, g, mask=mask)
    if skeleton.head is not None:
        values["mpjpe_gt_scale_headroot"] = mpjpe_gt_scale_headroot(
            p, g, head=skeleton.head, mask=mask
        )
    for prefix, fitted in fits.items():
        for name, score in (("pck_150", pck_150), ("auc", auc)):
            values[prefix + name] = score(
                fitted, g, joints=skeleton.pck or None, mask=mask
            )
    values["cps"] = cps(p, g, mask=mask)
    values["mirror_rate"] = mirror_rate(p, g, mask=mask)
    return {name: value.numpy() for name, value in values.items()}


def _prepare(predicted, truth, mask) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Checked float64 points, 0 where missing, and 1 where seen [..., J]."""
    predicted = tf.convert_to_tensor(predicted)
    truth = tf.convert_to_tensor(truth)
    checks.check_shape("predicted", predicted, (None, 3))
    # Shapes of one rank only: broadcasting would compare the wrong poses.
    if not predicted.shape.is_compatible_with(truth.shape):
        raise ValueError(
            "`predicted` and `truth` must have one shape. Received: "
            f"{tuple(predicted.shape)}, {tuple(truth.shape)}."
        )
    if mask is None:
        mask = tf.ones_like(predicted[..., 0], tf.bool)
    mask = tf.cast(mask, tf.bool)
    if not mask.shape.is_compatible_with(predicted.shape[:-1]):
        raise ValueError(
            "`mask` must have the shape of the poses without the last axis. "
            f"Received: {tuple(mask.shape)} for {tuple(predicted.shape)}."
        )
    # Not a product: missing coordinates may be NaN.
    predicted, truth = (
        tf.where(mask[..., tf.newaxis], tf.cast(x, tf.float64), 0.0)
        for x in (predicted, truth)
    )
    return predicted, truth, tf.cast(mask, tf.float64)


def _scaled(points: tf.Tensor, wanted: tf.Tensor, present: tf.Tensor):
    """Points [..., J, 3] times wanted / present [...]; 0 where that is 0."""
    scale = safe_ops.divide(wanted, present)
    return points * scale[..., tf.newaxis, tf.newaxis]


def _mean(values: tf.Tensor, seen: tf.Tensor) -> tf.Tensor:
    """Mean over the seen joints; NaN (0 / 0) where there is none."""
    return tf.reduce_sum(values * seen, axis=-1) / tf.reduce_sum(seen, axis=-1)


def _share_below(thresholds, predicted, truth, joints, mask) -> tf.Tensor:
    """Share of (joint, threshold) with an error strictly below it."""
    p, g, seen = _prepare(predicted, truth, mask)
    distances = safe_ops.norm(p - g)
    if joints is not None:
        if not all(0 <= j < distances.shape[-1] for j in joints):
            raise ValueError(
                "`joints` must be indices of the poses' "
                f"{distances.shape[-1]} joints. Received: {tuple(joints)}."
            )
        distances = tf.gather(distances, joints, axis=-1)
        seen = tf.gather(seen, joints, axis=-1)
    below = tf.cast(distances[..., tf.newaxis] < thresholds, tf.float64)
    return _mean(tf.reduce_mean(below, axis=-1), seen)
