"""Points in the world from the same points in several calibrated views.

Direct linear transformation (Hartley and Zisserman, Multiple View Geometry,
section 12.2): a view with projection matrix P sees the point X at (u, v), so
that (u P_3 - P_1) X = 0 and (v P_3 - P_2) X = 0.

`triangulate` solves that for pixels. `nearest_to_rays` does the same for rays
that are known in space, cheaply enough for a training step.
"""

import tensorflow as tf

from tf_poselift import checks
from tf_poselift.geometry import safe_ops

# Singular values and the homogeneous coordinate are of order 1 in the units
# used below; parallel rays leave zeros up to the rounding of float32 inputs.
_PARALLEL = 1e-6
# The squared sine of the angle between two rays, as float32 can tell it.
_PARALLEL_RAYS = 1e-4


def projection_matrices(
    intrinsics: tf.Tensor, rotation: tf.Tensor, translation: tf.Tensor
) -> tf.Tensor:
    """Returns `intrinsics @ [rotation | translation]`, [..., 3, 4].

    Args:
      intrinsics: [..., 3, 3], pixels.
      rotation: [..., 3, 3], world to camera.
      translation: [..., 3].

    Raises:
      ValueError: if the last axes are not those above.
    """
    checks.check_shape("intrinsics", intrinsics, (3, 3))
    checks.check_shape("rotation", rotation, (3, 3))
    checks.check_shape("translation", translation, (3,))
    translation = tf.convert_to_tensor(translation)
    pose = tf.concat([rotation, translation[..., tf.newaxis]], axis=-1)
    # Not in float32, whose products GPUs round to 10 bits (TF32).
    product = tf.cast(intrinsics, tf.float64) @ tf.cast(pose, tf.float64)
    return tf.cast(product, translation.dtype)


