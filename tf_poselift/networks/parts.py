"""Depths from networks that each see only their own part of the body."""

from collections.abc import Mapping
from collections.abc import Sequence

import keras
import tensorflow as tf

from tf_poselift import skeletons


def of_body(
    skeleton: skeletons.Skeleton, stage: str
) -> dict[str, tuple[int, ...]]:
    """Returns {generator: the joints that it sees and predicts}.

    Args:
      skeleton: whose `legs` and `torso` are meant.
      stage: "split": a generator for each; anything else: one for both.

    Raises:
      ValueError: a skeleton that does not say which joints are legs.
    """
    legs, torso = skeleton.legs, skeleton.torso
    if stage != "split":
        return {"lifter": tuple(sorted(legs + torso))}
    if not (legs and torso):
        raise ValueError(
            "`stage=split` needs a skeleton with `legs` and further joints "
            f"(docs/skeletons.md). Received: `{skeleton.name}`, legs {legs}. "
            "Without them, take `--config=stage=solo`."
        )
    return {"legs": legs, "torso": torso}


def lift(
    networks: Mapping[str, keras.Model],
    parts: Mapping[str, Sequence[int]],
    points: tf.Tensor,
    *,
    training: bool,
) -> tf.Tensor:
    """Returns depths in [-1, 1], [B, J]; 0 for a joint of no part.

    Args:
      networks: {part: maps [B, 2 n] coordinates of its n joints to [B, n]}.
      parts: {part: its joints}.
      points: [B, J, 2].
      training: for the networks.
    """
    depth = [tf.zeros(tf.shape(points)[:1])] * points.shape[1]
    for part, joints in parts.items():
        outputs = networks[part](features(points, joints), training=training)
        columns = tf.unstack(tf.tanh(outputs), axis=1)
        for joint, column in zip(joints, columns, strict=True):
            depth[joint] = column
    return tf.stack(depth, axis=1)


def features(points: tf.Tensor, joints: Sequence[int]) -> tf.Tensor:
    """Returns the coordinates of some joints, [B, 2 len(joints)].

    Neither slices nor `tf.concat`: under XLA the gradients of both have no
    gradients, which the derivative of a lifter needs.
    """
    columns = tf.unstack(points, axis=1)
    chosen = tf.stack([columns[joint] for joint in joints], axis=1)
    return tf.reshape(chosen, [-1, 2 * len(joints)])


def mask(seen: tf.Tensor, joints: Sequence[int]) -> tf.Tensor:
    """Returns [B, J], 1 at those of some joints that are seen [B, J]."""
    return seen * [float(j in joints) for j in range(seen.shape[1])]


def of_joints(
    values: Mapping[str, float], parts: Mapping[str, Sequence[int]], count: int
) -> tf.Tensor:
    """Returns at every joint the value of its part, [1, count]; else 0."""
    per_joint = [0.0] * count
    for part, joints in parts.items():
        for joint in joints:
            per_joint[joint] = values[part]
    return tf.constant([per_joint])
