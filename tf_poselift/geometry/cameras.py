"""The pinhole camera with lens distortion: world, camera and image space.

Camera space: x right, y down, z forward; `x_camera = rotation @ x_world +
translation`. Pixels have their origin top left. A camera's arguments have the
leading axes of the points without the axis J of the points; they broadcast.

    intrinsics = [[f_x, 0, c_x], [0, f_y, c_y], [0, 0, 1]]  (no skew)

Distortion (k1, k2, p1, p2, k3), the order of OpenCV, moves the ray (u, v) =
(x / z, y / z), with r^2 = u^2 + v^2 and t = p1 v + p2 u, to

    (u, v) (1 + k1 r^2 + k2 r^4 + k3 r^6 + c t) + (p2, p1) r^2

where c is 2 for `model="opencv"` (OpenCV's documentation of calib3d) and 1 for
`model="human36m"`: the cameras that Human3.6M publishes were fitted to that
form, and the two differ by up to 1.4 pixels there.
"""

import tensorflow as tf

from tf_poselift import checks
from tf_poselift.geometry import graphics
from tf_poselift.geometry import rotations
from tf_poselift.geometry import safe_ops

_TANGENTIAL = {"opencv": 2.0, "human36m": 1.0}  # c above
# Points further from the axis (89.4 degrees) or behind the camera are drawn to
# this slope |x / z|, |y / z|, so that no value or gradient overflows.
_MAX_SLOPE = 100.0
_MIN_DEPTH = 1e-6  # of a point at the camera itself, in the points' unit
# Further out (63 degrees) the distortion stays what it is here: its polynomial
# is fitted to what the image shows and explodes beyond.
_MAX_LENS_SLOPE = 2.0


def world_to_camera(
    points_world: tf.Tensor, rotation: tf.Tensor, translation: tf.Tensor
) -> tf.Tensor:
    """Returns `rotation @ x + translation`.

    Args:
      points_world: [..., J, 3].
      rotation: [..., 3, 3], world to camera.
      translation: [..., 3], in the points' unit.

    Returns:
      [..., J, 3].

    Raises:
      ValueError: if the last axes are not those above.
    """
    checks.check_shape("translation", translation, (3,))
    return (
        rotations.rotate(points_world, rotation)
        + translation[..., tf.newaxis, :]
    )


def camera_to_world(
    points_camera: tf.Tensor, rotation: tf.Tensor, translation: tf.Tensor
) -> tf.Tensor:
    """Undoes `world_to_camera` (same shapes)."""
    checks.check_shape("translation", translation, (3,))
    return rotations.rotate(
        points_camera - translation[..., tf.newaxis, :],
        tf.linalg.matrix_transpose(rotation),
    )


def project(
    points_camera: tf.Tensor,
    intrinsics: tf.Tensor,
    distortion: tf.Tensor | None = None,
    *,
    model: str = "opencv",
) -> tf.Tensor:
    """Projects camera-space points onto the image plane.

    Points at or behind the camera land far outside the image (those on its
    axis on the principal point): finite, but meaningless.

    Args:
      points_camera: [..., J, 3], any unit.
      intrinsics: [..., 3, 3], pixels.
      distortion: [..., 5], or None for a perfect lens.
      model: "opencv" or "human36m", see the module.

    Returns:
      [..., J, 2], pixels.

    Raises:
      ValueError: if the last axes are not those above, or an unknown model.
    """
    points_camera = tf.convert_to_tensor(points_camera)
    checks.check_shape("points_camera", points_camera, (None, 3))
    across, depth = points_camera[..., :2], points_camera[..., 2:]
    widest = tf.reduce_max(tf.abs(across), axis=-1, keepdims=True)
    depth = tf.maximum(depth, widest / _MAX_SLOPE)
    rays = safe_ops.divide(across, tf.maximum(depth, _MIN_DEPTH))
    if distortion is not None:
        factor, shift = _distortion(rays, distortion, model)
        rays = rays * factor + shift
    focal, center = _focal_and_center(intrinsics)
    rays = tf.concat([rays, tf.ones_like(depth)], axis=-1)
    return graphics.perspective.project(rays, focal, center)


