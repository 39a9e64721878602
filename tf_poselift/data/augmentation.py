"""Left/right flip of a batch: the mirror image of a person is a person."""

import tensorflow as tf

from tf_poselift import schema
from tf_poselift import skeletons


def flip(
    batch: dict[str, tf.Tensor],
    mirror: tf.Tensor,
    width: tf.Tensor,
    skeleton: skeletons.Skeleton,
    *,
    prefix: str = "",
) -> dict[str, tf.Tensor]:
    """Mirrors some examples and exchanges their left and right joints.

    Keypoints are mirrored about the middle of the image, x -> width - x, or,
    where the width is unknown, about the root of the example's first frame in
    each view. 3D is mirrored about the camera's optical axis, x -> -x, which
    is the same where the principal point is the middle of the image.

    Args:
      batch: `keypoints_2d` [B, T, V, J, 2] pixels, `scores` [B, T, V, J], and
        perhaps `joints_3d` [B, T, V, J, 3] and `joints_3d_valid`; other keys
        stay as they are.
      mirror: [B] bool, the examples to mirror.
      width: [B, V] of the images in pixels; 0 = unknown.
      skeleton: J joints.
      prefix: of the keys, e.g. "unpaired_".

    Returns:
      A new batch.
    """
    flipped = dict(batch)
    order = list(skeleton.flip)
    for key in (
        schema.KEYPOINTS_2D,
        schema.SCORES,
        schema.JOINTS_3D,
        schema.JOINTS_3D_VALID,
    ):
        value = batch.get(prefix + key)
        if value is None:
            continue
        other = value
        if key == schema.KEYPOINTS_2D:
            other = _mirror_keypoints(value, width, skeleton)
        elif key == schema.JOINTS_3D:
            other = value * [-1.0, 1.0, 1.0]
        joint_axis = 3
        other = tf.gather(other, order, axis=joint_axis)
        where = tf.reshape(mirror, [-1] + [1] * (value.shape.rank - 1))
        flipped[prefix + key] = tf.where(where, other, value)
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
