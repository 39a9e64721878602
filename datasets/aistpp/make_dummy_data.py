"""Writes dummy_data/: made-up dances in the form of AIST++'s annotations.

cd datasets && python -m aistpp.make_dummy_data
"""

import json
import pathlib
import pickle

import numpy as np
from aistpp import annotations
from scipy.spatial import transform

FOLDER = pathlib.Path(__file__).parent / "dummy_data" / "aist_plusplus_final"
FRAMES = 8
SPLITS = {
    "train": ["gBR_sBM_cAll_d04_mBR0_ch01", "gPO_sBM_cAll_d10_mPO0_ch02"],
    "val": ["gJB_sBM_cAll_d07_mJB3_ch05"],
    "test": ["gWA_sFM_cAll_d25_mWA3_ch04", "gKR_sBM_cAll_d28_mKR2_ch03"],
}
IGNORED = ["gKR_sBM_cAll_d28_mKR2_ch03"]
SETTINGS = ("setting1", "setting2")


def cameras(generator: np.random.Generator) -> list[dict]:
    """Nine cameras 4 m around the dancer, 1.2 m above the floor (y up)."""
    entries = []
    for view in range(annotations.VIEWS):
        angle = 2 * np.pi * view / annotations.VIEWS + generator.normal(0, 0.02)
        backward = np.array([np.sin(angle), 0.0, np.cos(angle)])
        down = np.array([0.0, -1.0, 0.0])
        forward = -backward
        rotation = np.stack([np.cross(down, forward), down, forward])
        center = 400.0 * backward + np.array([0.0, 120.0, 0.0])
        vector = transform.Rotation.from_matrix(rotation).as_rotvec()
        entries.append(
            {
                "name": f"c0{view + 1}",
                "size": [1920, 1080],
                "matrix": [[1600.0, 0, 960.0], [0, 1600.0, 540.0], [0, 0, 1]],
                "rotation": vector.tolist(),
                "translation": (-rotation @ center).tolist(),
                "distortions": [0.0, 0.0, 0.0, 0.0, 0.0],
            }
        )
    return entries


def project(joints: np.ndarray, camera: dict) -> np.ndarray:
    """Returns the pixels of [T, 17, 3] centimetres, lens without distortion."""
    rotation = transform.Rotation.from_rotvec(camera["rotation"]).as_matrix()
    seen = joints @ rotation.T + camera["translation"]
    pixels = seen @ np.array(camera["matrix"]).T
    return pixels[..., :2] / pixels[..., 2:]


def sequence(generator: np.random.Generator, views: list[dict]):
    """Returns the two dictionaries of one dance, with gaps."""
    shape = (FRAMES, annotations.JOINTS, 3)
    joints = generator.normal([0.0, 90.0, 0.0], [20.0, 40.0, 20.0], shape)
    pixels = np.stack([project(joints, view) for view in views])
    scores = generator.uniform(0.5, 1.05, (*pixels.shape[:-1], 1))
    seen = np.concatenate([pixels, scores], axis=-1).astype(np.float32)
    seen[2, 1] = np.nan  # nobody found in the second frame of the third view
    joints = joints.astype(np.float32)
    joints[6, 3] = np.nan
    return (
        {
            "keypoints2d": seen,
            "det_scores": np.ones(seen.shape[:2], np.float32),
            "timestamps": np.arange(FRAMES) / 60,
        },
        {"keypoints3d": joints + 1.0, "keypoints3d_optim": joints},
    )


def main() -> None:
    generator = np.random.default_rng(0)
    for folder in ("cameras", "keypoints2d", "keypoints3d", "splits"):
        (FOLDER / folder).mkdir(parents=True, exist_ok=True)
    settings = {name: cameras(generator) for name in SETTINGS}
    for name, views in settings.items():
        (FOLDER / "cameras" / f"{name}.json").write_text(json.dumps(views))
    mapping = []
    for split, names in SPLITS.items():
        (FOLDER / "splits" / f"pose_{split}.txt").write_text(
            "".join(f"{name}\n" for name in names)
        )
        for name in names:
            setting = SETTINGS[split == "test"]
            mapping.append(f"{name} {setting}\n")
            for kind, content in zip(
                ("keypoints2d", "keypoints3d"),
                sequence(generator, settings[setting]),
                strict=True,
            ):
                path = FOLDER / kind / f"{name}.pkl"
                path.write_bytes(pickle.dumps(content, protocol=4))
    (FOLDER / "cameras" / "mapping.txt").write_text("".join(mapping))
    ignored = "".join(f"{name}\n" for name in IGNORED)
    (FOLDER / "ignore_list.txt").write_text(ignored)


if __name__ == "__main__":
    main()
