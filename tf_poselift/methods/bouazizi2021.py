"""Bouazizi et al. 2021: one lifter, taught by calibrated views of one person.

"Self-Supervised 3D Human Pose Estimation with Multiple-View Geometry", FG
2021, arXiv 2108.07777. The lifter learns from triangulated keypoints, from the
other views' keypoints and from its own answers for the other views. It needs
several calibrated views in training, one afterwards, and gives millimetres.

| paper | here |
| --- | --- |
| Sec. III-C a, input triangulation | `bouazizi_input.derived` |
| Eq. 1, weighted sum | `Method.objectives` |
| Eq. 2, L_in; Eq. 5, L_out | `bouazizi.triangulation_loss` |
| Eq. 3, L_proj | `bouazizi.reprojection_loss` |
| Eq. 4, L_con | `bouazizi.consistency_loss` |
| Sec. III-C d, output triangulation | `bouazizi.output_triangulation` |
| Sec. III-D, networks | `residual.ResidualNetwork` with 4 + 4 blocks |
| Eq. 6, single view | `Method.call` |
| Table IV, bottom up | `output_`, `consistency_`, `reprojection_weight` = 0 |

Prior card: no 3D pose; the calibration of the training cameras, which gives
the millimetres.

Where the paper is silent, inconsistent or misprinted:
- A batch of 8192 is 2048 frames of four views, as in the authors' code; the
  poses of all views go through the lifter, and its batch norm, in one call.
- The input is root-relative (Sec. IV-A). It is divided by the focal lengths,
  so that cameras can be exchanged, and by the set's median distance of a joint
  from the root. An output of 1 is `output_unit` times that of the triangulated
  joints: a step of Adam moves it equally far in any unit, and metres learn
  poorly. All ours.
- Nothing is said between encoder and decoder: eight blocks in a row. Blocks
  have no dropout in Sec. III-D and 0.5 in the authors' code.
- All four terms are in metres; a pixel of L_proj is what it measures at the
  distance of the root, which is triangulated too. L_proj compares places in
  the image, not places relative to the keypoint of the root, which is as noisy
  as any other.
- L_1 in all terms (Eq. 2 and 5 print a power that the text garbles);
  `loss="l2"` is the squared form. No gradient through what serves as truth:
  triangulated poses, and in Eq. 4 the pose of view c.
- L_out joins in the last 10 % of `total_steps`, which must be given: the
  default is 500 epochs of Human3.6M at 10 Hz. The released code triangulates
  the input again instead, and makes a new Adam in every step: not copied.
- A joint that fewer than two views see is not triangulated and not learned
  from; one that a single view misses is learned from the others.
- Distortion is undone for triangulation and targets. The lifter sees pixels as
  they come, in training as when served.
"""

import dataclasses
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from tf_poselift import normalization
from tf_poselift import schema
from tf_poselift import skeletons
from tf_poselift.geometry import cameras as cameras_lib
from tf_poselift.geometry import rotations
from tf_poselift.losses import bouazizi
from tf_poselift.losses import bouazizi_input
from tf_poselift.losses import pose
from tf_poselift.methods import base
from tf_poselift.networks import adam
from tf_poselift.networks import residual

_MM = 1000.0  # per metre


@dataclasses.dataclass(frozen=True)
class Config:
    """Bouazizi 2021's settings; Sec. III-D and IV-A."""

    batch_size: int = 2048  # frames: 8192 poses in four views; Sec. IV-A
    width: int = 1024  # Sec. III-D
    blocks: int = 8  # four of the encoder, four of the decoder; Sec. III-D
    dropout: float = 0.0  # Sec. III-D has none; authors' code 0.5
    output_unit: float = 0.03  # in median distances from the root; ours
    loss: Literal["l1", "l2"] = "l1"  # of all terms; l2 is the squared form
    input_weight: float = 1.0  # w_1, Sec. IV-A
    reprojection_weight: float = 1.0  # w_2
    consistency_weight: float = 0.001  # w_3
    output_weight: float = 0.01  # w_4
    facing_weight: float = 0.0  # the paper has no facing rule
    total_steps: int = 19_000  # of the run; 500 epochs, Sec. IV-A
    output_share: float = 0.1  # of them, the last, with L_out; Sec. IV-A
    learning_rate: float = 1e-3  # of Adam, Sec. IV-A
    schedule: Literal["constant", "cosine"] = "constant"  # to 0 at total_steps
    epsilon: float = 1e-8  # of Adam, in the authors' framework
    average_decay: float = 0.0  # of the averaged weights; 0: no average
    joint_drop: float = 0.0  # of joints, to learn to fill them in; ours
    labelled_share: float = 0.0  # of poses whose 3D may be used; Kudo, Sec. 5.2
    labelled_weight: float = 1.0  # of the supervised term


