"""Writes dummy_data/: made-up people as HumanEva's conversion leaves them.

cd datasets && python -m humaneva.make_dummy_data

The tests make the other form with the functions of this file.
"""

import pathlib

import numpy as np
import scipy.io
from humaneva import cameras
from humaneva import files
from humaneva import takes

FOLDER = pathlib.Path(__file__).parent / "dummy_data"
FRAMES = 7
# Frames in which the capture failed; runs are 0-2, (3), 4-5, (6).
BAD = (3, 6)


def recordings() -> dict[tuple[str, str, str], np.ndarray]:
    """Returns {(part, subject, recording): [7, 15, 3] mm}, NaN where bad.

    Joint j stands at (10 j, -10 j, 900 + 20 j) and sways by whole mm. "Walking
    1" of Train/S1 has bad frames; "ThrowCatch 1" of S3 is not converted.
    """
    generator = np.random.default_rng(0)
    joint = np.arange(files.JOINTS)[:, np.newaxis]
    rest = np.concatenate([10 * joint, -10 * joint, 900 + 20 * joint], axis=1)
    made = {}
    for part in (takes.TRAIN, takes.TEST):
        for subject in takes.SUBJECTS:
            for action in takes.ACTIONS:
                if (subject, action) == ("S3", "ThrowCatch"):
                    continue
                sway = generator.integers(-4, 5, (FRAMES, files.JOINTS, 3))
                pose = (rest + sway).astype(np.float64)
                if (part, subject, action) == (takes.TRAIN, "S1", "Walking"):
                    pose[BAD, 4] = np.nan
                made[part, subject, f"{action} 1"] = pose
    return made


def keypoints(frames: int, joints: int) -> np.ndarray:
    """Returns [3, T, J, 2]: camera c sees joint j at (100 + 9 j, 50 + 10 c)."""
    camera, _, joint = np.indices((cameras.VIEWS, frames, joints))
    return np.stack([100.0 + 9.0 * joint, 50.0 + 10.0 * camera], axis=-1)


def write_converted(folder: pathlib.Path) -> None:
    """Writes `converted_15j/`."""
    for (part, subject, name), pose in recordings().items():
        path = folder / "converted_15j" / part / subject
        path.mkdir(parents=True, exist_ok=True)
        pixels = keypoints(len(pose), files.JOINTS)
        pixels[:, ~np.isfinite(pose).all(axis=(1, 2))] = np.nan
        file = path / f"{name.replace(' ', '_')}.mat"
        content = {"poses_3d": pose, "poses_2d": pixels}
        scipy.io.savemat(file, content, do_compression=True)
        with open(file, "r+b") as header:  # has the time in it
            header.write(b"MATLAB 5.0 MAT-file, made up".ljust(116))


def write_calibration(folder: pathlib.Path) -> None:
    """Writes the `.cal` files: the public poses, a made-up lens."""
    for subject in takes.SUBJECTS:
        origin = cameras.to_cameras(np.zeros((1, 1, 3)), subject)[0, :, 0]
        axes = cameras.to_cameras(np.eye(3)[np.newaxis], subject)[0]
        paths = cameras.calibration_files(folder, subject)
        for view, path in enumerate(paths):
            path.parent.mkdir(parents=True, exist_ok=True)
            rotation = (axes[view] - origin[view]).T
            lens = [750.0, 755.0, 320.0, 240.0, 0.0, -0.2, 0.1, 0.001, 0.0, 0.0]
            numbers = [*lens, *rotation.ravel(), *origin[view]]
            path.write_text("".join(f"{number:.9g}\n" for number in numbers))


def chunks() -> dict[str, dict[str, np.ndarray]]:
    """Returns {"Train/S1": {"Walking 1 chunk0": [T, 15, 3] metres}}."""
    made = {}
    for (part, subject, name), pose in recordings().items():
        runs = {0: pose}
        if not np.isfinite(pose).all():
            runs = {0: pose[0:3], 2: pose[4:6]}
        for chunk, run in runs.items():
            metres = (run / 1000).astype(np.float32)
            made.setdefault(f"{part}/{subject}", {})[f"{name} chunk{chunk}"] = (
                metres
            )
    return made


def write_npz(folder: pathlib.Path, kind: str = "gt") -> None:
    """Writes VideoPose3D's npz of the 3D and of a kind of 2D."""
    joints = files.JOINTS_2D[kind]
    metres = chunks()
    views = {
        subject: {
            name: list(keypoints(len(pose), joints).astype(np.float32))
            for name, pose in clips.items()
        }
        for subject, clips in metres.items()
    }
    if kind == "detectron":
        views["Unlabeled/S4"] = {"Box 2": list(keypoints(2, joints))}
    np.savez_compressed(folder / files.NPZ_3D, positions_3d=metres)
    np.savez_compressed(
        folder / files.NPZ_2D[kind],
        positions_2d=views,
        metadata={"num_joints": joints},
    )


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for kind in files.NPZ_2D:
        write_npz(FOLDER, kind)
    write_converted(FOLDER)
    write_calibration(FOLDER)


if __name__ == "__main__":
    main()
