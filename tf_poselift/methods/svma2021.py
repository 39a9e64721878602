"""Deng et al. 2021, SVMA: depths and a camera, lifted again from another angle.

"SVMA: A GAN-based model for Monocular 3D Human Pose Estimation", arXiv
2106.05616. A pose is lifted, turned about the vertical axis, projected by the
camera that was lifted with it, and lifted again: poses and cameras of both
angles must be exchangeable (single-view-multi-angle consistency).

| paper | here |
| --- | --- |
| Eq. 1-4, perspective lifting, f = 1, d = 10 | `Method._lift` |
| Sec. 3.1, 2D scaled to 1/d | `normalization.normalize_per_pose` |
| Sec. 3.2, generator | `networks.svma.Generator` |
| Eq. 5, rotation about y through the root | `rotations.about_y` |
| Eq. 6, projection by K | `reproject` |
| Eq. 7, L_3D | `svma.pose_distance` |
| Eq. 8, L_eq | `svma.camera_distance` |
| Eq. 9, L_svma | `svma.reprojection_distance`, for each angle |
| Eq. 10, L_adv | `wasserstein` |
| Eq. 11-13, L_cam | `svma.camera_loss`, and L_eq with the same weight |
| Eq. 14, L_sym | `svma.symmetry_loss` |
| Eq. 15-16, L_angle | `pose.facing_loss` |
| Eq. 17, their sum | `Method.objectives` |
| Table 4 | `adversarial_weight=0`; `svma=False` |

Prior card: no number from 3D. The facing rule and equal bones left and right
are knowledge about people, not measurements.

Where the paper is silent, inconsistent or misprinted:
- The pose branch "outputs a 3N-dimensional vector" (Sec. 3.2), but only depths
  are used: N depths. They are taken relative to the root's, which so stays at
  [0, 0, d], the point that Eq. 5 turns about.
- All poses are aligned at the root (Sec. 3): Eq. 6 projects X - [0, 0, d].
- "Through the same data processing" (Sec. 3.3): the reprojection is scaled to
  1/d again before it is lifted again, and before the critic sees it.
- Width, slope, dropout rate, initial weights, batch and weight of the penalty
  are not printed; those below are ours, as is one update of the critic for one
  of the lifter. The camera starts as [I | 0] / d: upright, in the right scale.
- Eq. 9: m = 5 and n = 4, the four pairs of a pose and a camera and, on the
  first angle, the input. Its sums over i < j are divided by m N and n N.
- Eq. 10 has lost the penalty's norm and square and, of a Wasserstein critic,
  the output is no "probability" (Sec. 3.4): it is unbounded. Batch norm and
  dropout are named for the generator only; the penalty, which is per example,
  would not allow batch norm. The generator has two passes per step, each with
  the batch norm of its own batch.
- Eq. 12, 13 print K K^2 for K K^T; Eq. 15: see `pose.facing_sine`.
- "Without SVMA" (Table 4) lifts once: L_3D, L_eq and L_svma go.
"""

import dataclasses
import functools
import math

import keras
import tensorflow as tf

from tf_poselift import checks
from tf_poselift import normalization
from tf_poselift import schema
from tf_poselift import skeletons
from tf_poselift.geometry import rotations
from tf_poselift.losses import pose
from tf_poselift.losses import svma
from tf_poselift.losses import wasserstein
from tf_poselift.methods import base
from tf_poselift.networks import adam
from tf_poselift.networks import residual
from tf_poselift.networks import svma as svma_networks

# PyTorch's default, uniform within 1 / sqrt(inputs); ours.
_INITIALIZER = functools.partial(
    keras.initializers.VarianceScaling,
    scale=1.0 / 3.0,
    mode="fan_in",
    distribution="uniform",
)


