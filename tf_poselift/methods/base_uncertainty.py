"""How far apart the answers for views of one pose are that should agree.

No method here says how sure it is. But a pose can be lifted again from its
mirror image, and from where another camera would see the first answer: turned
about the vertical axis by 30 degrees to either side. Turned and mirrored back,
a perfect lifter gives the same joints each time; where this one does not, it
errs more often (docs/serving.md has figures). What all views get wrong alike
does not show. This is ours, no paper's.

The camera is `geometry.root_camera`, fitted to the keypoints of the first
answer by least squares: the views are as large and stand at the same place in
the image, so that methods which know sizes in pixels can lift them, too.
"""

import math
from collections.abc import Callable

import tensorflow as tf

from tf_poselift import schema
from tf_poselift import skeletons
from tf_poselift.geometry import root_camera
from tf_poselift.geometry import safe_ops

# (turned by radians, mirrored), the most telling first.
_TURN = math.pi / 6.0
VIEWS = (
    *((0.0, True), (_TURN, False), (-_TURN, False)),
    *((_TURN, True), (-_TURN, True)),
)
# Of the root from the camera, in mean distances of the joints from the root: a
# guess, that of SVMA 2021 and Yu 2021.
_DISTANCE = 10.0

# keypoints_2d [N, J, 2], scores [N, J], maybe intrinsics [N, 3, 3] -> what
# `base_serving.Serving.serve` gives.
Lift = Callable[..., dict[str, tf.Tensor]]


def check(lifts: int, skeleton: skeletons.Skeleton) -> None:
    """Raises ValueError unless poses can be lifted `lifts` times more."""
    if not 0 <= lifts <= len(VIEWS):
        raise ValueError(
            f"`uncertainty` must be from 0 (none) to {len(VIEWS)} more lifts "
            f"of every pose. Received: {lifts}."
        )
    if lifts and not skeleton.pairs:
        raise ValueError(
            "`uncertainty` mirrors poses and needs a skeleton with `pairs` of "
            f"left and right joints. Received: `{skeleton.name}`, without. "
            "Name them in the skeleton's YAML file, or leave it out."
        )


def measure(
    lift: Lift,
    answers: dict[str, tf.Tensor],
    keypoints_2d: tf.Tensor,
    scores: tf.Tensor,
    *intrinsics: tf.Tensor,
    skeleton: skeletons.Skeleton,
    lifts: int,
) -> tf.Tensor:
    """Returns the mean distance of joints from themselves in other views.

    Args:
      lift: gives `joints_3d` for keypoints, as `answers`; called once.
      answers: of `lift` for the following.
      keypoints_2d: [B, J, 2] pixels.
      scores: [B, J]; 0 = missing, which it then is in all views.
      *intrinsics: [B, 3, 3] of the cameras, or nothing.
      skeleton: J joints, of which some are pairs.
      lifts: how many of `VIEWS`, at least 1.

    Returns:
      [B, J] in the unit of `joints_3d`; 0 in rows that are not valid.
    """
    joints, views = answers[schema.JOINTS_3D], VIEWS[:lifts]
    order = [scores if not m else _flip(scores, skeleton) for _, m in views]
    again = lift(
        tf.concat(_images(keypoints_2d, scores, joints, skeleton, views), 0),
        tf.concat(order, 0),
        *(tf.tile(matrix, [lifts, 1, 1]) for matrix in intrinsics),
    )[schema.JOINTS_3D]
    again = tf.reshape(again, [lifts, -1, skeleton.num_joints, 3])
    distances = []
    for i, (angle, mirrored) in enumerate(views):
        pose = _mirror(again[i], skeleton) if mirrored else again[i]
        # A view that cannot be lifted is the root alone: as far as it gets.
        distances.append(safe_ops.norm(_turn(pose, -angle) - joints))
    mean = tf.add_n(distances) / lifts
    return tf.where(answers["valid"][:, tf.newaxis], mean, tf.zeros_like(mean))


def _images(keypoints_2d, scores, joints, skeleton, views) -> list[tf.Tensor]:
    """[B, J, 2] of every view."""
    seen = tf.greater(scores, 0.0)[..., tf.newaxis]
    weight = tf.cast(seen, tf.float32)
    # What a missing joint holds may be no number.
    keypoints_2d = tf.where(seen, keypoints_2d, tf.zeros_like(keypoints_2d))
    centre = _mean(keypoints_2d, weight)
    image = root_camera.project(joints, distance=_DISTANCE)
    image_centre = _mean(image, weight)
    centred = (image - image_centre) * weight
    scale = safe_ops.divide(
        tf.reduce_sum(
            centred * (keypoints_2d - centre), axis=(1, 2), keepdims=True
        ),
        tf.reduce_sum(tf.square(centred), axis=(1, 2), keepdims=True),
    )
    images = []
    for angle, mirrored in views:
        points = keypoints_2d
        if angle:
            turned = root_camera.project(
                _turn(joints, angle), distance=_DISTANCE
            )
            points = centre + scale * (turned - image_centre)
        if mirrored:
            points = centre + _mirror(points - centre, skeleton)
        images.append(points)
    return images


def _mean(points, weight) -> tf.Tensor:
    """Of the seen joints, [B, 1, D]."""
    total = tf.reduce_sum(points * weight, axis=1, keepdims=True)
    return safe_ops.divide(total, tf.reduce_sum(weight, axis=1, keepdims=True))


def _turn(joints, angle: float) -> tf.Tensor:
    """About the camera's y axis (z towards x) through the root."""
    x, y, z = tf.unstack(joints, axis=-1)
    cosine, sine = math.cos(angle), math.sin(angle)
    return tf.stack([x * cosine + z * sine, y, z * cosine - x * sine], axis=-1)


def _mirror(points, skeleton: skeletons.Skeleton) -> tf.Tensor:
    """Negates x of [B, J, D] and exchanges left and right."""
    flipped = _flip(points, skeleton)
    return tf.concat([-flipped[..., :1], flipped[..., 1:]], axis=-1)


def _flip(values, skeleton: skeletons.Skeleton) -> tf.Tensor:
    """Exchanges left and right along axis 1."""
    return tf.gather(values, list(skeleton.flip), axis=1)
