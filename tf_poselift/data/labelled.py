"""The share of poses whose 3D a semi-supervised run may read."""

import numpy as np
import tensorflow as tf

from tf_poselift import schema
from tf_poselift.data import augmentation
from tf_poselift.data import tables


class Labelled:
    """Single poses with their 3D, kept apart from all others.

    Nothing but the chosen poses is copied, so that no other 3D can be read.

    Args:
      table: the training split, with 3D.
      chosen: [L] integers row * V + view of the labelled poses.
      cameras: also keeps the intrinsics.
    """

    def __init__(
        self, table: tables.Table, chosen: np.ndarray, *, cameras: bool
    ):
        row, view = np.divmod(chosen, table.num_views)
        clip = table.clip_of_row[row]
        self.size = len(chosen)
        self._skeleton = table.skeleton
        self._width = _variable(table.image_size[clip, view, 0])
        self._poses = {
            key: _variable(getattr(table, key)[row, view])
            for key in (
                schema.KEYPOINTS_2D,
                schema.SCORES,
                schema.JOINTS_3D,
                schema.JOINTS_3D_VALID,
            )
        }
        self._intrinsics = None
        if cameras:
            intrinsics = table.cameras[schema.INTRINSICS]
            self._intrinsics = _variable(intrinsics[clip, view])

    def gather(
        self, at: tf.Tensor, mirror: tf.Tensor | None = None
    ) -> dict[str, tf.Tensor]:
        """Returns the poses `at` [B], under the names of `BatchSpec`.

        Args:
          at: [B] int64 in [0, size).
          mirror: [B] bool, the poses to flip left to right; None flips none.
        """
        # `flip` reads axes of frames and views.
        batch = {
            key: tf.gather(value, at)[:, tf.newaxis, tf.newaxis]
            for key, value in self._poses.items()
        }
        if mirror is not None:
            width = tf.gather(self._width, at)[:, tf.newaxis]
            batch = augmentation.flip(batch, mirror, width, self._skeleton)
        batch = {key: value[:, 0, 0] for key, value in batch.items()}
        if self._intrinsics is not None:
            batch[schema.INTRINSICS] = tf.gather(self._intrinsics, at)
        return {schema.LABELLED + key: value for key, value in batch.items()}


def _variable(value: np.ndarray) -> tf.Variable:
    return tf.Variable(value, trainable=False)
