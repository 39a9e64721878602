"""The losses of Bouazizi et al. 2021, Sec. III-C: one value per example.

Poses are root-relative, in metres, and each stands in the axes of its own
camera: [B, V, J, 3]. Every loss is the mean over the joints that count of
|difference|^power, summed over views as printed.
"""

import tensorflow as tf

from tf_poselift.geometry import cameras
from tf_poselift.geometry import rotations
from tf_poselift.geometry import safe_ops
from tf_poselift.geometry import triangulation
from tf_poselift.losses import pose


def to_all_views(joints: tf.Tensor, rotation: tf.Tensor) -> tf.Tensor:
    """Turns every view's pose to the axes of every camera.

    Args:
      joints: [B, V, J, 3] root-relative, each in its own camera's axes.
      rotation: [B, V, 3, 3], world to camera.

    Returns:
      [B, V, V, J, 3]: (b, c', c) is the pose of view c' seen from camera c.
    """
    # R_c R_c'^T: row i is R_c' times row i of R_c.
    relative = rotations.rotate(
        rotation[:, tf.newaxis], rotation[:, :, tf.newaxis]
    )
    return rotations.rotate(joints[:, :, tf.newaxis], relative)


def triangulation_loss(
    joints: tf.Tensor, target: tf.Tensor, mask: tf.Tensor, *, power: int
) -> tf.Tensor:
    """Returns L_in or L_out; Eq. 2 and 5.

    Args:
      joints: [B, V, J, 3] predictions.
      target: [B, V, J, 3] triangulated, in each camera's axes.
      mask: [B, V, J], 1 where a joint counts.
      power: 1 or 2.

    Returns:
      [B], metres (or their square).
    """
    error = pose.joint_error(
        joints, tf.stop_gradient(target), mask, power=power
    )
    return tf.reduce_sum(error, axis=-1)


def reprojection_loss(
    moved: tf.Tensor,
    root: tf.Tensor,
    keypoints_2d: tf.Tensor,
    mask: tf.Tensor,
    intrinsics: tf.Tensor,
    *,
    power: int,
) -> tf.Tensor:
    """Returns L_proj, Eq. 3, in metres at the distance of the root.

    A pixel counts as what it measures there, z / f: so the term has the unit
    of the others.

    Args:
      moved: [B, V, V, J, 3] of `to_all_views`.
      root: [B, V, 1, 3] metres, in each camera's space.
      keypoints_2d: [B, V, J, 2] pixels of perfect lenses; finite.
      mask: [B, V, V, J], 1 where joint j of the pose of view c' counts in
        view c.
      intrinsics: [B, V, 3, 3].
      power: 1 or 2.

    Returns:
      [B].
    """
    projected = cameras.project(
        moved + root[:, tf.newaxis], intrinsics[:, tf.newaxis]
    )
    focal = tf.linalg.diag_part(intrinsics)[..., tf.newaxis, :2]
    metres = safe_ops.divide(root[..., 2:], focal)[:, tf.newaxis]
    error = pose.joint_error(
        projected * metres,
        keypoints_2d[:, tf.newaxis] * metres,
        mask,
        power=power,
    )
    return tf.reduce_sum(error, axis=(-2, -1))


def consistency_loss(
    moved: tf.Tensor, joints: tf.Tensor, mask: tf.Tensor, *, power: int
) -> tf.Tensor:
    """Returns L_con, Eq. 4: other views' poses against a view's own.

    Args:
      moved: [B, V, V, J, 3] of `to_all_views`.
      joints: [B, V, J, 3]; taken as truth, no gradient.
      mask: [B, V, V, J]; a view against itself is left out here.
      power: 1 or 2.

    Returns:
      [B], metres (or their square).
    """
    target = tf.stop_gradient(joints)[:, tf.newaxis]
    error = pose.joint_error(moved, target, mask, power=power)
    others = 1.0 - tf.eye(joints.shape[1])
    return tf.reduce_sum(error * others, axis=(-2, -1))


def output_triangulation(
    joints: tf.Tensor, root: tf.Tensor, rotation: tf.Tensor, mask: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Triangulates the projections of the predictions; Sec. III-C d.

    The ray of a projection is the one from its camera through the prediction:
    that it is projected and taken back changes nothing.

    Args:
      joints: [B, V, J, 3] predictions.
      root: [B, V, 1, 3] metres, in each camera's space.
      rotation: [B, V, 3, 3], world to camera.
      mask: [B, V, J], 1 where a view's prediction counts.

    Returns:
      [B, J, 3] metres in the world's axes, from the triangulated root, and
      mask [B, J], 1 where at least two views count.
    """
    to_world = tf.linalg.matrix_transpose(rotation)
    points, valid = triangulation.nearest_to_rays(
        rotations.rotate(joints, to_world),
        rotations.rotate(joints + root, to_world),
        mask,
    )
    return points, tf.cast(valid, tf.float32)
