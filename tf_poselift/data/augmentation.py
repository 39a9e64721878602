"""Left/right flip of a batch: the mirror image of a person is a person."""

import tensorflow as tf

from tf_poselift import schema
from tf_poselift import skeletons


def flip(
    batch: dict[str, tf.Tensor],
    mirror: tf.Tensor,
    width: tf.Tensor,
    skeleton: skeletons.Skeleton,
) -> dict[str, tf.Tensor]:
    """Mirrors some examples and exchanges their left and right joints.

    Keypoints are mirrored about the middle of the image, x -> width - x, or,
    where the width is unknown, about the root of the example's first frame in
    each view. 3D is mirrored at the plane through the optical axis, x -> -x,
    which is the same where the principal point is the middle of the image.

    Args:
      batch: `keypoints_2d` [B, T, V, J, 2] pixels, `scores` [B, T, V, J], and
        perhaps `joints_3d` [B, T, V, J, 3] and `joints_3d_valid`; other keys
        stay as they are.
      mirror: [B] bool, the examples to mirror.
      width: [B, V] of the images in pixels; 0 = unknown.
      skeleton: J joints.

    Returns:
      A new batch.
    """
    mirrored = {
        schema.KEYPOINTS_2D: _mirror_keypoints(
            batch[schema.KEYPOINTS_2D], width, skeleton
        ),
        schema.SCORES: batch[schema.SCORES],
    }
    if schema.JOINTS_3D in batch:
        joints_3d = batch[schema.JOINTS_3D]
        mirrored[schema.JOINTS_3D] = joints_3d * [-1.0, 1.0, 1.0]
        mirrored[schema.JOINTS_3D_VALID] = batch[schema.JOINTS_3D_VALID]
    flipped = dict(batch)
    for key, value in mirrored.items():
        exchanged = tf.gather(value, skeleton.flip, axis=3)
        where = tf.reshape(mirror, [-1] + [1] * (value.shape.rank - 1))
        flipped[key] = tf.where(where, exchanged, batch[key])
    return flipped


def _mirror_keypoints(
    keypoints_2d: tf.Tensor, width: tf.Tensor, skeleton: skeletons.Skeleton
) -> tf.Tensor:
    """Returns [B, T, V, J, 2] with x -> 2 axis - x, joints as they were."""
    x, y = tf.unstack(keypoints_2d, axis=-1)
    root_joints = [x[:, :1, :, j : j + 1] for j in skeleton.root]
    root = tf.add_n(root_joints) / len(skeleton.root)
    width = width[:, tf.newaxis, :, tf.newaxis]
    twice_axis = tf.where(width > 0.0, width, 2.0 * root)
    return tf.stack([twice_axis - x, y], axis=-1)
