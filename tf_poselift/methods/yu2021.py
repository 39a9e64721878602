"""Yu et al. 2021: the scale of the 2D pose first, then its depths.

"Towards Alleviating the Modeling Ambiguity of Unsupervised Monocular 3D Human
Pose Estimation", ICCV 2021. The true pose is measured in head-root distances
and stands at D of them in front of a camera of focal length 1. One module
estimates S, what the 2D pose must be multiplied with to be what that camera
sees; another lifts it. They are trained in turn.

| paper | here |
| --- | --- |
| Sec. 3.1, mean head-root distance 1 / D | `yu_input` |
| Eq. 3, reference scale | `yu_scale.reference_scale` |
| Eq. 4 to 6, scale distribution, bones | `yu`, `Method._scale_terms` |
| Eq. 7, 8, lift and another view | `unit_camera` |
| Eq. 9 to 13, lifter | `yu`, `least_squares`, `Method._lifter_terms` |
| Eq. 6, 10, weights; Sec. 3.3, 4 : 1 | `yu_turns` |

Rows of its Tables 3 and 4 and of Figure 6: docs/recipes/yu2021.md.

Prior card: N(0.71, 0.06), what S is like, was chosen on Human3.6M with its 3D.
`prior=fixed` takes it (or your own), `prior=joints_3d` computes it from the 3D
of the training split. The default, `prior=keypoints`, takes nothing from 3D:
`yu_scale.upright_scale`.

Where the paper is silent, inconsistent or misprinted (see `Config`, too):
- Eq. 4's mean and deviation are "learnable": those of S on the batch; S is
  exp(output).
- J^2D in Sec. 3.2 is the scaled pose: Eq. 11 could not vanish otherwise, and
  Eq. 12 would tell real from fake by size.
- Eq. 5, 9 and 11 print squared norms, whose sums over joints leave L_adv and
  L_kl without weight: S falls to 0.3 within 500 steps. The authors' code, for
  which the weights were chosen, takes mean distances; `norm=squared` is as
  printed. That code also has the weights of L_2D and L_3D the other way round,
  and its prior is of (S + mean extent) / 2: here both are as printed.
- Both frames are turned alike; Eq. 11 to 13 are of frame t alone.
- Eq. 13 trains the scale module, Sec. 3.3 freezes it: it is frozen, and runs
  as it is served (no dropout). So does the lifter in the other turn. The
  discriminator moves with the lifter. A step computes both sums, and derives
  one: frozen are weights; both modules' batch norm statistics move.
"""

import dataclasses
import math
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from tf_poselift import normalization
from tf_poselift import schema
from tf_poselift import skeletons
from tf_poselift.geometry import rotations
from tf_poselift.geometry import unit_camera
from tf_poselift.losses import least_squares
from tf_poselift.losses import pose
from tf_poselift.losses import yu
from tf_poselift.losses import yu_input
from tf_poselift.losses import yu_turns
from tf_poselift.methods import base
from tf_poselift.networks import adam
from tf_poselift.networks import yu as yu_networks

_SUMS = "scale_sums"  # in a batch of one of several replicas


@dataclasses.dataclass(frozen=True)
class Config:
    """Yu 2021's settings; Sec. 3.4 unless said."""

    batch_size: int = 1024
    width: int = 1024  # units of a hidden layer; as in their reference [23]
    lifter_blocks: int = 5
    scale_blocks: int = 1
    discriminator_blocks: int = 2
    dropout: float = 0.25
    learning_rate: float = 2e-4
    decay_rate: float = 0.95  # of the rate, per walk through the examples
    beta_1: float = 0.9  # of Adam, "default parameters"
    beta_2: float = 0.999
    epsilon: float = 1e-8  # of Adam, in the authors' framework
    normalization: Literal["universal", "step_wise", "none"] = "universal"
    scale: Literal["on_2d", "on_3d", "reference", "none"] = "on_2d"
    prior: Literal["keypoints", "fixed", "joints_3d"] = "keypoints"
    prior_mean: float = 0.71  # mu of `prior=fixed`
    prior_deviation: float = 0.06  # sigma of `prior=fixed`
    norm: Literal["distance", "squared"] = "distance"  # see above
    distance: float = 10.0  # D, head-root distances
    reprojection_weight: float = 0.5  # of L_2D, Eq. 10
    consistency_weight: float = 5.0  # of L_3D
    adversarial_weight: float = 1.0  # of L_adv
    motion_weight: float = 1.0  # of L_tmc
    kl_weight: float = 0.001  # of L_kl, Eq. 6
    bone_weight: float = 1.0  # of L_bone
    facing_weight: float = 0.0  # no facing rule in the paper
    lifter_steps: int = 4  # per step of the scale module; Sec. 3.3
    motion_frames: int = 5  # k, Eq. 9; ours
    bone_frames: int = 10  # largest l, Eq. 5; ours
    elevation: float = 20.0  # degrees, Eq. 8; ours
    average_decay: float = 0.0  # of the averaged weights; 0: no average
    joint_drop: float = 0.0  # of joints, to learn to fill them in; ours
    labelled_share: float = 0.0  # of poses whose 3D may be used; Kudo 5.2
    labelled_weight: float = 1.0  # of the supervised term

    def __post_init__(self):
        yu_turns.check(self)


