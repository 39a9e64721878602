"""Kudo et al. 2018: one generator of depths, one discriminator of 2D poses.

"Unsupervised Adversarial Learning of 3D Human Pose from 2D Joint Locations",
arXiv 1803.08244. If the depths are right, the pose is still a plausible 2D
pose after any rotation about the vertical axis.

| paper | here |
| --- | --- |
| Eq. 1, rotation about y and projection | `rotate_and_project` |
| Eq. 2, for the discriminator | `adversarial.discriminator_loss` |
| Eq. 2, for the lifter | `non_saturating_loss` or `saturating_loss` |
| Eq. 3, facing loss | `pose.facing_loss` |
| Eq. 4, sum of both | `Method.objectives` |
| Sec. 3.2, networks | `residual.ResidualNetwork` with one block |
| Sec. 3.3, normalisation | `normalization.normalize_per_pose` |
| Sec. 4.2, update gate | `Method.updates` |

Prior card: no number from 3D. The facing rule is knowledge about people, not a
measurement.

Where the paper is silent, inconsistent or misprinted:
- Eq. 3 prints the sine with a slip; see `pose.facing_sine`.
- Initial weights have "standard deviation 0.14"; its square is 0.02, which the
  authors' code uses as the deviation. Default 0.02.
- No learning rate, betas or weight decay are printed: Adam 2e-4, beta_1 0.5
  and weight decay 1e-5 on both networks, as in the authors' code. Adam's
  epsilon is the 1e-8 of their framework; Keras's own 1e-7 changes the updates
  by up to a third.
- Eq. 2 saturates; their code minimises -log D(fake). `saturating=True` is
  Eq. 2.
- The gate (0.9 / 0.1 on the batch's accuracy) is exact here: a skipped update
  changes neither weights nor optimizer state, and the accuracy is that of the
  global batch.
- The slope of the leaky ReLU is Chainer's default, 0.2.
"""

import dataclasses
import functools
import math

import keras
import tensorflow as tf

from tf_poselift import normalization
from tf_poselift import schema
from tf_poselift import skeletons
from tf_poselift.losses import adversarial
from tf_poselift.losses import pose
from tf_poselift.methods import base
from tf_poselift.networks import residual


@dataclasses.dataclass(frozen=True)
class Config:
    """Kudo 2018's settings; the batch of the paper is 16 (Sec. 4.2)."""

    batch_size: int = 16  # Sec. 4.2
    width: int = 1024  # units of a hidden layer; Sec. 3.2
    blocks: int = 1  # residual blocks: four linear layers in all; Sec. 3.2
    negative_slope: float = 0.2  # leaky ReLU; the authors' code
    initial_stddev: float = 0.02  # Sec. 4.2 prints 0.14; see above
    learning_rate: float = 2e-4  # authors' code
    beta_1: float = 0.5  # authors' code
    beta_2: float = 0.999  # authors' code
    epsilon: float = 1e-8  # of Adam, in the authors' framework
    weight_decay: float = 1e-5  # authors' code
    facing_weight: float = 1.0  # of L_angle, Eq. 4; 0 switches it off
    saturating: bool = False  # Eq. 2 as printed for the lifter
    accuracy_cap: float = 0.9  # the gate, Sec. 4.2; 1 switches it off


def batch_spec(config: Config) -> schema.BatchSpec:
    del config
    return schema.BatchSpec()


def rotate_and_project(
    points: tf.Tensor, depth: tf.Tensor, angle: tf.Tensor
) -> tf.Tensor:
    """Returns the 2D pose seen after a turn about the y axis; Eq. 1.

    x' = x cos(angle) + z sin(angle), y' = y: orthographic.

    Args:
      points: [B, J, 2] normalised 2D pose.
      depth: [B, J] in the same unit.
      angle: [B] radians.

    Returns:
      [B, J, 2].
    """
    cosine = tf.cos(angle)[:, tf.newaxis]
    sine = tf.sin(angle)[:, tf.newaxis]
    return tf.stack(
        [points[..., 0] * cosine + depth * sine, points[..., 1]], axis=-1
    )


