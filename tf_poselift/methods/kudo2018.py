"""Kudo et al. 2018: one generator of depths, one discriminator of 2D poses.

"Unsupervised Adversarial Learning of 3D Human Pose from 2D Joint Locations",
arXiv 1803.08244. If the depths are right, the pose is still a plausible 2D
pose after any rotation about the vertical axis.

| paper | here |
| --- | --- |
| Eq. 1, rotation about y | `turn`; x and y are the projection |
| Eq. 2, for the discriminator | `adversarial.discriminator_loss` |
| Eq. 2, for the lifter | `non_saturating_loss` or `saturating_loss` |
| Eq. 3, facing loss | `pose.facing_loss` |
| Eq. 4, sum of both | `Method.objectives` |
| Sec. 3.2, networks | `residual.ResidualNetwork` with one block |
| Sec. 3.3, normalisation | `normalization.normalize_per_pose` |
| Sec. 4.2, update gate | `Method.updates` |

Prior card: no number from 3D; the facing rule is knowledge, no measurement.

Where the paper is silent, inconsistent or misprinted:
- Eq. 3 prints the sine with a slip; see `pose.facing_sine`.
- Initial deviation: 0.14 is printed, the authors' code has its square, 0.02.
- No learning rate, betas or weight decay are printed: as in the authors' code,
  Adam 2e-4, beta_1 0.5, weight decay 1e-5 on both networks, and epsilon 1e-8
  of their framework; Keras's own 1e-7 changes the updates by up to a third.
- Eq. 2 saturates (`saturating=True`); their code minimises -log D(fake).
- The gate (0.9 / 0.1 on the accuracy, that of the global batch) is exact here:
  a skipped update changes neither weights nor optimizer state.
- The leaky ReLU has Chainer's default slope, 0.2.

Beyond the paper, all off by default (docs/results.md has what they bring):
- `tilt`: cameras look down on people, so that the vertical is not their y
  axis. One angle for the whole set is learned with the lifter's loss and
  tilts the axis of the random turns. Only training uses it.
- `perspective`: (x Z, y Z, Z) instead of (x, y, depth), and back, for a root
  at Z = `distance` mean distances of the joints (`geometry.root_camera`). 10
  is a guess, that of SVMA 2021 and Yu 2021; no joint comes nearer than 1.
- `renormalize`: a turned and projected pose is scaled to what all observed
  poses have (Sec. 3.3), as in SVMA 2021, or its size alone gives it away.
- `lift_again_weight`: the projection is lifted again and must give the turned
  pose, root-relative; mean squared distance of the joints.
"""

import dataclasses
import functools
import math

import keras
import tensorflow as tf

from tf_poselift import normalization
from tf_poselift import schema
from tf_poselift import skeletons
from tf_poselift.geometry import root_camera
from tf_poselift.geometry import rotations
from tf_poselift.losses import adversarial
from tf_poselift.losses import pose
from tf_poselift.methods import base
from tf_poselift.networks import adam
from tf_poselift.networks import residual

# A smaller projection, a flat pose from its edge, is not enlarged to 1.
_SMALLEST = 0.1


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
    average_decay: float = 0.0  # of the averaged weights; 0: no average
    joint_drop: float = 0.0  # of joints, to learn to fill them in; ours
    labelled_share: float = 0.0  # of poses whose 3D may be used; Sec. 5.2
    labelled_weight: float = 1.0  # of the supervised term
    # Beyond the paper; see above.
    tilt: bool = False  # learns by how much the cameras look down
    tilt_learning_rate: float = 1e-3  # about the most radians of a step
    perspective: bool = False  # instead of orthographic lifting
    distance: float = 10.0  # of the root from a perspective camera
    renormalize: bool = False  # the projections, as the input
    lift_again_weight: float = 0.0  # of the 3D consistency term


def batch_spec(config: Config) -> schema.BatchSpec:
    return schema.BatchSpec(labelled_share=config.labelled_share)


def turn(
    joints: tf.Tensor, angle: tf.Tensor, tilt: tf.Tensor | None = None
) -> tf.Tensor:
    """Turns poses about the vertical axis through the origin; Eq. 1.

    x' = x cos(angle) + z sin(angle), y' = y: about the camera's y axis.

    Args:
      joints: [B, J, 3] in camera axes.
      angle: [B] radians.
      tilt: [B] radians by which the cameras look down; the vertical is then
        y turned by it towards z.
    """
    if tilt is not None:
        joints = rotations.rotate(joints, rotations.about_x(-tilt))
    cosine = tf.cos(angle)[:, tf.newaxis]
    sine = tf.sin(angle)[:, tf.newaxis]
    x, y, z = tf.unstack(joints, axis=-1)
    turned = tf.stack(
        [x * cosine + z * sine, y, z * cosine - x * sine], axis=-1
    )
    if tilt is not None:
        turned = rotations.rotate(turned, rotations.about_x(tilt))
    return turned