def batch_spec(config: Config) -> schema.BatchSpec:
    return schema.BatchSpec(
        frames=yu_turns.frames(config),
        joints_3d=config.scale == "reference",
        labelled_share=config.labelled_share,
    )


def statistics(table, config: Config) -> dict[str, np.ndarray]:
    """See `yu_input.statistics`."""
    return yu_input.statistics(table, config, frames=yu_turns.frames(config))


class Method(base.PoseLifter):
    """See the module's docstring."""

    any_unit = False  # poses have the size that they have in pixels

    def __init__(self, skeleton: skeletons.Skeleton, config: Config, **kwargs):
        super().__init__(skeleton, config, **kwargs)
        if config.facing_weight:
            pose.require_facing(skeleton)
        self._input = yu_input.Input(skeleton, config, self.statistics)
        if yu_input.has_module(config):
            self.served = ("lifter", "scale")
        joints = skeleton.num_joints
        for name in (*self.served, "discriminator"):
            seed = self.seed_of(name)
            network = yu_networks.build(name, config, joints, seed)
            optimizer = self._adam(name)
            self.add_network(name, network, optimizer, features=2 * joints)

    def _adam(self, name):
        config, epoch = self.config, float(self.statistics["steps_per_epoch"])
        epoch *= yu_turns.share_of_steps(config, name)  # in its own updates
        steps = max(1, round(epoch))
        rate = keras.optimizers.schedules.ExponentialDecay(
            config.learning_rate, steps, config.decay_rate, staircase=True
        )
        return adam.Adam(
            rate,
            beta_1=config.beta_1,
            beta_2=config.beta_2,
            epsilon=config.epsilon,
        )

    def priors(self):
        mean, deviation = self.statistics["prior"]
        return yu_turns.priors(self.config, mean=mean, deviation=deviation)

    def turns(self, step):
        return yu_turns.turns(self.config, step)

    def log_names(self):
        return yu_turns.log_names(self.config)

    def call(self, inputs, training=False):
        poses = self._input.normalize(inputs)
        scale = self._scale(inputs, poses, training)
        joints = self._scaled_lift(poses.points, scale, training)
        root = normalization.root_position(joints, self.skeleton)
        return {
            schema.JOINTS_3D: (joints - root) * poses.mask[..., tf.newaxis],
            "valid": poses.valid,
            "scale": self._input.of_unit(scale[..., 0, 0], poses),
        }

    def reference_scale(self, inputs: dict[str, tf.Tensor]) -> tf.Tensor:
        """Returns Eq. 3, [B], as `scale` of `call`; 0: `joints_3d` unknown."""
        poses = self._input.normalize(inputs)
        scale = self._input.reference_scale(inputs, poses)
        return self._input.of_unit(scale, poses)

    def _scale(self, inputs, poses, training):
        """S of the poses [...], [..., 1, 1]."""
        if self.config.scale == "reference" and schema.JOINTS_3D in inputs:
            scale = self._input.reference_scale(inputs, poses)
            scale = tf.where(scale > 0.0, scale, 1.0)
            return scale[..., tf.newaxis, tf.newaxis]
        if not yu_input.has_module(self.config):
            return tf.ones_like(poses.scale)
        scale = self.networks["scale"](_flat(poses.points), training=training)
        return tf.reshape(scale, tf.shape(poses.scale))

    def _scaled_lift(self, points, scale, training):
        if self.config.scale != "on_3d":
            return self._lift(points * scale, training)
        joints = self._lift(points, training)
        root = normalization.root_position(joints, self.skeleton)
        return root + scale * (joints - root)

    def _lift(self, points, training):
        """Eq. 7: poses [..., J, 2] to [..., J, 3]."""
        depth = self.lifter(_flat(points), training=training)
        depth = tf.reshape(depth, tf.shape(points[..., 0]))
        return unit_camera.lift(points, depth, distance=self.config.distance)

    def sums(self, batch):
        """Of Eq. 4, which is one of the whole batch."""
        if not (yu_input.has_module(self.config) and self.config.kl_weight):
            return {}
        poses = self._input.normalize(yu_input.of_frames(batch))
        with keras.StatelessScope(self._seeds(batch)):
            scale = self._scale({}, yu_input.ends(poses), training=True)
        valid = tf.reduce_all(poses.valid, axis=1)
        mean, _ = self.statistics["prior"]
        return {_SUMS: yu.scale_sums(scale[..., 0, 0], valid, mean=mean)}

    def objectives(self, batch):
        inputs = yu_input.of_frames(batch)
        poses = self._input.normalize(inputs)
        valid = tf.reduce_all(poses.valid, axis=1)
        terms, adversary = self._lifter_terms(batch, inputs, poses)
        if yu_input.has_module(self.config):
            ends = yu_input.ends(poses)
            terms |= self._scale_terms(ends, valid, batch.get(_SUMS))
        losses = yu_turns.losses(self.config, terms)
        watched = {"scale_factor": terms["scale_factor"]}
        return base.Objectives(losses, valid, watched, adversary)

    def _lifter_terms(self, batch, inputs, poses):
        """Eq. 7 to 13, frames t and t + k: {term: [B]}, `base.Adversary`."""
        config = self.config
        poses = yu_input.first(poses, 2 if config.motion_weight else 1)
        together = not yu_turns.in_turns(config)
        scale = self._scale(inputs, poses, training=together)
        joints = self._scaled_lift(poses.points, scale, training=True)
        # Eq. 8: what another camera sees, lifted again and turned back.
        most = math.radians(config.elevation)
        rotation = rotations.of_view(
            self.uniform(batch, "azimuth", minval=-math.pi, maxval=math.pi),
            self.uniform(batch, "elevation", minval=-most, maxval=most),
        )
        root = normalization.root_position(joints, self.skeleton)
        move = root, rotation[:, tf.newaxis]
        turned = unit_camera.turn(joints, *move, distance=config.distance)
        fake = unit_camera.project(turned) * poses.mask[..., tf.newaxis]
        returned = unit_camera.turn_back(
            self._lift(fake, training=True), *move, distance=config.distance
        )
        first, again, mask = joints[:, 0], returned[:, 0], poses.mask[:, 0]
        terms = {  # Eq. 11
            "reprojection": yu.pose_error(
                unit_camera.project(first),
                unit_camera.project(again),
                mask,
                norm=config.norm,
            ),
            "consistency": yu.pose_error(first, again, mask, norm=config.norm),
            "scale_factor": scale[:, 0, 0, 0],
        }
        adversary = None
        if config.adversarial_weight:  # Eq. 12 and 13
            judge = self.networks["discriminator"]
            real = judge(_flat((poses.points * scale)[:, 0]), training=True)
            fake = fake[:, 0]
            score = judge(_flat(fake), training=True)
            terms["adversarial"] = least_squares.generator_loss(score)
            loss = least_squares.discriminator_loss(real, score)
            terms["discrimination"] = loss
            factor = tf.constant([config.adversarial_weight])
            adversary = base.Adversary(fake, factor, shared=False)
        if config.motion_weight:
            terms["motion"] = yu.motion_error(
                joints, returned, poses.mask, norm=config.norm
            )
        if config.facing_weight:
            facing = self.skeleton.facing
            terms["facing"] = pose.facing_loss(first, mask, facing)
        return terms, adversary

    def _scale_terms(self, poses, valid, sums):
        """Eq. 4 and 5 on the frames t and t + l, {term: [B]}."""
        scale = self._scale({}, poses, training=True)
        joints = self._scaled_lift(
            poses.points, scale, training=not yu_turns.in_turns(self.config)
        )
        mean, deviation = self.statistics["prior"]
        scales = scale[..., 0, 0]
        if sums is None:  # one replica, which has the whole batch
            sums = yu.scale_sums(scales, valid, mean=mean)
        return {
            "kl": yu.kl_to_prior(scales, sums, mean=mean, deviation=deviation),
            "bone": yu.bone_error(
                joints, poses.mask, self.skeleton.bones, norm=self.config.norm
            ),
        }


def _flat(points: tf.Tensor) -> tf.Tensor:
    return tf.reshape(points, [-1, points.shape[-2] * points.shape[-1]])
