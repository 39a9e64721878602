"""In-graph centring and scaling of poses, and their inverses.

Missing joints (score 0) take no part in any mean and are placed on the root,
so that a network sees a zero there. A pose is `valid` if its root is seen, at
least `MIN_VISIBLE` further joints are, every seen joint is finite and its
scale is not zero; an invalid pose comes out as zeros, never as NaN.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_poselift import checks
from tf_poselift import skeletons
from tf_poselift.geometry import safe_ops

MIN_VISIBLE = 2  # visible non-root joints; one alone fixes no pose at all


class Normalized(NamedTuple):
    """Root-relative points and what undoes the normalisation.

    Attributes:
      points: [..., J, D], root-relative, divided by `scale`; 0 where missing.
      mask: [..., J] float, 1 where the joint is seen.
      root: [..., 1, D] position of the root in the input's units.
      scale: [..., 1, 1] what the points were divided by.
      valid: [...] bool.
    """

    points: tf.Tensor
    mask: tf.Tensor
    root: tf.Tensor
    scale: tf.Tensor
    valid: tf.Tensor


def _is_root(skeleton: skeletons.Skeleton) -> np.ndarray:
    """[J] 1 where the joint alone is the root (a virtual root is none)."""
    indicator = np.zeros(skeleton.num_joints, np.float32)
    if len(skeleton.root) == 1:
        indicator[skeleton.root[0]] = 1.0
    return indicator


def root_position(points: tf.Tensor, skeleton: skeletons.Skeleton) -> tf.Tensor:
    """Returns the root, [..., 1, D]: the mean of the skeleton's root joints."""
    checks.check_shape("points", points, (skeleton.num_joints, None))
    roots = [points[..., j : j + 1, :] for j in skeleton.root]
    return tf.add_n(roots) / len(roots)


def mean_distance(
    points: tf.Tensor, mask: tf.Tensor, skeleton: skeletons.Skeleton
) -> tf.Tensor:
    """Returns the mean distance of the seen joints from the origin.

    Args:
      points: [..., J, D], root-relative.
      mask: [..., J] float, 1 where the joint is seen.
      skeleton: J joints; the root itself (distance 0) is left out.

    Returns:
      [..., 1, 1], in the unit of `points`; 0 if no such joint is seen.
    """
    mean = mean_of_seen(safe_ops.norm(points), mask, skeleton)
    return mean[..., tf.newaxis, tf.newaxis]


def mean_of_seen(
    values: tf.Tensor, mask: tf.Tensor, skeleton: skeletons.Skeleton
) -> tf.Tensor:
    """Returns the mean [...] of [..., J] over the seen joints but the root.

    `mask` [..., J] is 1 where a joint is seen; 0 if no such joint is.
    """
    weight = mask * (1.0 - _is_root(skeleton))
    total = tf.reduce_sum(values * weight, axis=-1)
    return safe_ops.divide(total, tf.reduce_sum(weight, axis=-1))


