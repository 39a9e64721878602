"""HumanEva's three colour cameras.

Where they stand is public: quaternions (w, x, y, z) from camera to world and
positions in the world (mm, z up), as VideoPose3D has them. Lenses stand in the
calibration files of the official download: 22 numbers f_x, f_y, c_x, c_y, skew,
k1, k2, p1, p2, k3, nine of the rotation from world to camera, row by row, and
three of the translation (mm). S3 was recorded with the cameras of S1.
"""

import pathlib

import numpy as np
from scipy.spatial import transform

from tf_poselift import schema
from tf_poselift.geometry import cameras as camera_geometry

VIEWS = 3  # C1, C2, C3
IMAGE_SIZE = (640, 480)
_S1 = (
    ((0.424207, -0.4983646, -0.5802981, 0.4847012),
     (4062.227, 663.2477, 1528.397)),
    ((0.6503354, -0.7481602, -0.0919284, 0.0941766),
     (844.8131, -3805.2092, 1504.9929)),
    ((0.0664734, -0.0690535, 0.7416416, -0.6639132),
     (-797.67377, 3916.3174, 1433.6602)),
)  # fmt: skip
_S2 = (
    ((0.4214752, -0.4961493, -0.5838273, 0.4851187),
     (4112.9121, 626.4929, 1545.2988)),
    ((0.6501393, -0.7476588, -0.0954617, 0.0959808),
     (923.5740, -3877.9243, 1504.5518)),
    ((0.0699353, -0.0712403, 0.7421637, -0.662742),
     (-781.4915, 3838.8853, 1444.9929)),
)  # fmt: skip
_NUMBERS = 22
_POSES = {"S1": _S1, "S2": _S2, "S3": _S1}


def to_cameras(joints_world: np.ndarray, subject: str) -> np.ndarray:
    """Returns joints [T, J, 3] mm in each camera's space, [T, 3, J, 3]."""
    quaternions, centers = zip(*_POSES[subject], strict=True)
    to_world = transform.Rotation.from_quat(quaternions, scalar_first=True)
    relative = joints_world[:, np.newaxis] - np.array(centers)[:, np.newaxis]
    # x_camera = to_world^T (x - center), for rows.
    return relative @ to_world.as_matrix()


def calibration_files(folder: pathlib.Path, subject: str) -> list[pathlib.Path]:
    """Returns where the official download has the calibration of C1 to C3."""
    below = folder / subject / "Calibration_Data"
    return [below / f"C{view + 1}.cal" for view in range(VIEWS)]


def read_calibration(
    folder: pathlib.Path, subject: str
) -> dict[str, np.ndarray]:
    """Returns `cameras` of a record.

    Raises:
      ValueError: names a file without the 22 numbers, or with a skewed lens.
    """
    rows = []
    for path in calibration_files(folder, subject):
        try:
            row = np.array(path.read_text().split(), np.float64)
        except ValueError as error:
            raise ValueError(f"{path} must be numbers: {error}.") from error
        if len(row) != _NUMBERS or not np.isfinite(row).all() or row[4]:
            raise ValueError(
                f"{path} must have {_NUMBERS} numbers, the fifth (skew) 0. "
                f"Received: {len(row)}: {row[:5]} ..."
            )
        rows.append(row)
    numbers = np.array(rows)
    intrinsics = np.zeros((VIEWS, 3, 3))
    intrinsics[:, [0, 1], [0, 1]] = numbers[:, :2]
    intrinsics[:, :2, 2] = numbers[:, 2:4]
    intrinsics[:, 2, 2] = 1.0
    return {
        schema.INTRINSICS: intrinsics,
        schema.DISTORTION: numbers[:, 5:10],
        schema.ROTATION: numbers[:, 10:19].reshape(VIEWS, 3, 3),
        schema.TRANSLATION: numbers[:, 19:],
    }


def to_calibrated(
    joints_world: np.ndarray, calibration: dict[str, np.ndarray]
) -> np.ndarray:
    """Returns joints [T, J, 3] mm in each camera's space, [T, 3, J, 3]."""
    return camera_geometry.world_to_camera(
        np.asarray(joints_world, np.float64)[:, np.newaxis],
        calibration[schema.ROTATION],
        calibration[schema.TRANSLATION],
    ).numpy()
