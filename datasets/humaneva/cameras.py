"""Where HumanEva's three colour cameras stand; their lenses are not public.

Quaternions (w, x, y, z) from camera to world and positions in the world (mm, z
up), as VideoPose3D publishes them. S3 was recorded with the cameras of S1.
"""

import numpy as np
from scipy.spatial import transform

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
_POSES = {"S1": _S1, "S2": _S2, "S3": _S1}


def to_cameras(joints_world: np.ndarray, subject: str) -> np.ndarray:
    """Returns joints [T, J, 3] mm in each camera's space, [T, 3, J, 3]."""
    quaternions, centers = zip(*_POSES[subject], strict=True)
    to_world = transform.Rotation.from_quat(quaternions, scalar_first=True)
    relative = joints_world[:, np.newaxis] - np.array(centers)[:, np.newaxis]
    # x_camera = to_world^T (x - center), for rows.
    return relative @ to_world.as_matrix()
