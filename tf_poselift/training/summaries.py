"""TensorBoard scalars and a picture of lifted skeletons."""

import os
import pathlib

import numpy as np
import tensorflow as tf

from tf_poselift import schema
from tf_poselift.methods import base
from tf_poselift.training import writing
from tf_poselift.visualization import skeleton_plots

_POSES = 4  # in the picture


class Summaries:
    """Writes to `<workdir>/tensorboard`.

    Args:
      method: whose predictions are drawn.
      table: the training table; some of its poses are drawn, from 2D alone.
      workdir: the run folder.
    """

    def __init__(
        self, method: base.PoseLifter, table, workdir: str | os.PathLike
    ):
        self._method = method
        self._skeleton = table.skeleton
        rows = np.linspace(0, table.num_rows - 1, _POSES).astype(int)
        self._keypoints = table.keypoints_2d[rows, 0]
        self._scores = table.scores[rows, 0]
        self._folder = pathlib.Path(workdir) / "tensorboard"
        self._writer = tf.summary.create_file_writer(str(self._folder))

    def scalars(self, logs: dict[str, float], step: int) -> None:
        with writing.into(self._folder), self._writer.as_default(step=step):
            for name, value in logs.items():
                tf.summary.scalar(name, value)

    def skeletons(self, step: int) -> None:
        served = self._method.serve(
            tf.constant(self._keypoints), tf.constant(self._scores)
        )
        figure = skeleton_plots.comparison_figure(
            self._skeleton,
            keypoints_2d=self._keypoints,
            scores=self._scores,
            predicted=served[schema.JOINTS_3D].numpy(),
        )
        image = skeleton_plots.to_image(figure)[None]
        with writing.into(self._folder), self._writer.as_default(step=step):
            tf.summary.image("lifted", image)
            self._writer.flush()
