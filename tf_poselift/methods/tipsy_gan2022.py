"""TIPSy-GAN 2022: legs and torso are lifted apart, then taught to one lifter.

Hardy et al., "Teaching Independent Parts Separately (TIPSy-GAN)". `split`: two
generators that see only their own part of the body learn against one
discriminator of whole poses. `distill`: a third network learns their depths.
`solo`, the baseline: one generator, the same losses.

| paper | here |
| --- | --- |
| Sec. 3, max-normalisation | `normalization.normalize_by_maximum` |
| Eq. 1, parts and their generators; Fig. 4 | `networks.parts` |
| Sec. 3.2, random view | `rotations.of_view` |
| Sec. 3.2, reprojection consistency | `tipsy.reprojection` |
| Eq. 2-4, 90 degree consistency | `tipsy.quarter_turns` |
| Eq. 5, Sec. 3.6, with flipped labels | `adversarial.discriminator_loss` |
| Eq. 7, 8, each generator's own loss | `Method._adversarial` |
| Eq. 6, 9, distillation | `Method._distilled` |
| Eq. 15 (appendix), continuous consistency | `tipsy.continuous` |
| Table 6, Drover's losses | `reprojection_weight=0`, `quarter_turn_weight=0` |

Prior card: no number from 3D. The split into legs and torso is the skeleton's.

Where the paper is silent, inconsistent or misprinted ("ours"):
- Its 16 joints are `human36m_17` without the root. Networks see and predict
  all joints but the root; a virtual root leaves out none.
- P is orthographic: the pose is (x, y, z^). Reprojections are not normalised.
- Width 1024 and ReLU as in Martinez 2017, which the networks follow; initial
  weights U(-1, 1) / sqrt(inputs), of the last layer a hundredth of it: else
  Tanh starts saturated.
- Eq. 5 saturates; the generators minimise -log D(fake).
- Each of a step's five lifts is normalised by its own batch statistics; only
  those of the observed poses are kept for serving.
- The discriminator has batch norm (Fig. 4) and sees real and fake poses in one
  batch: apart, it wins at once, and poses stay worse than flat ones.
- Eq. 15 is there to replace both consistencies. It is off.
"""

import dataclasses
import functools
import math
from typing import Literal

import keras
import tensorflow as tf

from tf_poselift import checks
from tf_poselift import normalization
from tf_poselift import schema
from tf_poselift import skeletons
from tf_poselift.geometry import rotations
from tf_poselift.losses import adversarial
from tf_poselift.losses import pose
from tf_poselift.losses import tipsy
from tf_poselift.methods import base
from tf_poselift.networks import adam
from tf_poselift.networks import parts
from tf_poselift.networks import residual

_LAST_LAYER = 0.01  # of its initial weights; ours


@dataclasses.dataclass(frozen=True)
class Config:
    """TIPSy-GAN 2022's settings; Sec. 3.6 unless said otherwise."""

    stage: Literal["split", "distill", "solo"] = "split"
    batch_size: int = 8192
    width: int = 1024  # units of a hidden layer; ours
    blocks: int = 4  # residual blocks; the discriminator has one fewer, App. A
    norm: Literal["batch", "layer"] = "batch"  # of the generators; Fig. 4
    negative_slope: float = 0.0  # of the activation; ours
    learning_rate: float = 2e-4
    epsilon: float = 1e-8  # of Adam
    legs_adversarial_weight: float = 0.05  # w1
    torso_adversarial_weight: float = 0.08  # w4
    solo_adversarial_weight: float = 0.08  # ours
    reprojection_weight: float = 10.0  # w2; 0 leaves the term out
    quarter_turn_weight: float = 3.0  # w3; likewise
    continuous_weight: float = 0.0  # of Eq. 15, which needs `norm=layer`
    max_elevation: float = math.pi / 18  # of a random view; Sec. 3.2
    label_flip: float = 0.05  # chance that the discriminator's labels flip
    facing_weight: float = 0.0  # Kudo 2018, Eq. 3; 0 switches it off
    average_decay: float = 0.0  # of the averaged weights; 0: no average
    joint_drop: float = 0.0  # of joints, to learn to fill them in; ours
    labelled_share: float = 0.0  # of poses whose 3D may be used; Kudo 2018, 5.2
    labelled_weight: float = 1.0  # of the supervised term

    def __post_init__(self):
        checks.check_number("label_flip", self.label_flip, least=0, most=1)
        if self.continuous_weight and self.norm != "layer":
            raise ValueError(
                "`continuous_weight` needs `--config=norm=layer`: batch norm "
                f"ties examples to each other. Received: `norm={self.norm}`."
            )


