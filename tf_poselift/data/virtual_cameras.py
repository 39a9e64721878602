"""Cameras to see captured motion with: Human3.6M's, rings and random ones.

World: z up, millimetres. Camera: x right, y down, z forward,
`x_camera = rotation @ x_world + translation`, translation = -rotation @ centre.
Angles in radians: an elevation is positive for a camera above its target.
"""

import dataclasses
import json
import pathlib
from collections.abc import Sequence

import numpy as np
from scipy.spatial import transform

from tf_poselift import checks
from tf_poselift import schema
from tf_poselift.geometry import cameras as camera_geometry

FOCAL_LENGTH = 1145.0  # pixels: about that of the Human3.6M cameras
IMAGE_SIZE = (1000, 1000)  # width, height in pixels
_HUMAN36M = pathlib.Path(__file__).parent / "human36m_cameras.json"


@dataclasses.dataclass(frozen=True, eq=False)
class Cameras:
    """V synchronised cameras that do not move.

    Attributes:
      intrinsics: [V, 3, 3] pixels.
      distortion: [V, 5] in OpenCV's order k1 k2 p1 p2 k3.
      rotation: [V, 3, 3] world to camera.
      translation: [V, 3] mm.
      image_size: [V, 2] (width, height) in pixels.
    """

    intrinsics: np.ndarray
    distortion: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray
    image_size: np.ndarray

    @property
    def centers(self) -> np.ndarray:
        """[V, 3] positions of the cameras in the world, mm."""
        return -np.einsum("vji,vj->vi", self.rotation, self.translation)

    def calibration(self) -> dict[str, np.ndarray]:
        """Returns the `cameras` entry of a record."""
        return {key: getattr(self, key) for key in schema.CALIBRATION}


def view(
    joints_world: np.ndarray, cameras: Cameras, *, model: str = "opencv"
) -> tuple[np.ndarray, np.ndarray]:
    """Sees joints with every camera.

    Args:
      joints_world: [T, J, 3] mm.
      cameras: V cameras.
      model: of the distortion, see `geometry.cameras`.

    Returns:
      keypoints_2d [T, V, J, 2] pixels (with the cameras' distortion) and
      joints_camera [T, V, J, 3] mm, both float32.

    Raises:
      ValueError: a joint that is not in front of a camera: it has no image.
    """
    checks.check_shape("joints_world", joints_world, (None, None, 3))
    joints_camera = camera_geometry.world_to_camera(
        np.asarray(joints_world, np.float64)[:, np.newaxis],
        cameras.rotation,
        cameras.translation,
    )
    depth = np.min(joints_camera[..., 2], axis=(0, 2))
    if depth.min() <= 0.0:
        raise ValueError(
            "Every joint must be in front of every camera. Received: depth "
            f"{depth.min():.0f} mm in view {depth.argmin()}."
        )
    keypoints_2d = camera_geometry.project(
        joints_camera, cameras.intrinsics, cameras.distortion, model=model
    )
    return (
        np.asarray(keypoints_2d, np.float32),
        np.asarray(joints_camera, np.float32),
    )


def human36m() -> dict[str, Cameras]:
    """Returns the four cameras 54138969, 55011271, 58860488, 60457274.

    One set per subject, in the order S1, S5, S6, S7, S8, S9, S11. The file
    holds the calibration as papers on lifting use it: `orientation` is the
    quaternion (w, x, y, z) from camera to world and `tangential_distortion`
    stands in the order p2, p1.
    """
    calibration = json.loads(_HUMAN36M.read_text(encoding="utf-8"))
    lenses = calibration["cameras"]
    intrinsics = np.stack(
        [_intrinsics(lens["focal_length"], lens["center"]) for lens in lenses]
    )
    radial = np.array([lens["radial_distortion"] for lens in lenses])
    tangential = np.array([lens["tangential_distortion"] for lens in lenses])
    distortion = np.concatenate(
        [radial[:, :2], tangential[:, ::-1], radial[:, 2:]], axis=1
    )
    image_size = np.array([lens["image_size"] for lens in lenses], np.float64)
    sets = {}
    for subject, poses in calibration["subjects"].items():
        rotation = (
            transform.Rotation.from_quat(
                [pose["orientation"] for pose in poses], scalar_first=True
            )
            .inv()
            .as_matrix()
        )
        centers = np.array([pose["center"] for pose in poses])
        sets[subject] = Cameras(
            intrinsics=intrinsics,
            distortion=distortion,
            rotation=rotation,
            translation=-np.einsum("vij,vj->vi", rotation, centers),
            image_size=image_size,
        )
    return sets