def triangulate(
    keypoints_2d: tf.Tensor, scores: tf.Tensor, projection: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Triangulates points from all views that see them.

    Minimises the sum of (score * distance from the plane of every row above)
    squared; the rows have unit normals, so that the distances are in the
    world's unit. Everything is computed in float64.

    Args:
      keypoints_2d: [..., V, J, 2], pixels without distortion.
      scores: [..., V, J], weights >= 0; 0 = not seen (as are keypoints that
        are not finite).
      projection: [..., V, 3, 4] of `projection_matrices`.

    Returns:
      points_world [..., J, 3] and valid [..., J]. A point that fewer than two
      views see, or whose rays are parallel, is not valid and zero.

    Raises:
      ValueError: if the last axes are not those above, or V is unknown or 1.
    """
    keypoints_2d = tf.convert_to_tensor(keypoints_2d)
    checks.check_shape("keypoints_2d", keypoints_2d, (None, None, 2))
    views, joints = keypoints_2d.shape[-3:-1]
    checks.check_shape("scores", scores, (views, joints))
    checks.check_shape("projection", projection, (views, 3, 4))
    if not views or views < 2:
        raise ValueError(
            "`keypoints_2d` [..., V, J, 2] must have a fixed number of views, "
            f"at least 2. Received: {tuple(keypoints_2d.shape)}."
        )
    finite = tf.reduce_all(tf.math.is_finite(keypoints_2d), axis=-1)
    seen = tf.linalg.matrix_transpose((scores > 0.0) & finite)  # [..., J, V]
    enough = tf.reduce_sum(tf.cast(seen, tf.int32), axis=-1) >= 2
    planes = _planes(keypoints_2d, projection, seen)
    weights = tf.linalg.matrix_transpose(tf.cast(scores, tf.float64))
    weights = tf.where(seen, weights, 0.0)
    weights = tf.concat([weights, weights], axis=-1)[..., tf.newaxis]

    # The distance of the farthest plane is the unit: in millimetres the
    # smallest singular vector would be ill-conditioned and, with noise, biased
    # away from the world's origin.
    unit = tf.reduce_max(tf.abs(planes[..., 3:]), axis=(-2, -1), keepdims=True)
    unit = tf.where(unit > 0.0, unit, 1.0)
    rows = tf.concat(
        [planes[..., :3], safe_ops.divide(planes[..., 3:], unit)], axis=-1
    )
    singular, _, right = tf.linalg.svd(rows * weights)
    point, w = right[..., :3, 3], right[..., 3, 3]
    valid = enough & (singular[..., 2] > _PARALLEL * singular[..., 0])
    valid &= tf.abs(w) > _PARALLEL
    w = tf.where(valid, w, 1.0)[..., tf.newaxis]
    point = safe_ops.divide(point, w) * unit[..., 0]
    point = tf.where(valid[..., tf.newaxis], point, 0.0)
    return tf.cast(point, keypoints_2d.dtype), valid


def nearest_to_rays(
    points: tf.Tensor, directions: tf.Tensor, weights: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the points with the least squared distances from their rays.

    sum_v w_v (I - d_v d_v^T) (x - p_v) = 0, solved in closed form: compiled,
    differentiable and exact enough in float32 if the points are given from an
    origin near the result.

    Args:
      points: [..., V, J, 3], one on every ray.
      directions: [..., V, J, 3], of any length.
      weights: [..., V, J] >= 0; 0 = the view does not count.

    Returns:
      x [..., J, 3] and valid [..., J]. A point of fewer than two rays, or of
      parallel ones, is not valid and zero.

    Raises:
      ValueError: if the last axes are not those above.
    """
    points = tf.convert_to_tensor(points)
    checks.check_shape("points", points, (None, None, 3))
    checks.check_shape("directions", directions, points.shape[-3:])
    checks.check_shape("weights", weights, points.shape[-3:-1])
    unit = safe_ops.normalize(directions)
    weights = weights[..., tf.newaxis]
    # Rows and right-hand side of the normal equations, [..., J, 3] each.
    along = tf.reduce_sum(unit * points, axis=-1, keepdims=True)
    right = tf.reduce_sum(weights * (points - unit * along), axis=-3)
    total = tf.reduce_sum(weights, axis=-3)
    rows = [
        total * tf.eye(3, dtype=points.dtype)[i]
        - tf.reduce_sum(weights * unit * unit[..., i : i + 1], axis=-3)
        for i in range(3)
    ]
    # The columns of the inverse, times the determinant.
    columns = [
        tf.linalg.cross(rows[1], rows[2]),
        tf.linalg.cross(rows[2], rows[0]),
        tf.linalg.cross(rows[0], rows[1]),
    ]
    determinant = tf.reduce_sum(rows[0] * columns[0], axis=-1, keepdims=True)
    valid = determinant > _PARALLEL_RAYS * total**3
    solution = tf.add_n([right[..., i : i + 1] * columns[i] for i in range(3)])
    solution = safe_ops.divide(
        solution, tf.where(valid, determinant, tf.ones_like(determinant))
    )
    solution = tf.where(valid, solution, tf.zeros_like(solution))
    return solution, valid[..., 0]


def _planes(
    keypoints_2d: tf.Tensor, projection: tf.Tensor, seen: tf.Tensor
) -> tf.Tensor:
    """Planes [..., J, 2 V, 4] with unit normals; 0 where not seen."""
    u, v = (
        tf.where(seen, tf.linalg.matrix_transpose(x), 0.0)[..., tf.newaxis]
        for x in tf.unstack(tf.cast(keypoints_2d, tf.float64), axis=-1)
    )
    matrices = tf.cast(projection, tf.float64)[..., tf.newaxis, :, :, :]
    first, second, third = tf.unstack(matrices, axis=-2)  # [..., 1, V, 4]
    planes = tf.concat([u * third - first, v * third - second], axis=-2)
    length = safe_ops.norm(planes[..., :3], keepdims=True)
    seen = tf.concat([seen, seen], axis=-1)[..., tf.newaxis]
    return tf.where(seen, safe_ops.divide(planes, length), 0.0)
