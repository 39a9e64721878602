"""Writes dummy_data/: random people in the files of LSP, LSPET and HR-LSPET.

cd datasets && python -m lsp.make_dummy_data
"""

import pathlib

import numpy as np
from scipy import io

FOLDER = pathlib.Path(__file__).parent / "dummy_data"
JOINTS = 14


def people(generator: np.random.Generator, count: int) -> np.ndarray:
    """Returns [N, 14, 3]: pixels and a flag, here 1."""
    joints = np.ones((count, JOINTS, 3))
    joints[..., :2] = generator.uniform(1.0, 150.0, (count, JOINTS, 2))
    return joints


def write(name: str, joints: np.ndarray) -> None:
    path = FOLDER / name / "joints.mat"
    path.parent.mkdir(parents=True, exist_ok=True)
    io.savemat(path, {"joints": joints})
    with open(path, "r+b") as file:  # instead of the time of writing
        file.write(b"MATLAB 5.0 MAT-file".ljust(116))


def main() -> None:
    generator = np.random.default_rng(0)
    # LSP: [3, 14, N]; the flag is 1 where a joint is occluded.
    lsp = people(generator, 20)
    lsp[..., 2] = 0.0
    lsp[3, 4, 2] = 1.0
    write("lsp_dataset", lsp.transpose(2, 1, 0))
    # LSPET: [14, 3, N]; the flag is 0 where a joint is not labelled, and the
    # pixels then mean nothing. Nothing of the sixth person is labelled.
    lspet = people(generator, 10)
    lspet[2, [0, 5], 2] = 0.0
    lspet[2, 0, :2] = -1e6
    lspet[5, :, 2] = 0.0
    write("lspet_dataset", lspet.transpose(1, 2, 0))
    hr_lspet = people(generator, 9)
    hr_lspet[4, 13, :2] = np.nan
    write("hr-lspet", hr_lspet.transpose(1, 2, 0))


if __name__ == "__main__":
    main()