def look_at(
    position: np.ndarray,
    target: np.ndarray,
    up: Sequence[float] = (0.0, 0.0, 1.0),
) -> tuple[np.ndarray, np.ndarray]:
    """Turns upright cameras towards a target.

    Args:
      position: [..., 3] where the cameras stand, in the world.
      target: [..., 3] what they see in the middle of the image.
      up: [3] the world's vertical.

    Returns:
      rotation [..., 3, 3] and translation [..., 3], world to camera.

    Raises:
      ValueError: a camera that stands on its target or looks along `up`.
    """
    position = np.asarray(position, np.float64)
    forward = np.asarray(target, np.float64) - position
    right = np.cross(forward, np.asarray(up, np.float64))
    distance = np.linalg.norm(forward, axis=-1, keepdims=True)
    width = np.linalg.norm(right, axis=-1, keepdims=True)
    if not (width > 1e-6 * distance).all():
        raise ValueError(
            "A camera must not stand on its `target` nor look along `up`. "
            f"Received: position {position.tolist()}, target "
            f"{np.asarray(target).tolist()}, up {list(up)}."
        )
    forward = forward / distance
    right = right / width
    rotation = np.stack([right, np.cross(forward, right), forward], axis=-2)
    return rotation, -np.einsum("...ij,...j->...i", rotation, position)


def ring(
    count: int,
    *,
    distance: float,
    elevation: float = 0.0,
    target: Sequence[float] = (0.0, 0.0, 0.0),
    focal_length: float = FOCAL_LENGTH,
    image_size: Sequence[int] = IMAGE_SIZE,
) -> Cameras:
    """Returns pinhole cameras spread evenly around a target (first one on +x).

    Args:
      count: number of cameras V.
      distance: mm from the target.
      elevation: radians above the target.
      target: [3] mm.
      focal_length: pixels.
      image_size: (width, height) in pixels.
    """
    azimuth = np.arange(count) * (2.0 * np.pi / count)
    return _around(
        azimuth,
        np.full(count, elevation),
        np.full(count, distance),
        target,
        focal_length,
        image_size,
    )


def random_cameras(
    seed: int | Sequence[int],
    count: int,
    *,
    distance: tuple[float, float],
    elevation: tuple[float, float],
    target: Sequence[float] = (0.0, 0.0, 0.0),
    focal_length: float = FOCAL_LENGTH,
    image_size: Sequence[int] = IMAGE_SIZE,
) -> Cameras:
    """Returns pinhole cameras at any azimuth around a target.

    Args:
      seed: what the draw depends on, besides `count`.
      count: number of cameras V.
      distance: range in mm, drawn uniformly.
      elevation: range in radians, drawn uniformly.
      target: [3] mm.
      focal_length: pixels.
      image_size: (width, height) in pixels.
    """
    generator = np.random.default_rng(seed)
    return _around(
        generator.uniform(-np.pi, np.pi, count),
        generator.uniform(*elevation, count),
        generator.uniform(*distance, count),
        target,
        focal_length,
        image_size,
    )


def _around(
    azimuth, elevation, distance, target, focal_length, image_size
) -> Cameras:
    direction = np.stack(
        [
            np.cos(elevation) * np.cos(azimuth),
            np.cos(elevation) * np.sin(azimuth),
            np.sin(elevation),
        ],
        axis=-1,
    )
    target = np.asarray(target, np.float64)
    rotation, translation = look_at(
        target + distance[:, np.newaxis] * direction, target
    )
    count = len(azimuth)
    size = np.asarray(image_size, np.float64)
    intrinsics = _intrinsics([focal_length, focal_length], size / 2.0)
    return Cameras(
        intrinsics=np.tile(intrinsics, (count, 1, 1)),
        distortion=np.zeros((count, 5)),
        rotation=rotation,
        translation=translation,
        image_size=np.tile(size, (count, 1)),
    )


def _intrinsics(focal_length, center) -> np.ndarray:
    return np.array(
        [
            [focal_length[0], 0.0, center[0]],
            [0.0, focal_length[1], center[1]],
            [0.0, 0.0, 1.0],
        ]
    )