class Method(base.PoseLifter):
    """See the module's docstring."""

    plain_from = 512

    def __init__(self, skeleton: skeletons.Skeleton, config: Config, **kwargs):
        super().__init__(skeleton, config, **kwargs)
        if config.facing_weight:
            pose.require_facing(skeleton)
        joints = skeleton.num_joints
        for name, outputs in (("lifter", joints), ("discriminator", 1)):
            network = residual.ResidualNetwork(
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
            )
            optimizer = self._adam(config.learning_rate)
            self.add_network(name, network, optimizer, features=2 * joints)
        if config.tilt:
            optimizer = self._adam(config.tilt_learning_rate)
            self.add_network("tilt", _one_number("tilt"), optimizer, features=1)

    def _adam(self, learning_rate):
        return adam.Adam(
            learning_rate,
            beta_1=self.config.beta_1,
            beta_2=self.config.beta_2,
            epsilon=self.config.epsilon,
        )

    def log_names(self):
        facing = ("facing",) if self.skeleton.facing else ()
        again = ("lift_again",) if self.config.lift_again_weight else ()
        tilt = ("tilt_loss", "tilt") if self.config.tilt else ()
        return (
            "lifter_loss",
            "adversarial",
            *facing,
            *again,
            *tilt,
            "discriminator_loss",
            "discrimination",
            "discriminator_accuracy",
            "valid",
        )

    def call(self, inputs, training=False):
        normalized = normalization.normalize_per_pose(
            inputs[schema.KEYPOINTS_2D], inputs[schema.SCORES], self.skeleton
        )
        points = normalized.points
        if self.config.perspective:
            joints = self._centred(self._lift(points, training))
            joints *= normalized.mask[..., tf.newaxis]
        else:
            # x and y are root-relative, and 0 where a joint is missing.
            depth = self.lifter(_flat(points), training=training)
            depth -= normalization.root_mean(depth, self.skeleton)
            depth *= normalized.mask
            joints = tf.concat([points, depth[..., tf.newaxis]], axis=-1)
        return {schema.JOINTS_3D: joints, "valid": normalized.valid}

    def _centred(self, joints):
        return joints - normalization.root_position(joints, self.skeleton)

    def _lift(self, points, training):
        """[B, J, 3] normalised pose with the lifter's depths."""
        depth = self.lifter(_flat(points), training=training)
        if not self.config.perspective:
            return tf.concat([points, depth[..., tf.newaxis]], axis=-1)
        depth -= normalization.root_mean(depth, self.skeleton)
        return root_camera.lift(points, depth, distance=self.config.distance)

    def _turn_and_project(self, batch, joints, mask):
        """Poses turned at random [B, J, 3], their 2D [B, J, 2], the tilt."""
        # theta ~ U[-pi, pi] (Sec. 3.1).
        angle = self.uniform(batch, "view", minval=-math.pi, maxval=math.pi)
        tilt = None
        if self.config.tilt:
            ones = tf.ones_like(angle)[:, tf.newaxis]
            tilt = self.networks["tilt"](ones)[:, 0]
        turned = turn(joints, angle, tilt)
        seen = turned[..., :2]
        if self.config.perspective:
            seen = root_camera.project(turned, distance=self.config.distance)
        # A joint that is missing in the input is missing here, too.
        seen *= mask[..., tf.newaxis]
        if self.config.renormalize:
            size = normalization.mean_distance(seen, mask, self.skeleton)
            size = tf.maximum(size, _SMALLEST)
            seen, turned = seen / size, turned / size
        return turned, seen, tilt

    def objectives(self, batch):
        # Sec. 3.3.
        real = normalization.normalize_per_pose(
            batch[schema.KEYPOINTS_2D], batch[schema.SCORES], self.skeleton
        )
        joints = self._lift(real.points, training=True)
        # Eq. 1.
        turned, fake, tilt = self._turn_and_project(batch, joints, real.mask)

        discriminator = self.networks["discriminator"]
        real_logits = discriminator(_flat(real.points), training=True)
        fake_logits = discriminator(_flat(fake), training=True)
        # Eq. 2.
        discrimination = adversarial.discriminator_loss(
            real_logits, fake_logits
        )
        accuracy = adversarial.accuracy(real_logits, fake_logits)
        lifter_loss = (
            adversarial.saturating_loss
            if self.config.saturating
            else adversarial.non_saturating_loss
        )
        lifter_terms = {"adversarial": (1.0, lifter_loss(fake_logits))}
        watched = {"discriminator_accuracy": accuracy}
        # Eq. 3 and 4.
        if self.skeleton.facing is not None:
            facing = pose.facing_loss(joints, real.mask, self.skeleton.facing)
            if self.config.facing_weight:
                lifter_terms["facing"] = (self.config.facing_weight, facing)
            else:
                watched["facing"] = facing
        if self.config.lift_again_weight:
            again = pose.joint_error(
                self._centred(self._lift(fake, training=True)),
                self._centred(turned),
                real.mask,
                power=2,
            )
            lifter_terms["lift_again"] = self.config.lift_again_weight, again
        losses = {
            "lifter": lifter_terms,
            "discriminator": {"discrimination": (1.0, discrimination)},
        }
        if tilt is not None:
            losses["tilt"] = lifter_terms
            watched["tilt"] = tilt
        factor = adversarial.lifter_factor(
            fake_logits, saturating=self.config.saturating
        )
        adversary = base.Adversary(fake, factor)
        return base.Objectives(losses, real.valid, watched, adversary)

    def updates(self, logs, step):
        del step
        # Sec. 4.2, over the global batch.
        cap = self.config.accuracy_cap
        accuracy = logs["discriminator_accuracy"]
        return {
            "discriminator": accuracy <= cap,
            **dict.fromkeys(("lifter", "tilt"), accuracy >= 1.0 - cap),
        }


def _one_number(name: str) -> keras.Model:
    """Maps a one to a trainable number, at first 0."""
    dense = keras.layers.Dense(
        1, use_bias=False, kernel_initializer="zeros", dtype="float32"
    )
    return keras.Sequential([dense], name=name)


def _flat(points: tf.Tensor) -> tf.Tensor:
    return tf.reshape(points, [-1, points.shape[-2] * points.shape[-1]])