@dataclasses.dataclass(frozen=True)
class Config:
    """SVMA 2021's settings; what it does not print is marked "ours"."""

    batch_size: int = 1024  # ours
    width: int = 1024  # units of a hidden layer; ours
    negative_slope: float = 0.2  # leaky ReLU; ours
    dropout: float = 0.25  # of the generator; ours
    distance: float = 10.0  # d, in mean joint distances; Sec. 3.1
    learning_rate: float = 5.5e-5  # Sec. 3.6
    beta_1: float = 0.7  # Sec. 3.6
    beta_2: float = 0.9  # Sec. 3.6
    epsilon: float = 1e-8  # of Adam; ours
    svma: bool = True  # lift again; Table 4
    adversarial_weight: float = 1.0  # Eq. 17; 0: no critic, Table 4
    facing_weight: float = 1.0  # lambda_1, Sec. 3.6; 0 switches it off
    camera_weight: float = 1.0  # lambda_2, of Eq. 13 with L_eq in it
    symmetry_weight: float = 0.01  # lambda_3; 0 switches it off
    pose_weight: float = 0.1  # lambda_4, of L_3D
    svma_weight: float = 10.0  # lambda_5
    penalty_weight: float = 10.0  # lambda_gp, Eq. 10; ours
    average_decay: float = 0.0  # of the averaged weights; 0: no average
    joint_drop: float = 0.0  # of joints, to learn to fill them in; ours
    labelled_share: float = 0.0  # of poses whose 3D may be used
    labelled_weight: float = 1.0  # of the supervised term

    def __post_init__(self):
        checks.check_number("distance", self.distance, above=0)


def batch_spec(config: Config) -> schema.BatchSpec:
    return schema.BatchSpec(
        unpaired=config.adversarial_weight > 0.0,
        labelled_share=config.labelled_share,
    )


def reproject(joints: tf.Tensor, camera_matrix: tf.Tensor) -> tf.Tensor:
    """Returns K X for every joint, [..., J, 2]; Eq. 6.

    Args:
      joints: [..., J, 3], root-relative.
      camera_matrix: [..., 2, 3], the weak-perspective camera K.
    """
    # Not a matrix product, which GPUs would round to 10 bits (TF32).
    rows = camera_matrix[..., tf.newaxis, :, :]
    return tf.reduce_sum(rows * joints[..., tf.newaxis, :], axis=-1)