def batch_spec(config: Config) -> schema.BatchSpec:
    return schema.BatchSpec(
        views=None, cameras=True, labelled_share=config.labelled_share
    )


def statistics(table, config: Config) -> dict[str, np.ndarray]:
    """See `bouazizi_input.statistics`."""
    del config
    return bouazizi_input.statistics(table)


def derived(table, config: Config) -> dict[str, np.ndarray]:
    """Sec. III-C a: triangulated once, see `bouazizi_input.derived`."""
    del config
    return bouazizi_input.derived(table)


class Method(base.PoseLifter):
    """See the module's docstring."""

    metric = True
    any_unit = False
    calibrated = True

    def __init__(self, skeleton: skeletons.Skeleton, config: Config, **kwargs):
        super().__init__(skeleton, config, **kwargs)
        if "body_size" not in self.statistics:
            raise ValueError(
                "`bouazizi2021` needs `statistics` of its training split. Give "
                "what `bouazizi2021.statistics(table, config)` returns."
            )
        if config.facing_weight:
            pose.require_facing(skeleton)
        rate = config.learning_rate
        if config.schedule == "cosine":
            rate = keras.optimizers.schedules.CosineDecay(
                rate, config.total_steps
            )
        self.add_network(
            "lifter",
            residual.ResidualNetwork(
                3 * skeleton.num_joints,
                width=config.width,
                blocks=config.blocks,
                batch_norm=True,
                dropout=config.dropout,
                initializer=keras.initializers.HeNormal,
                seed=self.seed_of("lifter"),
                name="lifter",
            ),
            adam.Adam(rate, epsilon=config.epsilon),
            features=2 * skeleton.num_joints,
        )

    def priors(self):
        return [
            "The calibration of the training cameras (`intrinsics`, "
            "`distortion`, `rotation`, `translation` in mm); no 3D pose."
        ]

    def log_names(self):
        facing = ("facing",) if self.skeleton.facing else ()
        return (
            "lifter_loss",
            "input_triangulation",
            "reprojection",
            "consistency",
            "output_triangulation",
            *facing,
            "valid",
        )

    def call(self, inputs, training=False):
        joints, centred = self._lift(
            inputs[schema.KEYPOINTS_2D],
            inputs[schema.SCORES],
            inputs.get(schema.INTRINSICS, self.statistics["intrinsics"]),
            training,
        )
        return {schema.JOINTS_3D: joints * _MM, "valid": centred.valid}

    def _lift(self, keypoints_2d, scores, intrinsics, training):
        """Root-relative joints [..., J, 3] in metres; 0 where not valid."""
        centred = normalization.center(keypoints_2d, scores, self.skeleton)
        focal = bouazizi_input.focal(intrinsics)
        usable = tf.reduce_all(
            (focal > 0.0) & tf.math.is_finite(focal), axis=(-2, -1)
        )
        valid = centred.valid & usable
        keep = tf.cast(valid, tf.float32)[..., tf.newaxis]
        focal = tf.where(usable[..., tf.newaxis, tf.newaxis], focal, 1.0)
        rays = centred.points / focal / self.statistics["ray_size"]
        joints = self.lifter(
            tf.reshape(
                rays * keep[..., tf.newaxis],
                [-1, 2 * self.skeleton.num_joints],
            ),
            training=training,
        )
        joints = tf.reshape(joints, [-1, *rays.shape[1:-1], 3])
        joints *= self.config.output_unit * self.statistics["body_size"] / _MM
        joints -= normalization.root_position(joints, self.skeleton)
        return joints * keep[..., tf.newaxis], centred._replace(
            valid=valid, mask=centred.mask * keep
        )

    def objectives(self, batch):
        config, skeleton = self.config, self.skeleton
        power = {"l1": 1, "l2": 2}[config.loss]
        intrinsics = batch[schema.INTRINSICS]
        rotation = batch[schema.ROTATION]
        # One call for the poses of all views.
        joints, view = self._lift(
            batch[schema.KEYPOINTS_2D], batch[schema.SCORES], intrinsics, True
        )
        present = tf.cast(view.valid, tf.float32)[..., tf.newaxis]  # [B, V, 1]
        # Y_in, and its root in every camera's space.
        world, root = self._triangulated(batch)
        # Eq. 2.
        input_triangulation = bouazizi.triangulation_loss(
            joints,
            rotations.rotate(world.points[:, tf.newaxis], rotation),
            present * world.mask[:, tf.newaxis],
            power=power,
        )
        # Eq. 3: the pose of every view, seen from every camera.
        moved = bouazizi.to_all_views(joints, rotation)
        keypoints, seen = _observed(batch)
        reprojection = bouazizi.reprojection_loss(
            moved,
            root,
            keypoints,
            present[:, :, tf.newaxis] * seen[:, tf.newaxis],
            intrinsics,
            power=power,
        )
        # Eq. 4. What a view does not see, it only guesses.
        consistency = bouazizi.consistency_loss(
            moved,
            joints,
            present[:, :, tf.newaxis] * view.mask[:, tf.newaxis],
            power=power,
        )
        # Eq. 5.
        output, output_mask = bouazizi.output_triangulation(
            joints, root, rotation, view.mask
        )
        output -= normalization.root_position(output, skeleton)
        output_triangulation = bouazizi.triangulation_loss(
            joints,
            rotations.rotate(output[:, tf.newaxis], rotation),
            present * output_mask[:, tf.newaxis],
            power=power,
        )
        # Eq. 1; L_out joins at the end of the training (Sec. IV-A).
        begin = round(config.total_steps * (1.0 - config.output_share))
        late = tf.cast(batch[schema.STEP] >= begin, tf.float32)
        terms = {
            "input_triangulation": (config.input_weight, input_triangulation),
            "reprojection": (config.reprojection_weight, reprojection),
            "consistency": (config.consistency_weight, consistency),
            "output_triangulation": (
                config.output_weight * late,
                output_triangulation,
            ),
        }
        if skeleton.facing is not None:
            facing = pose.facing_loss(joints, view.mask, skeleton.facing)
            facing = tf.reduce_sum(facing, axis=1)
            terms["facing"] = (config.facing_weight, facing)
        return base.Objectives(
            losses={"lifter": terms},
            valid=world.valid & tf.reduce_any(view.valid, axis=1),
        )

    def _triangulated(self, batch):
        """Root-relative joints [B, J, 3] in the world's axes, metres.

        And their root [B, V, 1, 3] in every camera's space.
        """
        world = normalization.center(
            batch[bouazizi_input.TRIANGULATED] / _MM,
            tf.cast(batch[bouazizi_input.TRIANGULATED_VALID], tf.float32),
            self.skeleton,
        )
        root = cameras_lib.world_to_camera(
            world.root[:, tf.newaxis],
            batch[schema.ROTATION],
            batch[schema.TRANSLATION] / _MM,
        )
        return world, root


def _observed(batch):
    """Keypoints [B, V, J, 2] of perfect lenses and where they are seen."""
    keypoints = batch[bouazizi_input.UNDISTORTED]
    seen = (batch[schema.SCORES] > 0.0) & tf.reduce_all(
        tf.math.is_finite(keypoints), axis=-1
    )
    keypoints = tf.where(seen[..., tf.newaxis], keypoints, 0.0)
    return keypoints, tf.cast(seen, tf.float32)
