"""What Yu 2021's networks see, and what is known of the training split.

`config` is that of `methods.yu2021`.
"""

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tf_poselift import normalization
from tf_poselift import schema
from tf_poselift.losses import yu_scale


def has_module(config) -> bool:
    """Tells whether a scale module is trained."""
    return config.scale in ("on_2d", "on_3d")


def statistics(
    table, config, *, frames: Sequence[int | tuple[int, int]]
) -> dict[str, np.ndarray]:
    """Returns what the method must know of the training split.

    Args:
      table: has `skeleton`, `keypoints_2d` [N, V, J, 2], `scores` [N, V, J],
        `clip_start` [C + 1], `fps` [C], `image_size` [C, V, 2] and, for
        `prior=joints_3d`, `joints_3d` and `joints_3d_valid`.
      config: decides the normalisation and the prior.
      frames: offsets of the frames of an example.

    Returns:
      `unit`: pixels, D mean head-root distances (half the images' size without
      normalisation). `prior`: mean and deviation of S. `steps_per_epoch`.
    """
    if config.normalization == "none":
        unit = yu_scale.half_image_size(table)
    else:
        centred = normalization.center(
            table.keypoints_2d, table.scores, table.skeleton
        )
        unit = config.distance * yu_scale.mean_head_distance(centred, table)
    prior = config.prior_mean, config.prior_deviation
    if has_module(config) and config.prior != "fixed":
        prior = yu_scale.moments(_scales(table, config, unit))
    starts = [frame if isinstance(frame, int) else frame[0] for frame in frames]
    rows = np.maximum(np.diff(table.clip_start) - max(starts), 0).sum()
    steps = rows * table.keypoints_2d.shape[1] / config.batch_size
    return {
        "unit": np.array(unit, np.float32),
        "prior": np.array(prior, np.float32),
        "steps_per_epoch": np.array(math.ceil(steps)),
    }


def _scales(table, config, unit: float):
    """S of every pose, from its 3D or from 2D alone."""
    inputs = {
        schema.KEYPOINTS_2D: table.keypoints_2d,
        schema.SCORES: table.scores,
    }
    poses = _normalize(inputs, table.skeleton, config, unit)
    if config.prior == "keypoints":
        return yu_scale.upright_scale(poses, table, distance=config.distance)
    if table.joints_3d is None:
        raise ValueError(
            "`prior=joints_3d` needs a data set with `joints_3d`. Received: "
            f"{', '.join(table.datasets)}, without."
        )
    inputs = {
        schema.JOINTS_3D: table.joints_3d,
        schema.JOINTS_3D_VALID: table.joints_3d_valid,
    }
    return _reference_scale(inputs, poses, table.skeleton, config)


def of_frames(batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Returns what of a batch is lifted, [B, T, J, ...], T = 1 or more."""
    keys = (
        schema.KEYPOINTS_2D,
        schema.SCORES,
        schema.JOINTS_3D,
        schema.JOINTS_3D_VALID,
    )
    inputs = {key: batch[key] for key in keys if key in batch}
    if inputs[schema.SCORES].shape.rank == 2:  # one frame comes without axis T
        inputs = {key: v[:, tf.newaxis] for key, v in inputs.items()}
    return inputs


def first(
    poses: normalization.Normalized, count: int
) -> normalization.Normalized:
    """Returns the first frames of poses [B, T, ...]."""
    return normalization.Normalized(*(x[:, :count] for x in poses))


def ends(poses: normalization.Normalized) -> normalization.Normalized:
    """Returns the first and the last frame of poses [B, T, ...]."""
    return normalization.Normalized(
        *(tf.stack([x[:, 0], x[:, -1]], axis=1) for x in poses)
    )


class Input:
    """Sec. 3.1, of a method that knows its training split.

    Args:
      skeleton: J joints, one of them the head.
      config: decides the normalisation.
      values: what `statistics` returned.
    """

    def __init__(self, skeleton, config, values: dict[str, np.ndarray]):
        yu_scale.head_of(skeleton)
        if "unit" not in values:
            raise ValueError(
                "`yu2021` needs `statistics` of its training split. Give what "
                "`yu2021.statistics(table, config)` returns."
            )
        self._skeleton, self._config = skeleton, config
        self._unit = values["unit"]

    def normalize(self, inputs):
        """Returns the normalised 2D of the inputs."""
        return _normalize(inputs, self._skeleton, self._config, self._unit)

    def reference_scale(self, inputs, poses) -> tf.Tensor:
        """Returns Eq. 3 of the inputs' truth and 2D; 0: not known."""
        return _reference_scale(inputs, poses, self._skeleton, self._config)

    def of_unit(self, scale: tf.Tensor, poses) -> tf.Tensor:
        """Returns what 2D in the set's unit is multiplied with."""
        return scale * self._unit / poses.scale[..., 0, 0]


def _normalize(inputs, skeleton, config, unit):
    """Sec. 3.1: the normalised 2D of the inputs."""
    return yu_scale.normalize(
        normalization.center(
            inputs[schema.KEYPOINTS_2D], inputs[schema.SCORES], skeleton
        ),
        skeleton,
        unit=unit,
        step_wise=config.distance * (config.normalization == "step_wise"),
    )


def _reference_scale(inputs, poses, skeleton, config):
    """Eq. 3 of the inputs' truth and 2D; 0: not known."""
    known = tf.cast(inputs[schema.JOINTS_3D_VALID], tf.float32)
    truth = normalization.center(inputs[schema.JOINTS_3D], known, skeleton)
    return yu_scale.reference_scale(
        truth, poses, skeleton, distance=config.distance
    )
