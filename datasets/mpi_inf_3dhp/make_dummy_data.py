"""Writes dummy_data/: random people in the format of MPI-INF-3DHP's files.

cd datasets && python -m mpi_inf_3dhp.make_dummy_data
"""

import pathlib

import h5py
import numpy as np
from mpi_inf_3dhp import calibration
from mpi_inf_3dhp import mpi_inf_3dhp_dataset_builder as builder
from scipy import io

FOLDER = pathlib.Path(__file__).parent / "dummy_data"
TEST = "mpi_inf_3dhp_test_set/mpi_inf_3dhp_test_set"
FRAMES = 3
JOINTS = 28
CAMERAS = 14
PELVIS = 4  # of the 28
UNIVERSAL = 0.875  # of a person's own size
FOCAL, CENTER = 1500.0, 1024.0


def person(generator: np.random.Generator, joints: int) -> np.ndarray:
    """Returns [FRAMES, joints, 3] mm around the origin."""
    body = generator.uniform(-800.0, 800.0, (1, joints, 3))
    return body + generator.normal(0.0, 30.0, (FRAMES, joints, 3))


def universal(joints: np.ndarray, pelvis: int) -> np.ndarray:
    """Returns a person in another size; the pelvis stays where it is."""
    root = joints[:, pelvis : pelvis + 1]
    return root + UNIVERSAL * (joints - root)


def extrinsic(number: int) -> np.ndarray:
    """Returns a camera 4 m away that looks at the origin; y is up."""
    angle = 2.0 * np.pi * number / CAMERAS
    sine, cosine = np.sin(angle), np.cos(angle)
    matrix = np.eye(4)
    matrix[:3, :3] = [[cosine, 0, -sine], [0, -1, 0], [-sine, 0, -cosine]]
    matrix[2, 3] = 4000.0
    return matrix


def calibration_text() -> str:
    intrinsic = np.eye(4)
    intrinsic[[0, 1], [0, 1]], intrinsic[:2, 2] = FOCAL, CENTER
    lines = ["Skeletool Camera Calibration File V1.0"]
    for number in range(CAMERAS):
        flat = [
            " ".join(f"{x:.6g}" for x in matrix.ravel())
            for matrix in (intrinsic, extrinsic(number))
        ]
        lines += [
            f"name          {number}",
            "  sensor      10 10",
            "  size        2048 2048",
            "  animated    0",
            f"  intrinsic   {flat[0]} ",
            f"  extrinsic   {flat[1]} ",
            "  radial      0",
        ]
    return "\n".join([*lines, ""])


def cells(arrays: list[np.ndarray]) -> np.ndarray:
    """Returns a MATLAB cell [14, 1] with a row per frame in each."""
    cell = np.empty((CAMERAS, 1), object)
    for i, array in enumerate(arrays):
        cell[i, 0] = array.reshape(len(array), -1)
    return cell


def training(generator: np.random.Generator, path: pathlib.Path) -> None:
    world = person(generator, JOINTS).astype(np.float32)
    in_camera, universal_3d, pixels = [], [], []
    for number in range(CAMERAS):
        # The builder reads five of the cameras: the others stay small.
        seen = float(number in builder.CAMERAS)
        matrix = extrinsic(number)
        joints = world @ matrix[:3, :3].T + matrix[:3, 3]
        image = FOCAL * joints[..., :2] / joints[..., 2:] + CENTER
        in_camera.append(seen * joints.astype(np.float32))
        universal_3d.append(seen * universal(joints, PELVIS).astype(np.float32))
        pixels.append(seen * image.astype(np.float32))
    io.savemat(
        path,
        {
            "annot2": cells(pixels),
            "annot3": cells(in_camera),
            "univ_annot3": cells(universal_3d),
            "cameras": np.arange(CAMERAS, dtype=np.uint8)[np.newaxis],
            "frames": np.arange(FRAMES, dtype=np.uint16)[:, np.newaxis],
        },
        do_compression=True,
    )
    with open(path, "r+b") as file:  # instead of the time of writing
        file.write(b"MATLAB 5.0 MAT-file".ljust(116))


def test(generator: np.random.Generator, path: pathlib.Path, take: int) -> None:
    camera = calibration.test_camera(take)
    joints = person(generator, 17) + [0.0, 0.0, 4000.0]
    rays = joints[..., :2] / joints[..., 2:]
    focal = camera.intrinsics[0, [0, 1], [0, 1]]
    image = rays * focal + camera.intrinsics[0, :2, 2]
    valid = np.array([[1], [0], [1]], np.uint8)
    joints[1, 3] = np.nan  # a frame that is not to be evaluated
    sizes = {"": joints, "univ_": universal(joints, 14)}
    with h5py.File(path, "w", userblock_size=512) as file:
        # Written by MATLAB, [2 or 3, 17, 1, N]; HDF5 turns the axes round.
        file["annot2"] = image[:, np.newaxis]
        for prefix, size in sizes.items():
            file[f"{prefix}annot3"] = size[:, np.newaxis]
        file["valid_frame"] = valid
        file["activity_annotation"] = np.array([[take], [7], [7]], np.float64)
        file["bb_crop"] = np.zeros((FRAMES, 34))
    with open(path, "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")


def main() -> None:
    generator = np.random.default_rng(0)
    for subject, sequence in builder.FRAMES:
        folder = FOLDER / f"S{subject}" / f"Seq{sequence}"
        folder.mkdir(parents=True, exist_ok=True)
        training(generator, folder / "annot.mat")
        (folder / "camera.calibration").write_text(
            calibration_text(), encoding="utf-8"
        )
    for take in builder.SCENES:
        folder = FOLDER / TEST / f"TS{take}"
        folder.mkdir(parents=True, exist_ok=True)
        test(generator, folder / "annot_data.mat", take)


if __name__ == "__main__":
    main()
