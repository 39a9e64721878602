"""Captured motion as seen by the four cameras of Human3.6M.

Motion capture has joints but no images. Here a clip is put on the floor of
the Human3.6M laboratory and projected into its cameras; the seven subjects'
calibrations take turns from clip to clip. World: z up, millimetres.
"""

import dataclasses
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tf_poselift import checks
from tf_poselift.data import records
from tf_poselift.data import virtual_cameras
from tf_poselift.geometry import cameras as camera_geometry

FPS = 30.0
VIEWS = 4
_FLOOR_PERCENTILE = 5.0
# A camera cannot see a person who is nearer than this, mm.
_NEAREST = 500.0
_PELVIS = 0


@dataclasses.dataclass(eq=False, kw_only=True)
class CameraConfig(tfds.core.BuilderConfig):
    """How the cameras see a clip.

    Attributes:
      distorted: with the lenses' distortion, else perfect pinholes.
      centred: "frame": in every frame the pelvis stands over the origin of the
        world; "clip": only the middle of its path does, so that people walk
        towards the cameras and away from them.
    """

    distorted: bool
    centred: str

    def __post_init__(self):
        checks.check_member("centring", self.centred, ("frame", "clip"))


CONFIGS = [
    CameraConfig(
        name="human36m_cameras_undistorted",
        description="Pelvis over the origin in every frame, perfect lenses.",
        distorted=False,
        centred="frame",
    ),
    CameraConfig(
        name="human36m_cameras",
        description="Pelvis over the origin in every frame.",
        distorted=True,
        centred="frame",
    ),
    CameraConfig(
        name="trajectories",
        description="People walk about: each clip is centred once.",
        distorted=True,
        centred="clip",
    ),
]


def place(joints: np.ndarray, *, centred: str) -> np.ndarray:
    """Puts a clip on the floor, over the origin.

    The floor (z = 0) is the 5th percentile over the frames of the lowest
    joint's height. Joint 0 is the pelvis.

    Args:
      joints: [T, J, 3] mm, z up.
      centred: "frame" or "clip", see `CameraConfig`.

    Returns:
      [T, J, 3] mm.
    """
    pelvis = joints[:, _PELVIS, :2]
    if centred == "frame":
        origin = pelvis
    else:
        origin = (pelvis.min(axis=0) + pelvis.max(axis=0))[np.newaxis] / 2.0
    heights = joints[:, :, 2].min(axis=1)
    placed = np.array(joints, np.float64)
    placed[..., :2] -= origin[:, np.newaxis]
    placed[..., 2] -= np.percentile(heights, _FLOOR_PERCENTILE)
    return placed


def cameras_in_turn(
    position: int, *, distorted: bool
) -> virtual_cameras.Cameras:
    """Returns the cameras that see the clip at `position` of the data set."""
    sets = list(virtual_cameras.human36m().values())
    cameras = sets[position % len(sets)]
    if distorted:
        return cameras
    perfect = np.zeros_like(cameras.distortion)
    return dataclasses.replace(cameras, distortion=perfect)


def example(
    config: CameraConfig,
    position: int,
    joints: np.ndarray,
    **labels: Any,
) -> dict[str, Any]:
    """Returns the record of a clip at 30 Hz.

    A joint outside the image keeps its true projection. Where a view loses
    the person (the pelvis outside the image, or a joint less than 0.5 m in
    front of the camera) its keypoints are missing (score 0) and the frame is
    not valid for evaluation; 3D is there all the same.

    Args:
      config: how the cameras see the clip.
      position: of the clip in the sorted data set.
      joints: [T, J, 3] mm, z up, at 30 Hz; joint 0 is the pelvis.
      **labels: `clip_id`, `subject`, `action`, `frame_index`, ... of
        `records.example`.

    Raises:
      ValueError: a clip without frames.
    """
    if not len(joints):
        raise ValueError(f"Clip `{labels['clip_id']}` has no frames.")
    cameras = cameras_in_turn(position, distorted=config.distorted)
    joints_3d = camera_geometry.world_to_camera(
        place(joints, centred=config.centred)[:, np.newaxis],
        cameras.rotation,
        cameras.translation,
    )
    keypoints_2d = camera_geometry.project(
        joints_3d, cameras.intrinsics, cameras.distortion
    ).numpy()
    joints_3d = joints_3d.numpy()
    pelvis = keypoints_2d[:, :, _PELVIS]
    seen = (
        (joints_3d[..., 2].min(axis=-1) >= _NEAREST)
        & (pelvis >= 0.0).all(axis=-1)
        & (pelvis <= cameras.image_size).all(axis=-1)
    )
    return records.example(
        fps=FPS,
        keypoints_2d=np.where(seen[..., None, None], keypoints_2d, 0.0),
        scores=np.repeat(seen[..., None], joints.shape[1], axis=-1),
        frame_valid=seen.all(axis=-1),
        image_size=cameras.image_size,
        joints_3d=joints_3d,
        cameras=cameras.calibration(),
        **labels,
    )
