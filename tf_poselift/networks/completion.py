"""Fills in the keypoints of joints that were not seen, from those that were.

A detector misses joints, and a method that adds depths to keypoints has no
place for a joint without one. This network, which no paper has, is trained
beside a lifter: joints are taken away at random, and it learns where they
were. It works on keypoints minus the mean of the joints that are seen, divided
by their root mean square distance from it; so it needs no root, no unit and no
camera. Joints that are seen pass through unchanged, bit for bit.
"""

import keras
import numpy as np
import tensorflow as tf

from tf_poselift import skeletons
from tf_poselift.geometry import safe_ops
from tf_poselift.networks import residual

NAME = "completion"
WIDTH = 256  # units of a hidden layer
# Of a pose with J joints, besides those of its joints: how often joints are
# taken away, and how.
_MORE_DRAWS = 2


def num_features(skeleton: skeletons.Skeleton) -> int:
    """Returns how many features the network takes: x, y and whether seen."""
    return 3 * skeleton.num_joints


def build(joints: int, seed: int) -> residual.ResidualNetwork:
    """Returns the network: [B, F] features to [B, 2 J] coordinates."""
    return residual.ResidualNetwork(
        2 * joints,
        width=WIDTH,
        blocks=1,
        initializer=keras.initializers.HeNormal,
        seed=seed,
        name=NAME,
    )


def fill(
    network: residual.ResidualNetwork,
    keypoints_2d: tf.Tensor,
    scores: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the keypoints and scores with an estimate for missing joints.

    A pose is filled if at least half of its joints are seen, all of these are
    finite and not all in one place; another one comes out as it is. So does a
    joint that no pose of the training had.

    Args:
      network: that of `build`, trained.
      keypoints_2d: [B, J, 2] in any unit.
      scores: [B, J]; 0 = missing.

    Returns:
      [B, J, 2], and [B, J]: 1 where a joint was filled in.
    """
    joints = keypoints_2d.shape[-2]
    seen = tf.greater(scores, 0.0)
    features, centre, size, usable = _features(keypoints_2d, scores, seen)
    estimate = tf.reshape(network(features, training=False), [-1, joints, 2])
    # Of a joint that was never there the bias has had no gradient.
    bias = tf.reshape(network.last.bias.value, [joints, 2])
    known = tf.reduce_any(tf.not_equal(bias, 0.0), axis=-1)
    filled = ~seen & usable[:, tf.newaxis] & known
    return (
        tf.where(
            filled[..., tf.newaxis], centre + size * estimate, keypoints_2d
        ),
        tf.where(filled, tf.ones_like(scores), scores),
    )


def num_draws(skeleton: skeletons.Skeleton) -> int:
    """Returns how many random numbers `error` takes for a pose."""
    return skeleton.num_joints + _MORE_DRAWS


def error(
    network: residual.ResidualNetwork,
    keypoints_2d: tf.Tensor,
    scores: tf.Tensor,
    draws: tf.Tensor,
    *,
    skeleton: skeletons.Skeleton,
    drop: float,
) -> tf.Tensor:
    """Returns how far off joints are filled in that were taken away, [B].

    The mean of |x| + |y| in the network's unit, over all such joints of an
    example. A pose of which less than half is left does not count, nor does a
    joint that the data miss.

    Args:
      network: that of `build`.
      keypoints_2d: [B, ..., J, 2], poses of an example.
      scores: [B, ..., J]; 0 = missing.
      draws: [B, ..., `num_draws`], uniform in [0, 1).
      skeleton: J joints.
      drop: mean share of the joints that are taken away.
    """
    joints = skeleton.num_joints
    points = tf.reshape(keypoints_2d, [-1, joints, 2])
    flat_scores = tf.reshape(scores, [-1, joints])
    taken = _taken(
        tf.reshape(draws, [-1, joints + _MORE_DRAWS]), skeleton, drop
    )
    there = flat_scores > 0.0
    # What a missing joint holds may be no number.
    points = tf.where(there[..., tf.newaxis], points, tf.zeros_like(points))
    features, centre, size, usable = _features(
        points, flat_scores, there & ~taken
    )
    estimate = tf.reshape(network(features, training=True), [-1, joints, 2])
    counted = there & taken & usable[:, tf.newaxis]
    counted &= tf.reduce_all(tf.math.is_finite(points), axis=-1)
    truth = safe_ops.divide(points - centre, size)
    truth = tf.where(counted[..., tf.newaxis], truth, tf.zeros_like(truth))
    weight = tf.cast(counted, tf.float32)
    distance = tf.reduce_sum(tf.abs(estimate - truth), axis=-1) * weight

    def of_example(values):
        rows = tf.reshape(values, [tf.shape(scores)[0], -1])
        return tf.reduce_sum(rows, axis=1)

    return safe_ops.divide(of_example(distance), of_example(weight))


def _features(keypoints_2d, scores, seen):
    """[N, 3 J], mean [N, 1, 2], size [N, 1, 1], whether the rest is sound [N].

    `seen` [N, J] are the joints that the features may know of.
    """
    count = tf.reduce_sum(tf.cast(seen, tf.float32), axis=-1)
    count = count[:, tf.newaxis, tf.newaxis]
    mask = seen[..., tf.newaxis]
    # Not products: NaN * 0 is NaN.
    points = tf.where(mask, keypoints_2d, tf.zeros_like(keypoints_2d))
    total = tf.reduce_sum(points, axis=1, keepdims=True)
    centre = safe_ops.divide(total, count)
    points = tf.where(mask, points - centre, tf.zeros_like(points))
    size = safe_ops.norm(points, axis=(1, 2), keepdims=True)
    size = safe_ops.divide(size, tf.sqrt(count))
    joints = keypoints_2d.shape[-2]
    usable = (
        (2.0 * count[:, 0, 0] >= joints)
        & (size[:, 0, 0] > 0.0)
        & tf.math.is_finite(size[:, 0, 0])
        & tf.reduce_all(tf.math.is_finite(scores), axis=-1)
    )
    sound = usable[:, tf.newaxis, tf.newaxis]
    points = tf.where(sound, safe_ops.divide(points, size), 0.0)
    flat = tf.reshape(points, [-1, 2 * joints])
    features = tf.concat([flat, tf.cast(seen, tf.float32)], axis=-1)
    return features, centre, size, usable


def _taken(draws, skeleton: skeletons.Skeleton, drop: float) -> tf.Tensor:
    """Which joints are taken away, [N, J] bool.

    Every pose has a rate of its own, up to twice `drop`; in half of the poses a
    joint takes along all that hangs on it: arms and legs leave as a whole.
    """
    alone = draws[:, :-_MORE_DRAWS] < 2.0 * drop * draws[:, -1:]
    above = tf.constant(_is_above(skeleton))
    whole = tf.reduce_any(alone[:, :, tf.newaxis] & above, axis=1)
    return tf.where(draws[:, -2:-1] < 0.5, alone, whole)


def _is_above(skeleton: skeletons.Skeleton) -> np.ndarray:
    """[J, J], whether the second joint hangs on the first, or is it."""
    above = np.eye(skeleton.num_joints, dtype=bool)
    for joint in range(skeleton.num_joints):
        parent = skeleton.parents[joint]
        while parent >= 0:
            above[parent, joint] = True
            parent = skeleton.parents[parent]
    return above
