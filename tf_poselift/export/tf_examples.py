"""Poses as serialized `tf.train.Example`s, with the names of a record."""

import numpy as np
import tensorflow as tf

from tf_poselift import schema


def parse(serialized: tf.Tensor, joints: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns keypoints_2d [B, J, 2] and scores [B, J] of one pose each.

    A row that lacks a feature, or has too few or too many numbers of it, comes
    out with scores 0, which makes it not valid. What is no `tf.train.Example`,
    or has integers or bytes in their place, fails the whole batch: the op
    checks that and cannot be told otherwise.

    Args:
      serialized: [B] string.
      joints: J.
    """
    sizes = {schema.KEYPOINTS_2D: 2 * joints, schema.SCORES: joints}
    # Ragged: an op for a fixed size would fail the batch over another one.
    parsed = tf.io.parse_example(
        serialized, {name: tf.io.RaggedFeature(tf.float32) for name in sizes}
    )
    complete = tf.reduce_all(
        [parsed[name].row_lengths() == size for name, size in sizes.items()],
        axis=0,
    )
    rows = {
        name: tf.ensure_shape(
            parsed[name].to_tensor(shape=[None, size]), [None, size]
        )
        for name, size in sizes.items()
    }
    scores = tf.where(complete[:, tf.newaxis], rows[schema.SCORES], 0.0)
    return tf.reshape(rows[schema.KEYPOINTS_2D], [-1, joints, 2]), scores


def serialize(keypoints_2d: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Returns [B] bytes, what `parse` reads.

    Args:
      keypoints_2d: [B, J, 2].
      scores: [B, J].
    """
    rows = []
    for points, row in zip(keypoints_2d, scores, strict=True):
        features = {
            name: tf.train.Feature(float_list=tf.train.FloatList(value=values))
            for name, values in (
                (schema.KEYPOINTS_2D, points.ravel()),
                (schema.SCORES, row),
            )
        }
        features = tf.train.Features(feature=features)
        rows.append(tf.train.Example(features=features).SerializeToString())
    return np.array(rows, dtype=object)
