"""Martinez et al. 2017: the supervised ceiling of the 2D-only methods.

"A simple yet effective baseline for 3d human pose estimation", arXiv
1705.03098: a residual network from 2D to 3D joints, trained on truth. It is
here to say how good a lifter of this size can be on a data set.

| paper | here |
| --- | --- |
| Fig. 2, Sec. 3.1, network | `residual.ResidualNetwork` |
| Sec. 3.2, standardised inputs and outputs, root-centred 3D | `statistics` |
| Eq. 1, mean squared error | `Method.objectives` |

Prior card: trained on 3D truth.

Departures: 2D is root-centred, so that a lifter does not depend on where in
the image a person stands (the paper standardises absolute pixels); `loss="l1"`
and a cosine schedule are options.
"""

import dataclasses
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from tf_poselift import normalization
from tf_poselift import schema
from tf_poselift import skeletons
from tf_poselift.losses import pose
from tf_poselift.methods import base
from tf_poselift.networks import adam
from tf_poselift.networks import residual


@dataclasses.dataclass(frozen=True)
class Config:
    """Martinez 2017's settings; Sec. 3.2 and 3.3."""

    batch_size: int = 64
    width: int = 1024
    blocks: int = 2
    batch_norm: bool = True
    dropout: float = 0.5
    max_norm: float | None = 1.0  # of a unit's weights
    loss: Literal["l2", "l1"] = "l2"
    learning_rate: float = 1e-3
    schedule: Literal["exponential", "cosine"] = "exponential"
    decay_steps: int = 100_000  # exponential: per factor; cosine: to zero
    decay_rate: float = 0.96
    epsilon: float = 1e-8  # of Adam, in the authors' framework
    average_decay: float = 0.0  # of the averaged weights; 0: no average
    joint_drop: float = 0.0  # of joints, to learn to fill them in; ours


def batch_spec(config: Config) -> schema.BatchSpec:
    del config
    return schema.BatchSpec(joints_3d=True)


def statistics(table, config: Config) -> dict[str, np.ndarray]:
    """Returns means and deviations of the training split; Sec. 3.2.

    Args:
      table: has `skeleton`, `keypoints_2d` [N, V, J, 2], `scores` [N, V, J],
        `joints_3d` [N, V, J, 3] and `joints_3d_valid` [N, V, J].
      config: not used.

    Returns:
      `keypoints_mean`, `keypoints_std` [J, 2] in pixels and `joints_mean`,
      `joints_std` [J, 3] in mm, all root-relative.
    """
    del config
    if table.joints_3d is None:
        raise ValueError(
            "`martinez2017` is supervised and needs a data set with "
            f"`joints_3d`. Received: {', '.join(table.datasets)}."
        )
    keypoints = _moments(table.keypoints_2d, table.scores > 0, table.skeleton)
    joints = _moments(table.joints_3d, table.joints_3d_valid, table.skeleton)
    return {
        "keypoints_mean": keypoints[0],
        "keypoints_std": keypoints[1],
        "joints_mean": joints[0],
        "joints_std": joints[1],
    }


def _moments(points, seen, skeleton) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation [J, D] of root-relative points over seen joints."""
    roots = list(skeleton.root)
    root = points[..., roots, :].mean(axis=-2, keepdims=True)
    counted = seen & seen[..., roots].all(axis=-1, keepdims=True)
    weight = counted[..., np.newaxis].astype(np.float64)
    leading = tuple(range(points.ndim - 2))
    count = np.maximum(weight.sum(axis=leading), 1.0)
    centred = (points - root).astype(np.float64)
    mean = (centred * weight).sum(axis=leading) / count
    squares = (np.square(centred - mean) * weight).sum(axis=leading) / count
    # The root itself is always 0.
    std = np.where(squares > 1e-6, np.sqrt(squares), 1.0)
    return mean.astype(np.float32), std.astype(np.float32)


class Method(base.PoseLifter):
    """See the module's docstring."""

    metric = True
    any_unit = False

    def __init__(self, skeleton: skeletons.Skeleton, config: Config, **kwargs):
        super().__init__(skeleton, config, **kwargs)
        if "joints_std" not in self.statistics:
            raise ValueError(
                "`martinez2017` needs `statistics` of its training split. Give "
                "what `martinez2017.statistics(table, config)` returns."
            )
        self.add_network(
            "lifter",
            residual.ResidualNetwork(
                3 * skeleton.num_joints,
                width=config.width,
                blocks=config.blocks,
                batch_norm=config.batch_norm,
                dropout=config.dropout,
                initializer=keras.initializers.HeNormal,
                seed=self.seed_of("lifter"),
                max_norm=config.max_norm,
                name="lifter",
            ),
            adam.Adam(_schedule(config), epsilon=config.epsilon),
            features=2 * skeleton.num_joints,
        )

    def priors(self):
        return ["Trained on 3D truth (`joints_3d` of the training split)."]

    def log_names(self):
        return ("lifter_loss", "supervision", "valid")

    def call(self, inputs, training=False):
        centred = normalization.center(
            inputs[schema.KEYPOINTS_2D], inputs[schema.SCORES], self.skeleton
        )
        joints = self._lift(centred, training)
        joints *= self.statistics["joints_std"]
        joints += self.statistics["joints_mean"]
        joints -= normalization.root_position(joints, self.skeleton)
        keep = tf.cast(centred.valid, tf.float32)
        return {
            schema.JOINTS_3D: joints * keep[:, tf.newaxis, tf.newaxis],
            "valid": centred.valid,
        }

    def _lift(self, centred, training):
        """[B, J, 3] standardised joints."""
        points = centred.points - self.statistics["keypoints_mean"]
        points /= self.statistics["keypoints_std"]
        points *= centred.mask[..., tf.newaxis]
        joints = self.lifter(
            tf.reshape(points, [-1, 2 * self.skeleton.num_joints]),
            training=training,
        )
        return tf.reshape(joints, [-1, self.skeleton.num_joints, 3])

    def objectives(self, batch):
        centred = normalization.center(
            batch[schema.KEYPOINTS_2D], batch[schema.SCORES], self.skeleton
        )
        truth = normalization.center(
            batch[schema.JOINTS_3D],
            tf.cast(batch[schema.JOINTS_3D_VALID], tf.float32),
            self.skeleton,
        )
        target = truth.points - self.statistics["joints_mean"]
        target /= self.statistics["joints_std"]
        error = pose.joint_error(
            self._lift(centred, training=True),
            target,
            truth.mask,
            power={"l2": 2, "l1": 1}[self.config.loss],
        )
        return base.Objectives(
            losses={"lifter": {"supervision": (1.0, error)}},
            valid=centred.valid & truth.valid,
        )


def _schedule(
    config: Config,
) -> keras.optimizers.schedules.LearningRateSchedule:
    if config.schedule == "cosine":
        return keras.optimizers.schedules.CosineDecay(
            config.learning_rate, config.decay_steps
        )
    return keras.optimizers.schedules.ExponentialDecay(
        config.learning_rate, config.decay_steps, config.decay_rate
    )
