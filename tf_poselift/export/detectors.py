"""Joints of 2D detectors, mapped to a model's skeleton inside its graph."""

import numpy as np
import tensorflow as tf

from tf_poselift import checks
from tf_poselift import skeletons

# Skeletons of detectors that a model can be asked in.
NAMES = ("coco_17", "body_25", "mediapipe_33")


def matrices(target: skeletons.Skeleton) -> dict[str, np.ndarray]:
    """Returns {detector's skeleton: [J, S] of `skeletons.mapping`}.

    Without those that have no map to `target`, and without its own.
    """
    found = {}
    for name in NAMES:
        source = skeletons.load(name)
        if source.joints == target.joints:
            continue
        try:
            found[name] = skeletons.mapping(source, target)
        except ValueError:
            continue
    return found


def map_points(
    points: tf.Tensor, scores: tf.Tensor, matrix: np.ndarray
) -> tuple[tf.Tensor, tf.Tensor]:
    """`skeletons.map_points` for tensors that may hold anything.

    Only the joints that a joint is made of decide about it: its score is their
    lowest, 0 if one of them is missing, and NaN, which makes a row not valid,
    if one of them is seen but not finite.

    Args:
      points: [B, S, D].
      scores: [B, S]; 0 = missing.
      matrix: [J, S].

    Returns:
      points [B, J, D], always finite where their score is, and scores [B, J].
    """
    checks.check_shape("points", points, (matrix.shape[1], None))
    checks.check_shape("scores", scores, (matrix.shape[1],))
    seen = scores > 0.0
    finite = tf.reduce_all(tf.math.is_finite(points), axis=-1)
    broken = (seen & ~finite) | ~tf.math.is_finite(scores)
    # Not a product: NaN * 0 is NaN.
    keep = (seen & ~broken)[..., tf.newaxis]
    clean = tf.where(keep, points, tf.zeros_like(points))
    sources, weights = _sources(matrix)
    # Nor a matrix product, which GPUs would round to 10 bits (TF32).
    mapped = tf.reduce_sum(
        tf.gather(clean, sources, axis=1) * weights[..., np.newaxis], axis=2
    )
    usable = tf.where(broken, tf.zeros_like(scores), scores)
    lowest = tf.reduce_min(tf.gather(usable, sources, axis=1), axis=-1)
    is_broken = tf.reduce_any(tf.gather(broken, sources, axis=1), axis=-1)
    return mapped, tf.where(is_broken, np.float32(np.nan), lowest)


def _sources(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns what each joint is made of, and the weights, [J, K] each.

    A joint that is made of fewer than K names its first one again, weight 0.
    """
    rows = [np.flatnonzero(row) for row in matrix]
    shape = len(rows), max(map(len, rows))
    sources, weights = np.zeros(shape, np.int32), np.zeros(shape, np.float32)
    for j, row in enumerate(rows):
        sources[j] = row[0]
        sources[j, : len(row)] = row
        weights[j, : len(row)] = matrix[j, row]
    return sources, weights
