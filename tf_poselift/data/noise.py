"""Detector-like noise on the 2D keypoints of a table.

What a detector does to a keypoint, one draw per row, view and joint: a
Gaussian error, an outlier now and then (the same Gaussian, much wider: Tukey's
contaminated normal), a joint that it misses. Views err independently. It is
applied to the table, before anything is derived from the keypoints
(triangulation, statistics), so that all that a method sees is noisy alike.

The draws are a function of (seed, example index = row * V + view): the same in
every epoch, as a detector gives one answer for one image, and whatever the
order in which poses are drawn.
"""

import dataclasses
import math

import numpy as np
import tensorflow as tf

from tf_poselift import randomness
from tf_poselift.data import tables

_EXAMPLES_AT_ONCE = 1 << 16  # bounds the memory of the draws


@dataclasses.dataclass(frozen=True)
class Noise:
    """What is done to keypoints; the default does nothing."""

    pixels: float = 0.0  # deviation of x and y of an ordinary joint
    outliers: float = 0.0  # share of the joints
    outlier_pixels: float = 100.0  # deviation of x and y of an outlier
    outlier_score: float = 1.0  # factor on an outlier's score
    missing: float = 0.0  # share of the joints whose score becomes 0

    def __post_init__(self):
        for name in ("pixels", "outlier_pixels"):
            value = getattr(self, name)
            if not (value >= 0.0 and math.isfinite(value)):
                raise ValueError(
                    f"`{name}` of the noise must be finite and at least 0. "
                    f"Received: {value}."
                )
        for name in ("outliers", "outlier_score", "missing"):
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0:
                raise ValueError(
                    f"`{name}` of the noise must be in [0, 1]. Received: "
                    f"{value}."
                )


def apply(table: tables.Table, noise: Noise, *, seed: int) -> tables.Table:
    """Returns the table with noisy `keypoints_2d` and `scores`.

    3D and cameras stay exact. A joint that was missing stays so; one that
    becomes missing keeps its (noisy) position, which nothing may read.

    Args:
      table: N rows of V views and J joints.
      noise: how much of what; what is 0 leaves its array bit-equal.
      seed: of every draw.
    """
    examples = table.num_rows * table.num_views
    joints = table.skeleton.num_joints
    keypoints_2d = table.keypoints_2d.reshape(examples, joints, 2).copy()
    scores = table.scores.reshape(examples, joints).copy()
    # One device, so that a GPU's logarithm makes no other data set.
    with tf.device("CPU"):
        for start in range(0, examples, _EXAMPLES_AT_ONCE):
            part = slice(start, start + _EXAMPLES_AT_ONCE)
            _spoil(keypoints_2d[part], scores[part], noise, seed, start)
    return dataclasses.replace(
        table,
        keypoints_2d=keypoints_2d.reshape(table.keypoints_2d.shape),
        scores=scores.reshape(table.scores.shape),
    )


def _spoil(keypoints_2d, scores, noise: Noise, seed: int, first: int) -> None:
    """Changes [E, J, 2] and [E, J] of the examples from `first` in place."""
    index = tf.range(first, first + len(scores), dtype=tf.int64)
    joints = scores.shape[1]

    def chosen(stream, share) -> np.ndarray:
        return randomness.bernoulli(
            seed, 0, index, stream=stream, shape=(joints,), probability=share
        ).numpy()

    deviation = np.full((len(scores), joints, 1), noise.pixels, np.float32)
    if noise.outliers:
        outlier = chosen("noise/outlier", noise.outliers)
        deviation[outlier] = noise.outlier_pixels
        scores[outlier] *= np.float32(noise.outlier_score)
    if deviation.any():
        offset = randomness.normal(
            seed, 0, index, stream="noise/offset", shape=(joints, 2)
        )
        keypoints_2d += deviation * offset.numpy()
    if noise.missing:
        scores[chosen("noise/missing", noise.missing)] = 0.0