def batch_spec(config: Config) -> schema.BatchSpec:
    return schema.BatchSpec(labelled_share=config.labelled_share)


def needs_teacher(config: Config) -> bool:
    return config.stage == "distill"


class Method(base.PoseLifter):
    """See the module's docstring."""

    def __init__(self, skeleton: skeletons.Skeleton, config: Config, **kwargs):
        super().__init__(skeleton, config, **kwargs)
        if config.facing_weight:
            pose.require_facing(skeleton)
        if self.teacher is not None:
            _check_teacher(self.teacher, skeleton)
        self._parts = parts.of_body(skeleton, config.stage)
        self.served = tuple(self._parts)
        for part, joints in self._parts.items():
            self._add_network(part, config.blocks, len(joints), len(joints))
        if config.stage != "distill":
            joints = sum(len(joints) for joints in self._parts.values())
            self._add_network("discriminator", config.blocks - 1, joints, 1)

    def _add_network(self, name, blocks, joints, outputs):
        config = self.config
        layer_norm = config.norm == "layer" and name != "discriminator"
        network = residual.ResidualNetwork(
            outputs,
            width=config.width,
            blocks=blocks,
            negative_slope=config.negative_slope,
            batch_norm=not layer_norm,
            layer_norm=layer_norm,
            initializer=functools.partial(
                keras.initializers.VarianceScaling,
                scale=1 / 3,
                mode="fan_in",
                distribution="uniform",
            ),
            seed=self.seed_of(name),
            name=name,
        )
        optimizer = adam.Adam(config.learning_rate, epsilon=config.epsilon)
        self.add_network(name, network, optimizer, features=2 * joints)
        network.last.kernel.assign(network.last.kernel * _LAST_LAYER)

    def log_names(self):
        facing = ("facing",) if self.skeleton.facing else ()
        if self.config.stage == "distill":
            return ("lifter_loss", "distillation", *facing, "valid")
        generators = parts.of_body(self.skeleton, self.config.stage)
        terms = self._consistency_weights()
        return (
            *(f"{name}_loss" for name in generators),
            "adversarial",
            *(f"{name}_{term}" for name in generators for term in terms),
            *facing,
            "discriminator_loss",
            "discrimination",
            "discriminator_accuracy",
            "valid",
        )

    def _consistency_weights(self):
        """{term: weight} of those that are on."""
        weights = {
            "reprojection": self.config.reprojection_weight,
            "quarter_turn": self.config.quarter_turn_weight,
            "continuous": self.config.continuous_weight,
        }
        return {term: weight for term, weight in weights.items() if weight}

    def call(self, inputs, training=False):
        normalized = self._normalized(inputs)
        joints = self._lifted(normalized, training)
        joints -= normalization.root_position(joints, self.skeleton)
        return {
            schema.JOINTS_3D: joints * normalized.mask[..., tf.newaxis],
            "valid": normalized.valid,
        }

    def _normalized(self, inputs):
        return normalization.normalize_by_maximum(
            inputs[schema.KEYPOINTS_2D], inputs[schema.SCORES], self.skeleton
        )

    def _lift(self, points, training=True):
        """Depths [B, J] of points [B, J, 2]; Eq. 1."""
        return parts.lift(self.networks, self._parts, points, training=training)

    def _lift_again(self, points):
        """The same; moves no batch statistics: served are those of poses."""
        with keras.StatelessScope():  # what layers assign here is dropped
            return self._lift(points)

    def _lifted(self, normalized, training=True):
        """The pose [B, J, 3]; a missing joint lies on the root."""
        depth = self._lift(normalized.points, training) * normalized.mask
        return tf.concat([normalized.points, depth[..., tf.newaxis]], axis=-1)

    def objectives(self, batch):
        real = self._normalized(batch)
        if self.config.stage == "distill":
            return self._distilled(batch, real)
        return self._adversarial(batch, real)

    def _adversarial(self, batch, real):
        config = self.config
        joints = self._lifted(real)
        most = config.max_elevation
        rotation = rotations.of_view(  # Sec. 3.2
            self.uniform(batch, "azimuth", minval=-math.pi, maxval=math.pi),
            self.uniform(batch, "elevation", minval=-most, maxval=most),
        )
        fake = rotations.rotate(joints, rotation)[..., :2]
        lift, again, points = self._lift, self._lift_again, real.points
        residuals = {
            "reprojection": lambda: tipsy.reprojection(
                again, points, fake, rotation
            ),
            "quarter_turn": lambda: tipsy.quarter_turns(again, joints),
            "continuous": lambda: tipsy.continuous(lift, points, real.mask),
        }
        consistencies = {
            term: (weight, residuals[term]())
            for term, weight in self._consistency_weights().items()
        }
        # Eq. 5.
        real_logits, fake_logits = self._judge(real.points, fake)
        fooled = adversarial.non_saturating_loss(fake_logits)
        flipped = self.uniform(batch, "flip") < config.label_flip
        discrimination = adversarial.discriminator_loss(
            real_logits, fake_logits, flipped=flipped
        )
        losses = {"discriminator": {"discrimination": (1.0, discrimination)}}
        # Eq. 7 and 8: each generator has its own loss.
        weights = {
            "legs": config.legs_adversarial_weight,
            "torso": config.torso_adversarial_weight,
            "lifter": config.solo_adversarial_weight,
        }
        for part, joints_of_part in self._parts.items():
            mask = parts.mask(real.mask, joints_of_part)
            losses[part] = {"adversarial": (weights[part], fooled)} | {
                f"{part}_{term}": (weight, tipsy.part_mean(residual, mask))
                for term, (weight, residual) in consistencies.items()
            }
        accuracy = adversarial.accuracy(real_logits, fake_logits)
        watched = {"discriminator_accuracy": accuracy}
        factor = parts.of_joints(weights, self._parts, fake.shape[1])
        adversary = base.Adversary(fake, factor, shared=False)
        return self._with_facing(losses, watched, joints, real, adversary)

    def _distilled(self, batch, real):
        if self.teacher is None:
            raise ValueError(
                "`stage=distill` needs a teacher. Give the run folder of a "
                "finished `stage=split`: `--teacher=WORKDIR`."
            )
        inputs = {k: batch[k] for k in (schema.KEYPOINTS_2D, schema.SCORES)}
        taught = self.teacher(inputs, training=False)[schema.JOINTS_3D]
        joints = self._lifted(real)
        # Eq. 6 and 9.
        loss = tipsy.part_mean(
            joints[..., 2:] - tf.stop_gradient(taught[..., 2:]),
            parts.mask(real.mask, self._parts["lifter"]),
        )
        losses = {"lifter": {"distillation": (1.0, loss)}}
        return self._with_facing(losses, {}, joints, real)

    def _with_facing(self, losses, watched, joints, real, adversary=None):
        """Adds the facing rule to every generator, or only watches it."""
        if self.skeleton.facing is not None:
            facing = pose.facing_loss(joints, real.mask, self.skeleton.facing)
            if self.config.facing_weight:
                for part in self._parts:
                    losses[part]["facing"] = (self.config.facing_weight, facing)
            else:
                watched["facing"] = facing
        return base.Objectives(losses, real.valid, watched, adversary)

    def _judge(self, real, fake):
        """Logits [B, 1] of the discriminator, which sees whole poses."""
        joints = [j for part in self._parts.values() for j in part]
        # In one batch: normalised apart, they are told apart at once.
        features = parts.features(tf.concat([real, fake], axis=0), joints)
        logits = self.networks["discriminator"](features, training=True)
        return tf.split(logits, 2)


def _check_teacher(teacher, skeleton) -> None:
    theirs = teacher.skeleton
    same = (theirs.joints, theirs.root) == (skeleton.joints, skeleton.root)
    if not (same and isinstance(teacher, Method)):
        raise ValueError(
            "The teacher must be a run of `tipsy_gan2022` in the student's "
            f"skeleton, `{skeleton.name}` ({skeleton.num_joints} joints). "
            f"Received: one of `{type(teacher).__module__.split('.')[-1]}` in "
            f"`{theirs.name}` ({theirs.num_joints} joints)."
        )
