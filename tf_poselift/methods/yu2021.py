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
| Sec. 3.3, 4 : 1 | `Method.updates` |

| row | `--config=` |
| --- | --- |
| Table 3, L_2D + L_3D + L_adv | `scale=none`, `motion_weight=0` |
| + L_tmc | `scale=none` |
| + L_kl | `bone_weight=0` |
| Table 4, reference scale as input | `scale=reference` |
| no normalisation | `normalization=none`, `scale=none` |
| no normalisation, scale on 2D | `normalization=none` |
| step-wise scale | `normalization=step_wise`, `scale=none` |
| universal scale, on 3D | `scale=on_3d` |
| Figure 6, another ratio | `lifter_steps=N`; 0: no iterative training |

Prior card: N(0.71, 0.06), what S is like, was chosen on Human3.6M with its 3D.
`prior=fixed` takes it (or your own), `prior=joints_3d` computes it from the 3D
of the training split. The default, `prior=keypoints`, takes nothing from 3D: S
is 1 / D over the 2D head-root distance of an upright person in the same place,
and most people are upright at some time within half a second, so that the
largest head-root distance within half a second stands for it (on people who
walk about: mean 0.99, deviation 0.18; from their 3D: 1.03, 0.18).

Where the paper is silent, inconsistent or misprinted:
- Eq. 4's mean and deviation are "learnable": those of the module's outputs on
  the batch; see `yu.kl_to_prior` about replicas. S is exp(output).
- J^2D in Sec. 3.2 is the scaled pose: Eq. 11 could not vanish otherwise, and
  Eq. 12 would tell real from fake by size.
- Eq. 5, 9 and 11 print squared norms, whose sums over joints leave L_adv and
  L_kl without weight: S falls to 0.3 within 500 steps. The authors' code, for
  which the weights were chosen, takes mean distances; `norm=squared` is as
  printed.
- Their code also has the weights of L_2D and L_3D the other way round, and
  its prior is of (S + mean extent) / 2, not of S: here both are as printed.
- k = 5; l uniform in 1 to 10; azimuth U(-pi, pi), elevation U(-20, 20
  degrees), the same for both frames. Eq. 11 to 13 are of frame t alone.
- Eq. 13 trains the scale module, Sec. 3.3 freezes it: it is frozen, and runs
  as it is served (no dropout). So does the lifter in the other turn. The
  discriminator moves with the lifter. A step computes both sums; what the
  other turn needs is a third more work.
- An epoch is one walk through the examples, whichever module they train.
- Without normalisation the unit is half the images' size: pixels themselves
  would overflow the networks.
- `scale=reference` is 1 where no truth comes with the input (when served).
- Batch norm as in the residual block of their reference [23], but none in the
  discriminator.