def center(
    points: tf.Tensor, scores: tf.Tensor, skeleton: skeletons.Skeleton
) -> Normalized:
    """Makes points root-relative without scaling them (scale is 1).

    Args:
      points: [..., J, D] in any unit.
      scores: [..., J]; 0 = missing.
      skeleton: J joints.

    Raises:
      ValueError: if a joint axis is not the skeleton's.
    """
    checks.check_shape("points", points, (skeleton.num_joints, None))
    checks.check_shape("scores", scores, (skeleton.num_joints,))
    seen = scores > 0.0
    # Coordinate by coordinate: to spread a mask over the two or three of a
    # joint takes some runtimes longer than all else here together.
    coordinates = tf.unstack(points, axis=-1)
    # A sum is finite only if all its terms are. Not a product: detectors also
    # write NaN for a joint that they do not see, and NaN * 0 is NaN.
    scores = tf.cast(scores, coordinates[0].dtype)
    terms = tf.where(seen, sum(coordinates, scores), scores)
    finite = tf.math.is_finite(tf.reduce_sum(terms, axis=-1))
    # A root joint outweighs all others together: one sum tells whether the
    # whole root and enough others are seen.
    joints = skeleton.num_joints
    weight = 1.0 - _is_root(skeleton)
    weight[list(skeleton.root)] += joints
    weighed = tf.reduce_sum(tf.cast(seen, tf.float32) * weight, axis=-1)
    enough = weighed >= joints * len(skeleton.root) + MIN_VISIBLE
    valid = finite & enough

    keep = seen & valid[..., tf.newaxis]
    roots = [root_mean(coordinate, skeleton) for coordinate in coordinates]
    centred = [
        tf.where(keep, coordinate - root, 0.0)
        for coordinate, root in zip(coordinates, roots, strict=True)
    ]
    root = tf.stack(roots, axis=-1)
    root = tf.where(valid[..., tf.newaxis, tf.newaxis], root, 0.0)
    return Normalized(
        points=tf.stack(centred, axis=-1),
        mask=tf.cast(keep, root.dtype),
        root=root,
        scale=tf.ones_like(root[..., :1]),
        valid=valid,
    )


def root_mean(values: tf.Tensor, skeleton: skeletons.Skeleton) -> tf.Tensor:
    """Returns the mean [..., 1] over the root joints of [..., J]."""
    roots = [values[..., j : j + 1] for j in skeleton.root]
    return tf.add_n(roots) / len(roots)


def normalize_per_pose(
    points: tf.Tensor,
    scores: tf.Tensor,
    skeleton: skeletons.Skeleton,
    *,
    size: float = 1.0,
) -> Normalized:
    """Centres points and scales every pose to the same mean distance.

    Kudo 2018, Sec. 3.3: subtract the central joint, divide by the mean
    distance of the joints from it.

    Args:
      points: [..., J, D] in any unit.
      scores: [..., J]; 0 = missing.
      skeleton: J joints.
      size: mean distance of the seen non-root joints from the root afterwards.
    """
    centred = center(points, scores, skeleton)
    # The mask of a pose that is not valid does not matter, its points are 0.
    # This one is there already: `center` and whoever serves count it, too.
    seen = tf.cast(scores > 0.0, centred.mask.dtype)
    distances = safe_ops.norm(centred.points)
    return _divided(centred, mean_of_seen(distances, seen, skeleton) / size)


def normalize_by_maximum(
    points: tf.Tensor, scores: tf.Tensor, skeleton: skeletons.Skeleton
) -> Normalized:
    """Centres points and scales every pose to fill [-1, 1].

    TIPSy-GAN 2022, Sec. 3: the largest absolute coordinate of a seen joint is
    1 afterwards.

    Args:
      points: [..., J, D] in any unit.
      scores: [..., J]; 0 = missing.
      skeleton: J joints.
    """
    centred = center(points, scores, skeleton)
    largest = tf.reduce_max(tf.abs(centred.points), axis=[-2, -1])
    return _divided(centred, largest)


def _divided(centred: Normalized, scale: tf.Tensor) -> Normalized:
    """Divides by `scale` [...]; poses without a scale are not valid.

    Those that were not valid before are zeros and have none.
    """
    # The squares of finite coordinates may overflow.
    scale = tf.where(tf.math.is_finite(scale), scale, 0.0)
    valid = scale > 0.0
    keep = tf.cast(valid, centred.points.dtype)
    scale = scale[..., tf.newaxis, tf.newaxis]
    return Normalized(
        points=safe_ops.divide(centred.points, scale),
        mask=centred.mask * keep[..., tf.newaxis],
        root=centred.root,
        scale=scale,
        valid=valid,
    )


def denormalize(points: tf.Tensor, normalized: Normalized) -> tf.Tensor:
    """Undoes the normalisations above for [..., J, D] points."""
    return points * normalized.scale + normalized.root