class Method(base.PoseLifter):
    """See the module's docstring."""

    def __init__(self, skeleton: skeletons.Skeleton, config: Config, **kwargs):
        super().__init__(skeleton, config, **kwargs)
        if config.facing_weight:
            pose.require_facing(skeleton)
        joints = skeleton.num_joints
        for name, outputs in (("lifter", joints), ("discriminator", 1)):
            self.add_network(
                name,
                residual.ResidualNetwork(
                    outputs,
                    width=config.width,
                    blocks=config.blocks,
                    negative_slope=config.negative_slope,
                    skip="before",
                    initializer=functools.partial(
                        keras.initializers.RandomNormal,
                        stddev=config.initial_stddev,
                    ),
                    seed=self.seed_of(name),
                    name=name,
                ),
                keras.optimizers.Adam(
                    config.learning_rate,
                    beta_1=config.beta_1,
                    beta_2=config.beta_2,
                    epsilon=config.epsilon,
                ),
                features=2 * joints,
            )

    def log_names(self):
        facing = ("facing",) if self.skeleton.facing else ()
        return (
            "lifter_loss",
            "adversarial",
            *facing,
            "discriminator_loss",
            "discrimination",
            "discriminator_accuracy",
            "valid",
        )

    def call(self, inputs, training=False):
        normalized = normalization.normalize_per_pose(
            inputs[schema.KEYPOINTS_2D], inputs[schema.SCORES], self.skeleton
        )
        joints = self._lift(normalized, training)
        root = normalization.root_position(joints, self.skeleton)
        seen = normalized.mask[..., tf.newaxis]
        return {
            schema.JOINTS_3D: (joints - root) * seen,
            "valid": normalized.valid,
        }

    def _lift(self, normalized, training):
        """[B, J, 3] normalised pose with the lifter's depths."""
        depth = self.lifter(_flat(normalized.points), training=training)
        return tf.concat([normalized.points, depth[..., tf.newaxis]], axis=-1)

    def objectives(self, batch):
        # Sec. 3.3.
        real = normalization.normalize_per_pose(
            batch[schema.KEYPOINTS_2D], batch[schema.SCORES], self.skeleton
        )
        joints = self._lift(real, training=True)
        # Eq. 1, theta ~ U[-pi, pi] (Sec. 3.1). A joint that is missing in the
        # input is missing in the projection too.
        angle = self.uniform(batch, "view", minval=-math.pi, maxval=math.pi)
        fake = rotate_and_project(real.points, joints[..., 2], angle)
        fake *= real.mask[..., tf.newaxis]

        discriminator = self.networks["discriminator"]
        real_logits = discriminator(_flat(real.points), training=True)
        fake_logits = discriminator(_flat(fake), training=True)
        # Eq. 2.
        lifter_terms = {
            "adversarial": (
                1.0,
                adversarial.saturating_loss(fake_logits)
                if self.config.saturating
                else adversarial.non_saturating_loss(fake_logits),
            )
        }
        watched = {
            "discriminator_accuracy": adversarial.accuracy(
                real_logits, fake_logits
            )
        }
        # Eq. 3 and 4.
        if self.skeleton.facing is not None:
            facing = pose.facing_loss(joints, real.mask, self.skeleton.facing)
            if self.config.facing_weight:
                lifter_terms["facing"] = (self.config.facing_weight, facing)
            else:
                watched["facing"] = facing
        return base.Objectives(
            losses={
                "lifter": lifter_terms,
                "discriminator": {
                    "discrimination": (
                        1.0,
                        adversarial.discriminator_loss(
                            real_logits, fake_logits
                        ),
                    )
                },
            },
            valid=real.valid,
            watched=watched,
        )

    def updates(self, logs):
        # Sec. 4.2, over the global batch.
        cap = self.config.accuracy_cap
        accuracy = logs["discriminator_accuracy"]
        return {
            "discriminator": accuracy <= cap,
            "lifter": accuracy >= 1.0 - cap,
        }


def _flat(points: tf.Tensor) -> tf.Tensor:
    return tf.reshape(points, [-1, points.shape[-2] * points.shape[-1]])
