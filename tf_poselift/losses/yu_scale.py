"""What the scale of a pose is in Yu 2021, Sec. 3.1: unit, Eq. 3 and prior.

`poses` are `normalization.Normalized`: root-relative [..., J, D] `points`,
`mask`, `scale` that they were divided by, `valid`.
"""

import itertools

import numpy as np
import tensorflow as tf
from scipy import ndimage

from tf_poselift import skeletons
from tf_poselift.geometry import safe_ops

_MAX_REACH = 1e4  # units; the squares of a larger pose overflow
_NEAREST_HEAD = 0.1  # of the mean head-root distance, step-wise
_UPRIGHT_SECONDS = 0.5  # within which most people are upright at some time
_MIN_DEVIATION = 0.01  # of a prior that is estimated


def head_of(skeleton: skeletons.Skeleton) -> int:
    """Returns the index of the head; ValueError if there is none."""
    if skeleton.head is None:
        raise ValueError(
            "`yu2021` needs a skeleton with a `head`, whose distance from the "
            f"root is its unit. Received: `{skeleton.name}`. Give it `head: "
            f"JOINT` (docs/skeletons.md), one of {', '.join(skeleton.joints)}."
        )
    return skeleton.head


def mean_head_distance(centred, table) -> float:
    """Returns the mean head-root distance of a table's centred 2D, pixels."""
    length = _head_distance(centred, table.skeleton).numpy()
    if not length.any():
        raise ValueError(
            "`yu2021` needs poses whose root and head are seen (score > 0). "
            f"Received: none in {', '.join(table.datasets)}."
        )
    return length[length > 0.0].mean(dtype=np.float64)


def half_image_size(table) -> float:
    """Returns half the mean width and height of a table's images, pixels."""
    sizes = table.image_size[table.image_size > 0.0]
    if not sizes.size:
        raise ValueError(
            "`normalization=none` needs a data set with `image_size`. "
            f"Received: {', '.join(table.datasets)}, where it is unknown."
        )
    return sizes.mean(dtype=np.float64) / 2.0


def normalize(
    centred, skeleton: skeletons.Skeleton, *, unit: float, step_wise: float
):
    """Divides centred 2D poses by one unit, or each by its own.

    Args:
      centred: poses in pixels.
      skeleton: J joints.
      unit: pixels.
      step_wise: 0, or D: the head-root distance of every pose becomes 1 / D. A
        head nearer to the root than a tenth of the mean counts as that far;
        without a head a pose is not valid.
    """
    scale = tf.fill(tf.shape(centred.scale), tf.cast(unit, tf.float32))
    valid = centred.valid
    if step_wise:
        length = step_wise * _head_distance(centred, skeleton)
        scale = tf.maximum(
            length[..., tf.newaxis, tf.newaxis], _NEAREST_HEAD * scale
        )
        valid &= centred.mask[..., head_of(skeleton)] > 0.0
    points = centred.points / scale
    valid &= tf.reduce_max(tf.abs(points), axis=(-2, -1)) < _MAX_REACH
    return centred._replace(
        points=tf.where(valid[..., tf.newaxis, tf.newaxis], points, 0.0),
        mask=centred.mask * tf.cast(valid, tf.float32)[..., tf.newaxis],
        scale=scale,
        valid=valid,
    )


def reference_scale(
    truth, poses, skeleton: skeletons.Skeleton, *, distance: float
) -> tf.Tensor:
    """Returns S_2D^ref, [...]; Eq. 3. 0 where truth or pose is not known.

    The true pose is measured in its own head-root distance and placed at
    `distance`; S is how much wider and higher its projection is than the 2D.

    Args:
      truth: centred poses in camera axes, any unit.
      poses: the normalised 2D.
      skeleton: J joints.
      distance: D, of the root from the camera.
    """
    size = _head_distance(truth, skeleton)[..., tf.newaxis, tf.newaxis]
    joints = safe_ops.divide(truth.points, size)
    seen = joints[..., :2] / tf.maximum(joints[..., 2:] + distance, 1.0)
    mask = truth.mask * poses.mask
    ratio = safe_ops.divide(_extent(seen, mask), _extent(poses.points, mask))
    return tf.reduce_mean(ratio, axis=-1)


def upright_scale(poses, table, *, distance: float) -> np.ndarray:
    """Estimates S_2D^ref from 2D alone, [N, V]; 0 where a pose is missing.

    Of a person who stands upright, parallel to the image, S is (1 / distance)
    over the 2D head-root distance. Who bends, or leans towards the camera, was
    or will be upright in about the same place: the largest head-root distance
    within half a second stands for it.

    Args:
      poses: the normalised 2D of a table, [N, V].
      table: has `skeleton`, `clip_start` [C + 1] and `fps` [C].
      distance: D.
    """
    length = _head_distance(poses, table.skeleton).numpy()
    scale = np.zeros_like(length)
    for clip, (first, end) in enumerate(itertools.pairwise(table.clip_start)):
        frames = 1 + 2 * round(_UPRIGHT_SECONDS * float(table.fps[clip]))
        rows = slice(first, end)
        upright = ndimage.maximum_filter1d(length[rows], frames, axis=0)
        np.divide(
            1.0 / distance, upright, out=scale[rows], where=length[rows] > 0.0
        )
    return scale


def moments(scale) -> tuple[float, float]:
    """Returns mean and deviation of the scales that are not 0."""
    scale = np.asarray(scale, np.float64)
    scale = scale[scale > 0.0]
    return scale.mean(), max(scale.std(), _MIN_DEVIATION)


def _head_distance(poses, skeleton) -> tf.Tensor:
    """[...]; 0 where root or head is missing."""
    return safe_ops.norm(poses.points[..., head_of(skeleton), :])


def _extent(points: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """H of Eq. 3: [..., D], highest less lowest of [..., J, D]."""
    seen = mask[..., tf.newaxis] > 0.0
    highest = tf.reduce_max(tf.where(seen, points, points.dtype.min), axis=-2)
    lowest = tf.reduce_min(tf.where(seen, points, points.dtype.max), axis=-2)
    return tf.where(tf.reduce_any(seen, axis=-2), highest - lowest, 0.0)
