"""The cameras of MPI-INF-3DHP: of the training studio and of the test set.

The files' world has y up; here z is up, (x, y, z) = (x, -z, y) of theirs.
Camera space is the usual one (x right, y down, z forward), millimetres.
"""

import os

import numpy as np

from tf_poselift.data import kinematics
from tf_poselift.data import virtual_cameras

_KEYS = ("size", "intrinsic", "extrinsic")


def read(
    path: str | os.PathLike, camera_ids: tuple[int, ...]
) -> virtual_cameras.Cameras:
    """Reads cameras of a `camera.calibration`.

    After a line of heading the file has seven lines a camera: `name` (0 to
    13), `sensor`, `size`, `animated`, `intrinsic` and `extrinsic` (4 x 4, row
    by row; world to camera, mm), `radial` (0: no distortion).

    Args:
      path: of the file.
      camera_ids: the V cameras, in the order that is wanted.

    Raises:
      ValueError: names the file and what it lacks.
    """
    entries: dict[int, dict[str, list[str]]] = {}
    entry: dict[str, list[str]] = {}
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            key, *words = line.split() or [""]
            if key == "name" and words and words[0].isdecimal():
                entry = entries.setdefault(int(words[0]), {})
            else:
                entry[key] = words
    missing = [
        number
        for number in camera_ids
        if not set(_KEYS) <= set(entries.get(number, ()))
    ]
    if missing:
        raise ValueError(
            f"{path} must hold the cameras {list(camera_ids)}, each with "
            f"{', '.join(_KEYS)}. Missing or cut off: {missing}."
        )

    def numbers(key: str, shape: tuple[int, ...]) -> np.ndarray:
        try:
            rows = [np.array(entries[n][key], float) for n in camera_ids]
            return np.stack([row.reshape(shape) for row in rows])
        except ValueError as error:
            raise ValueError(
                f"{path}: every `{key}` must be {np.prod(shape)} numbers: "
                f"{error}."
            ) from error

    extrinsic = numbers("extrinsic", (4, 4))
    return virtual_cameras.Cameras(
        intrinsics=numbers("intrinsic", (4, 4))[:, :3, :3],
        distortion=np.zeros((len(camera_ids), 5)),
        rotation=_z_up(extrinsic[:, :3, :3]),
        translation=extrinsic[:, :3, 3],
        image_size=numbers("size", (2,)),
    )


def test_camera(take: int) -> virtual_cameras.Cameras:
    """Returns the camera of TS1 to TS6.

    The test set has no calibration files; these are the constants of the two
    .calib files in the kit's `test_util/camera_calibration`, in their format:
    sensor and focal length in mm, the centre as an offset from the sensor's.
    The focal length along y, and the whole centre along y, are multiplied by
    the pixels' aspect, as in PosePile. Whether the centre should be is not
    documented: `c_y` is 1043.49 (TS1-4) and 556.35 (TS5-6) pixels with it,
    1043.03 and 560.14 without.

    Raises:
      ValueError: no such take.
    """
    if take in (1, 2, 3, 4):
        return _test_camera(
            image_size=(2048, 2048),
            sensor=(10.0, 10.0),
            focal_length=7.32506,
            aspect=1.00044,
            offset=(-0.0322884, 0.0929296),
            distortion=(0.0, 0.0, 0.0, 0.0, 0.0),
            origin=(3427.28, 1387.86, 309.42),
            up=(-0.208215, 0.976233, 0.06014),
            right=(0.000575281, 0.0616098, -0.9981),
        )
    if take in (5, 6):
        return _test_camera(
            image_size=(1920, 1080),
            sensor=(10.0, 5.625),
            focal_length=8.770747185,
            aspect=0.993236423,
            offset=(-0.104908645, 0.104899704),
            distortion=(
                -0.276859611,
                0.131125256,
                -0.000360494,
                -0.001149441,
                -0.049318332,
            ),
            origin=(-2104.3074, 1038.6707, -4596.6367),
            up=(0.025272345, 0.995038509, 0.096227370),
            right=(-0.939647257, -0.009210289, 0.342020929),
        )
    raise ValueError(f"`take` must be 1 to 6. Received: {take}.")


def _test_camera(
    *, image_size, sensor, focal_length, aspect, offset, distortion, origin,
    up, right,
) -> virtual_cameras.Cameras:  # fmt: skip
    pixels_per_mm = np.array(image_size) / np.array(sensor) * [1.0, aspect]
    intrinsics = np.eye(3)
    intrinsics[:2, :2] = np.diag(focal_length * pixels_per_mm)
    center = np.array(sensor) / 2.0 + np.array(offset)
    intrinsics[:2, 2] = pixels_per_mm * center
    up, right = np.array(up), np.array(right)
    rotation = np.stack([right, -up, np.cross(up, right)])
    return virtual_cameras.Cameras(
        intrinsics=intrinsics[np.newaxis],
        distortion=np.array([distortion]),
        rotation=_z_up(rotation)[np.newaxis],
        translation=-(rotation @ np.array(origin))[np.newaxis],
        image_size=np.array([image_size], np.float64),
    )


def _z_up(rotation: np.ndarray) -> np.ndarray:
    """Returns [..., 3, 3] for a world whose z is up instead of y."""
    # Row i of this is where the files' axis i lies: the inverse of the turn.
    return rotation @ kinematics.y_up_to_z_up(np.eye(3))
