"""People of one video on a common row of frames, ready to be drawn."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from tf_poselift import checks
from tf_poselift import skeletons


@dataclasses.dataclass(frozen=True, eq=False)
class Scene:
    """P people in N frames; who is not there is NaN.

    Attributes:
      skeleton: J joints.
      frames: [N] numbers of the frames in the video, one step apart.
      fps: frames of the video per second.
      keypoints_2d: [P, N, J, 2] pixels.
      joints_3d: [P, N, J, 3], x right, y down, z forward; one person stands
        still at the root, several stand beside each other as in the image.
      image_size: (width, height) in pixels, if known.
    """

    skeleton: skeletons.Skeleton
    frames: np.ndarray
    fps: float
    keypoints_2d: np.ndarray
    joints_3d: np.ndarray
    image_size: tuple[float, float] | None = None

    def limits_2d(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the corners [2] of the image, or of all points in it."""
        if self.image_size is not None:
            return np.zeros(2), np.array(self.image_size, np.float64)
        return _box(self.keypoints_2d.reshape(-1, 2))

    def limits_3d(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the corners [3] of the box around all joints."""
        return _box(self.joints_3d.reshape(-1, 3))


def _box(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    points = points[np.isfinite(points).all(axis=-1)].astype(np.float64)
    if not len(points):
        size = points.shape[-1]
        return np.zeros(size), np.ones(size)
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.05 * max(float((high - low).max()), 1e-6)
    return low - margin, high + margin


def make(
    people: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]],
    *,
    skeleton: skeletons.Skeleton,
    fps: float,
    image_size: tuple[float, float] | None = None,
    seconds: float = 0.0,
    most_frames: int | None = None,
) -> Scene:
    """Puts people together.

    Args:
      people: frame_index [T], keypoints_2d [T, J, 2] and joints_3d [T, J, 3]
        of everybody, root-relative, NaN where missing.
      skeleton: J joints.
      fps: frames per second.
      image_size: (width, height) in pixels.
      seconds: shown from the first frame on; 0: all.
      most_frames: of which every n-th is left out where there are more.

    Raises:
      ValueError: nobody.
    """
    if not people:
        raise ValueError("`people` must have somebody. Received: nobody.")
    for _, _, joints_3d in people:
        checks.check_shape("joints_3d", joints_3d, (skeleton.num_joints, 3))
    first = min(int(frame_index[0]) for frame_index, _, _ in people)
    last = max(int(frame_index[-1]) for frame_index, _, _ in people)
    if seconds:
        last = min(last, first + max(1, round(seconds * fps)) - 1)
    count = last - first + 1
    step = -(-count // most_frames) if most_frames else 1
    frames = np.arange(first, last + 1, step)
    shape = (len(people), len(frames), skeleton.num_joints)
    keypoints_2d = np.full((*shape, 2), np.nan, np.float32)
    joints_3d = np.full((*shape, 3), np.nan, np.float32)
    for person, (frame_index, points, joints) in enumerate(people):
        _, source, target = np.intersect1d(
            frame_index, frames, return_indices=True
        )
        keypoints_2d[person, target] = points[source]
        joints_3d[person, target] = joints[source]
    if len(people) > 1:
        joints_3d = joints_3d + _places(keypoints_2d, joints_3d, skeleton)
    return Scene(skeleton, frames, fps, keypoints_2d, joints_3d, image_size)


def _places(keypoints_2d, joints_3d, skeleton) -> np.ndarray:
    """Returns where [P, N, 1, 3] the roots are in the image, in units of 3D.

    A picture tells no depth between people: all stand in one plane.
    """
    both = np.isfinite(keypoints_2d).all(-1) & np.isfinite(joints_3d).all(-1)
    pixels, units = (
        np.where(both[..., np.newaxis], points, 0.0)
        for points in (keypoints_2d, joints_3d[..., :2])
    )
    count = np.maximum(both.sum(axis=-1), 1)[..., np.newaxis]
    spread = [
        np.sqrt(
            (
                (points - (points.sum(axis=2) / count)[:, :, np.newaxis])
                * both[..., np.newaxis]
            )
            ** 2
        ).sum(axis=(2, 3))
        for points in (pixels, units)
    ]
    known = spread[1] > 0.0
    if not known.any():
        return np.zeros((*both.shape[:2], 1, 3), np.float32)
    per_pixel = float(np.median(spread[1][known] / spread[0][known]))
    root = keypoints_2d[:, :, list(skeleton.root)].mean(axis=2)
    middle = np.nanmean(root, axis=(0, 1))
    places = np.zeros((*both.shape[:2], 1, 3), np.float32)
    places[:, :, 0, :2] = np.nan_to_num((root - middle) * per_pixel)
    return places
