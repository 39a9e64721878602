"""Writes dummy_data/: random people in the form of SURREAL's info files.

cd datasets && python -m surreal.make_dummy_data
"""

import pathlib

import numpy as np
from scipy import io

FOLDER = pathlib.Path(__file__).parent / "dummy_data"
CMU = "SURREAL/data/cmu"
JOINTS = 24
# {split: {sequence: number of clips}}; 18_05 and 143_21 are "monsters".
SEQUENCES = {
    "train": {"01_01": 2, "01_02": 1, "02_01": 2, "ung_02_01": 1, "18_05": 1,
              "ung_143_21": 1},
    "val": {"104_34": 1},
    "test": {"104_34": 2, "ung_19_02": 1},
}  # fmt: skip
# As published: det -1, the images are mirrored.
ROTATION = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])


def info(
    generator: np.random.Generator, sequence: str, number: int, frames: int
) -> dict:
    """Returns the variables of a clip."""
    camera = np.array([7.0, -1.0, 0.0]) + generator.normal(0.0, 0.2, 3)
    joints = [0.0, -1.0, 0.0] + generator.normal(0.0, 0.35, (frames, JOINTS, 3))
    in_camera = (joints - camera) @ ROTATION.T
    pixels = 600.0 * in_camera[..., :2] / in_camera[..., 2:] + [160.0, 120.0]
    values = {
        "joints2D": np.round(pixels).transpose(2, 1, 0),
        "joints3D": joints.transpose(2, 1, 0),
        "camLoc": camera[:, np.newaxis],
        "zrot": np.zeros((frames, 1)),
    }
    values = {name: value.astype(np.float32) for name, value in values.items()}
    if frames == 1:  # MATLAB drops a last axis of length 1
        values["joints2D"] = values["joints2D"][..., 0]
        values["joints3D"] = values["joints3D"][..., 0]
    return values | {
        "gender": np.zeros((frames, 1), np.uint8),
        "clipNo": float(number),
        "sequence": f"{sequence}_c{number:04d}",
        "source": "cmu",
        "stride": np.uint8(50),
    }


def main() -> None:
    generator = np.random.default_rng(0)
    for split, sequences in SEQUENCES.items():
        for sequence, count in sequences.items():
            folder = FOLDER / CMU / split / "run0" / sequence
            folder.mkdir(parents=True, exist_ok=True)
            for number in range(1, count + 1):
                # The last clip of a sequence may be short.
                frames = 3 if number == 1 else 1
                path = folder / f"{sequence}_c{number:04d}_info.mat"
                io.savemat(path, info(generator, sequence, number, frames))
                with open(path, "r+b") as file:  # instead of the time
                    file.write(b"MATLAB 5.0 MAT-file".ljust(116))


if __name__ == "__main__":
    main()
