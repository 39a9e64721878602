"""Writes dummy_data/: made-up people in the form of ASPset-510's files.

cd datasets && python -m aspset510.make_dummy_data
"""

import json
import pathlib
import warnings

import c3d
import numpy as np
from aspset510 import aspset510_dataset_builder as builder
from scipy.spatial import transform

FOLDER = pathlib.Path(__file__).parent / "dummy_data"
FRAMES = 12
ROWS = (
    ("1e28", "0001", "train", "all"),
    ("1e28", "0003", "train", "all"),
    ("8a59", "0002", "val", "all"),
    ("04da", "0004", "test", "mid"),
    ("04da", "0007", "test", "right"),
)


def camera(angle: float) -> dict:
    """A camera 8 m from the middle, turned by `angle` from the left one."""
    rotation = transform.Rotation.from_euler("y", angle).as_matrix()
    middle = np.array([0.0, 0.0, 8000.0])
    extrinsic = np.eye(4)
    extrinsic[:3, :3] = rotation
    extrinsic[:3, 3] = middle - rotation @ middle
    intrinsic = [[2600.0, 0, 1920.0, 0], [0, 2600.0, 1080.0, 0], [0, 0, 1, 0]]
    return {
        "intrinsic_matrix": np.ravel(intrinsic).tolist(),
        "extrinsic_matrix": extrinsic.ravel().tolist(),
    }


def write_joints(path: pathlib.Path, generator: np.random.Generator) -> None:
    shape = (FRAMES, 17, 3)
    points = np.zeros((FRAMES, 17, 5), np.float32)
    points[..., :3] = generator.normal([0, 0, 8000], [300, 500, 300], shape)
    points[4, 6, 3] = -1.0  # a joint that is not known
    writer = c3d.Writer(point_rate=builder.HZ)
    writer.set_point_labels([f"joint{i}" for i in range(17)])
    writer.add_frames([(frame, np.zeros((0, 0))) for frame in points])
    with path.open("wb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        writer.write(file)


def main() -> None:
    generator = np.random.default_rng(0)
    lines = ["subject_id,clip_id,split,camera_id"]
    for subject, clip, split, views in ROWS:
        lines.append(f"{subject},{clip},{split},{views}")
        top = FOLDER / ("test" if split == "test" else "trainval")
        joints = top / "joints_3d" / subject
        cameras = top / "cameras" / subject
        for folder in (joints, cameras):
            folder.mkdir(parents=True, exist_ok=True)
        write_joints(joints / f"{subject}-{clip}.c3d", generator)
        for name, angle in zip(builder.CAMERAS, (0.0, 0.6, 1.2), strict=True):
            if views in ("all", name):
                path = cameras / f"{subject}-{name}.json"
                path.write_text(json.dumps(camera(angle)))
    (FOLDER / "splits.csv").write_text("\r\n".join([*lines, ""]))


if __name__ == "__main__":
    main()