def unproject(
    keypoints_2d: tf.Tensor, depth: tf.Tensor, intrinsics: tf.Tensor
) -> tf.Tensor:
    """Returns the camera-space points at `depth` along z, [..., J, 3].

    Args:
      keypoints_2d: [..., J, 2], pixels of a perfect lens (see `undistort`).
      depth: [..., J].
      intrinsics: [..., 3, 3], pixels.

    Raises:
      ValueError: if the last axes are not those above.
    """
    keypoints_2d = tf.convert_to_tensor(keypoints_2d)
    checks.check_shape("keypoints_2d", keypoints_2d, (None, 2))
    checks.check_shape("depth", depth, keypoints_2d.shape[-2:-1])
    focal, center = _focal_and_center(intrinsics)
    shape = tf.shape(keypoints_2d)
    return graphics.perspective.unproject(
        keypoints_2d,
        tf.convert_to_tensor(depth)[..., tf.newaxis],
        tf.broadcast_to(focal, shape),
        tf.broadcast_to(center, shape),
    )


def undistort(
    keypoints_2d: tf.Tensor,
    intrinsics: tf.Tensor,
    distortion: tf.Tensor,
    *,
    model: str = "opencv",
    iterations: int = 10,
) -> tf.Tensor:
    """Returns the pixels that the same camera with a perfect lens would see.

    Fixed-point iteration on the ray, as in OpenCV's `undistortPoints`.

    Args:
      keypoints_2d: [..., J, 2], pixels.
      intrinsics: [..., 3, 3], pixels.
      distortion: [..., 5].
      model: "opencv" or "human36m", see the module.
      iterations: number of steps; 10 leave less than 0.0001 pixels in the
        corners of the cameras of Human3.6M and MPI-INF-3DHP.

    Returns:
      [..., J, 2], pixels.

    Raises:
      ValueError: if the last axes are not those above, or an unknown model.
    """
    keypoints_2d = tf.convert_to_tensor(keypoints_2d)
    checks.check_shape("keypoints_2d", keypoints_2d, (None, 2))
    focal, center = _focal_and_center(intrinsics)
    distorted = safe_ops.divide(keypoints_2d - center, focal)
    rays = distorted
    for _ in range(iterations):
        factor, shift = _distortion(rays, distortion, model)
        rays = safe_ops.divide(distorted - shift, factor)
    return rays * focal + center


def _focal_and_center(intrinsics: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """[..., 1, 2] each, to go with [..., J, 2]."""
    checks.check_shape("intrinsics", intrinsics, (3, 3))
    focal, center, _ = graphics.perspective.intrinsics_from_matrix(intrinsics)
    return focal[..., tf.newaxis, :], center[..., tf.newaxis, :]


def _distortion(
    rays: tf.Tensor, distortion: tf.Tensor, model: str
) -> tuple[tf.Tensor, tf.Tensor]:
    """Factor [..., J, 1] and shift [..., J, 2] of rays [..., J, 2]."""
    checks.check_member("distortion model", model, _TANGENTIAL)
    distortion = tf.convert_to_tensor(distortion)
    checks.check_shape("distortion", distortion, (5,))
    k1, k2, p1, p2, k3 = tf.split(distortion[..., tf.newaxis, :], 5, axis=-1)
    rays = tf.clip_by_value(rays, -_MAX_LENS_SLOPE, _MAX_LENS_SLOPE)
    u, v = rays[..., :1], rays[..., 1:]
    r2 = u * u + v * v
    radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3))
    factor = radial + _TANGENTIAL[model] * (p1 * v + p2 * u)
    return factor, tf.concat([p2, p1], axis=-1) * r2