class Method(base.PoseLifter):
    """See the module's docstring."""

    def __init__(self, skeleton: skeletons.Skeleton, config: Config, **kwargs):
        super().__init__(skeleton, config, **kwargs)
        if config.facing_weight:
            pose.require_facing(skeleton)
        if config.symmetry_weight:
            svma.require_symmetry(skeleton)
        layers = {
            "width": config.width,
            "negative_slope": config.negative_slope,
            "initializer": _INITIALIZER,
        }
        networks = {
            "lifter": svma_networks.Generator(
                skeleton.num_joints,
                scale=1.0 / config.distance,
                batch_norm=True,
                dropout=config.dropout,
                seed=self.seed_of("lifter"),
                name="lifter",
                **layers,
            )
        }
        if config.adversarial_weight:
            # Sec. 3.4.
            networks["critic"] = residual.ResidualNetwork(
                1,
                blocks=2,
                seed=self.seed_of("critic"),
                name="critic",
                **layers,
            )
        for name, network in networks.items():
            optimizer = adam.Adam(
                config.learning_rate,
                beta_1=config.beta_1,
                beta_2=config.beta_2,
                epsilon=config.epsilon,
            )
            features = 2 * skeleton.num_joints
            self.add_network(name, network, optimizer, features=features)

    def log_names(self):
        config = self.config
        critic = ("critic_loss", "criticism", "penalty")
        return (
            "lifter_loss",
            *(("pose", "camera_equality", "svma") if config.svma else ()),
            *(("adversarial",) if config.adversarial_weight else ()),
            "camera",
            *(("symmetry",) if config.symmetry_weight else ()),
            *(("facing",) if self.skeleton.facing else ()),
            *(critic if config.adversarial_weight else ()),
            "valid",
        )

    def call(self, inputs, training=False):
        normalized = self._normalize(
            inputs[schema.KEYPOINTS_2D], inputs[schema.SCORES]
        )
        joints, _ = self._lift(normalized, training)
        return {schema.JOINTS_3D: joints, "valid": normalized.valid}

    def _normalize(self, points, scores):
        """Sec. 3.1: the mean distance from the root becomes 1/d."""
        return normalization.normalize_per_pose(
            points, scores, self.skeleton, size=1.0 / self.config.distance
        )

    def _lift(self, normalized, training):
        """Root-relative pose [B, J, 3], 0 where missing, and K [B, 2, 3]."""
        points = normalized.points
        depth, camera = self.lifter(_flat(points), training=training)
        depth = depth[..., tf.newaxis]
        depth -= normalization.root_position(depth, self.skeleton)
        # Eq. 1-4 with Z = D + d, less [0, 0, d].
        joints = tf.concat(
            [points * (depth + self.config.distance), depth], axis=-1
        )
        # A root that is the mean of joints is no joint of Eq. 1-4.
        joints -= normalization.root_position(joints, self.skeleton)
        return joints * normalized.mask[..., tf.newaxis], camera

    def objectives(self, batch):
        config = self.config
        real = self._normalize(batch[schema.KEYPOINTS_2D], batch[schema.SCORES])
        joints, camera = self._lift(real, training=True)
        angle = self.uniform(batch, "view", maxval=2.0 * math.pi)
        turn = rotations.about_y(angle)
        turned = rotations.rotate(joints, turn)  # Eq. 5
        # Eq. 6. What is missing in the input is missing in the reprojection.
        fake = self._normalize(reproject(turned, camera), real.mask)

        valid, losses, lifter_terms, watched = real.valid, {}, {}, {}
        adversary = None
        if config.svma:
            lifter_terms |= self._consistency(
                real, joints, camera, turn, turned, fake
            )
        if config.adversarial_weight:
            sampled = self._normalize(
                batch[schema.UNPAIRED + schema.KEYPOINTS_2D],
                batch[schema.UNPAIRED + schema.SCORES],
            )
            valid &= sampled.valid
            adversarial, losses["critic"] = self._adversary(
                batch, _flat(sampled.points), _flat(fake.points)
            )
            lifter_terms |= adversarial
            # D(fake) in Eq. 10: 1 for the critic, -weight for the lifter.
            factor = tf.fill(tf.shape(valid), -config.adversarial_weight)
            adversary = base.Adversary(fake.points, factor, network="critic")
        # Eq. 13; its L_eq is with the second lift.
        lifter_terms["camera"] = config.camera_weight, svma.camera_loss(camera)
        if config.symmetry_weight:
            symmetry = svma.symmetry_loss(joints, real.mask, self.skeleton)
            lifter_terms["symmetry"] = config.symmetry_weight, symmetry
        if self.skeleton.facing is not None:
            facing = pose.facing_loss(joints, real.mask, self.skeleton.facing)
            if config.facing_weight:
                lifter_terms["facing"] = config.facing_weight, facing
            else:
                watched["facing"] = facing
        losses["lifter"] = lifter_terms  # Eq. 17
        return base.Objectives(losses, valid, watched, adversary)

    def _consistency(self, real, joints, camera, turn, turned, fake):
        """The terms of the second lift, Sec. 3.3."""
        turned_again, camera_again = self._lift(fake, training=True)
        joints_again = rotations.rotate(
            turned_again, tf.linalg.matrix_transpose(turn)
        )
        # Eq. 9: each of two poses by each of two cameras, from both angles.
        cameras = tf.stack([camera, camera_again] * 2, axis=1)
        first, second = (
            reproject(tf.stack([one, one, other, other], axis=1), cameras)
            for one, other in ((joints, joints_again), (turned, turned_again))
        )
        first = tf.concat([real.points[:, tf.newaxis], first], axis=1)
        consistency = svma.reprojection_distance(first, real.mask)
        consistency += svma.reprojection_distance(second, real.mask)
        return {
            "pose": (
                self.config.pose_weight,
                svma.pose_distance(turned_again, turned, real.mask),
            ),
            "camera_equality": (
                self.config.camera_weight,
                svma.camera_distance(camera, camera_again),
            ),
            "svma": (self.config.svma_weight, consistency),
        }

    def _adversary(self, batch, real, fake):
        """Eq. 10 for the lifter and for the critic."""
        critic = self.networks["critic"]
        fake_scores = critic(fake)
        penalty = wasserstein.gradient_penalty(
            critic, real, fake, self.uniform(batch, "penalty")
        )
        fooled = wasserstein.lifter_loss(fake_scores)
        criticism = wasserstein.critic_loss(critic(real), fake_scores)
        return {"adversarial": (self.config.adversarial_weight, fooled)}, {
            "criticism": (1.0, criticism),
            "penalty": (self.config.penalty_weight, penalty),
        }


def _flat(points: tf.Tensor) -> tf.Tensor:
    return tf.reshape(points, [-1, points.shape[-2] * points.shape[-1]])