"""

import dataclasses
import functools
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
from tf_poselift.losses import yu_scale
from tf_poselift.methods import base
from tf_poselift.networks import residual

# PyTorch's default, uniform within 1 / sqrt(inputs); ours.
_INITIALIZER = functools.partial(
    keras.initializers.VarianceScaling,
    scale=1.0 / 3.0,
    mode="fan_in",
    distribution="uniform",
)
_MAX_LOG_SCALE = 3.0  # S lies in 1/20 to 20


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
    decay_rate: float = 0.95  # of the learning rate per epoch
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
    labelled_share: float = 0.0  # of poses whose 3D may be used; Kudo 5.2
    labelled_weight: float = 1.0  # of the supervised term


def _in_turns(config: Config) -> bool:
    return yu_input.has_module(config) and config.lifter_steps > 0


def batch_spec(config: Config) -> schema.BatchSpec:
    frames: list[int | tuple[int, int]] = [0]
    if config.motion_weight:
        frames.append(config.motion_frames)
    if yu_input.has_module(config) and config.bone_weight:
        frames.append((1, config.bone_frames))
    return schema.BatchSpec(
        frames=tuple(frames),
        joints_3d=config.scale == "reference",
        labelled_share=config.labelled_share,
    )


def statistics(table, config: Config) -> dict[str, np.ndarray]:
    """See `yu_input.statistics`."""
    frames = batch_spec(config).frames
    return yu_input.statistics(table, config, frames=frames)


class Method(base.PoseLifter):
    """See the module's docstring."""

    any_unit = False  # poses have the size that they have in pixels

    def __init__(self, skeleton: skeletons.Skeleton, config: Config, **kwargs):
        super().__init__(skeleton, config, **kwargs)
        yu_scale.head_of(skeleton)
        if config.facing_weight:
            pose.require_facing(skeleton)
        if "unit" not in self.statistics:
            raise ValueError(
                "`yu2021` needs `statistics` of its training split. Give what "
                "`yu2021.statistics(table, config)` returns."
            )
        outputs = {"lifter": skeleton.num_joints, "scale": 1}
        if yu_input.has_module(config):
            self.served = ("lifter", "scale")
        for name in (*self.served, "discriminator"):
            self.add_network(
                name,
                residual.ResidualNetwork(
                    outputs.get(name, 1),
                    width=config.width,
                    blocks=getattr(config, f"{name}_blocks"),
                    batch_norm=name != "discriminator",
                    dropout=config.dropout,
                    initializer=_INITIALIZER,
                    seed=self.seed_of(name),
                    name=name,
                ),
                self._adam(name),
                features=2 * skeleton.num_joints,
            )

    def _adam(self, name):
        # An epoch in updates of this network, which has its turns.
        config, updates = self.config, float(self.statistics["steps_per_epoch"])
        if _in_turns(config):
            turns = 1 if name == "scale" else config.lifter_steps
            updates *= turns / (config.lifter_steps + 1)
        return keras.optimizers.Adam(
            keras.optimizers.schedules.ExponentialDecay(
                config.learning_rate,
                max(1, round(updates)),
                config.decay_rate,
                staircase=True,
            ),
            beta_1=config.beta_1,
            beta_2=config.beta_2,
            epsilon=config.epsilon,
        )

    def priors(self):
        config, (mean, deviation) = self.config, self.statistics["prior"]
        prior = f"Scale prior N({mean:.3f}, {deviation:.3f})"
        if config.scale == "reference":
            return ["Scale of every pose from its 3D truth (Eq. 3)."]
        if yu_input.has_module(config) and config.kl_weight:
            if config.prior == "fixed":
                return [f"{prior}: Human3.6M's, from its 3D, or your own."]
            if config.prior == "joints_3d":
                return [f"{prior}: from the 3D of the training split (Eq. 3)."]
        return []

    def log_names(self):
        names = ["scale_factor", "valid"]
        for network, terms in self._weights().items():
            names += [f"{network}_loss", *terms]
        return tuple(dict.fromkeys(names))

    def _weights(self) -> dict[str, dict[str, float]]:
        """{network: {term: weight}}, without what is switched off."""
        config = self.config
        lifter = {  # Eq. 10
            "reprojection": config.reprojection_weight,
            "consistency": config.consistency_weight,
            "adversarial": config.adversarial_weight,
            "motion": config.motion_weight,
            "facing": config.facing_weight,
        }
        scale = {"kl": config.kl_weight, "bone": config.bone_weight}  # Eq. 6
        if not yu_input.has_module(config):
            scale = {}
        elif not config.lifter_steps:
            lifter = scale = lifter | scale
        critic = {"discrimination": 1.0 if config.adversarial_weight else 0.0}
        weights = {"lifter": lifter, "scale": scale, "discriminator": critic}
        used = {
            network: {term: weight for term, weight in terms.items() if weight}
            for network, terms in weights.items()
        }
        return {network: terms for network, terms in used.items() if terms}

    def call(self, inputs, training=False):
        poses = self._normalize(inputs)
        scale = self._scale(inputs, poses, training)
        joints = self._scaled_lift(poses.points, scale, training)
        root = normalization.root_position(joints, self.skeleton)
        return {
            schema.JOINTS_3D: (joints - root) * poses.mask[..., tf.newaxis],
            "valid": poses.valid,
            "scale": self._of_unit(scale[..., 0, 0], poses),
        }

    def reference_scale(self, inputs: dict[str, tf.Tensor]) -> tf.Tensor:
        """Returns Eq. 3, [B], of inputs with `joints_3d`; 0: not known.

        Like `scale` of `call`, what 2D in the set's unit is multiplied with.
        """
        poses = self._normalize(inputs)
        return self._of_unit(self._reference(inputs, poses), poses)

    def _of_unit(self, scale, poses):
        unit = self.statistics["unit"]
        return scale * unit / poses.scale[..., 0, 0]

    def _normalize(self, inputs):
        unit = self.statistics["unit"]
        return yu_input.normalize(inputs, self.skeleton, self.config, unit)

    def _reference(self, inputs, poses):
        return yu_input.reference_scale(
            inputs, poses, self.skeleton, self.config
        )

    def _scale(self, inputs, poses, training):
        """S of the poses [...], [..., 1, 1]."""
        if self.config.scale == "reference" and schema.JOINTS_3D in inputs:
            scale = self._reference(inputs, poses)
            scale = tf.where(scale > 0.0, scale, 1.0)
            return scale[..., tf.newaxis, tf.newaxis]
        if not yu_input.has_module(self.config):
            return tf.ones_like(poses.scale)
        points = _flat(poses.points)
        output = self.networks["scale"](points, training=training)
        output = tf.clip_by_value(output, -_MAX_LOG_SCALE, _MAX_LOG_SCALE)
        return tf.reshape(tf.exp(output), tf.shape(poses.scale))

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

    def objectives(self, batch):
        keys = schema.KEYPOINTS_2D, schema.SCORES
        keys += (schema.JOINTS_3D, schema.JOINTS_3D_VALID)
        inputs = {key: batch[key] for key in keys if key in batch}
        if len(batch_spec(self.config).frames) == 1:  # comes without axis T
            inputs = {key: v[:, tf.newaxis] for key, v in inputs.items()}
        poses = self._normalize(inputs)
        valid = tf.reduce_all(poses.valid, axis=1)
        terms = self._lifter_terms(batch, inputs, poses)
        if yu_input.has_module(self.config):
            terms |= self._scale_terms(poses, valid)
        return base.Objectives(
            losses={
                network: {t: (w, terms[t]) for t, w in weights.items()}
                for network, weights in self._weights().items()
            },
            valid=valid,
            watched={"scale_factor": terms["scale_factor"]},
        )

    def _lifter_terms(self, batch, inputs, poses):
        """Eq. 7 to 13 on the frames t and t + k, {term: [B]}."""
        config = self.config
        poses = _frames(poses, (0, 1) if config.motion_weight else (0,))
        scale = self._scale(inputs, poses, training=not _in_turns(config))
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
        terms = {
            # Eq. 11.
            "reprojection": yu.pose_error(
                unit_camera.project(first),
                unit_camera.project(again),
                mask,
                norm=config.norm,
            ),
            "consistency": yu.pose_error(first, again, mask, norm=config.norm),
            "scale_factor": scale[:, 0, 0, 0],
        }
        if config.adversarial_weight:  # Eq. 12 and 13
            judge = self.networks["discriminator"]
            real = judge(_flat((poses.points * scale)[:, 0]), training=True)
            fake = judge(_flat(fake[:, 0]), training=True)
            terms["adversarial"] = least_squares.generator_loss(fake)
            terms["discrimination"] = least_squares.discriminator_loss(
                real, fake
            )
        if config.motion_weight:  # Eq. 9
            terms["motion"] = yu.motion_error(
                joints, returned, poses.mask, norm=config.norm
            )
        if config.facing_weight:
            terms["facing"] = pose.facing_loss(
                first, mask, self.skeleton.facing
            )
        return terms

    def _scale_terms(self, poses, valid):
        """Eq. 4 and 5 on the frames t and t + l, {term: [B]}."""
        poses = _frames(poses, (0, poses.valid.shape[1] - 1))
        scale = self._scale({}, poses, training=True)
        joints = self._scaled_lift(
            poses.points, scale, training=not _in_turns(self.config)
        )
        mean, deviation = self.statistics["prior"]
        return {
            "kl": yu.kl_to_prior(
                scale[..., 0, 0], valid, mean=mean, deviation=deviation
            ),
            "bone": yu.bone_error(
                joints, poses.mask, self.skeleton.bones, norm=self.config.norm
            ),
        }

    def updates(self, logs, step):
        del logs
        if not _in_turns(self.config):
            return {}
        # Sec. 3.3: the lifter first, then the scale module once.
        steps = self.config.lifter_steps
        lifting = step % (steps + 1) < steps
        resting = tf.logical_not(lifting)
        return {"lifter": lifting, "discriminator": lifting, "scale": resting}


def _frames(poses, frames):
    """Some of the frames of poses [B, T, J, ...]."""
    return normalization.Normalized(
        *(tf.gather(x, frames, axis=1) for x in poses)
    )


def _flat(points: tf.Tensor) -> tf.Tensor:
    return tf.reshape(points, [-1, points.shape[-2] * points.shape[-1]])
