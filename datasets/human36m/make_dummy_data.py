"""Writes dummy_data/: made-up people in the formats of Human3.6M's files.

cd datasets && python -m human36m.make_dummy_data

The tests make the other forms with the functions of this file.
"""

import functools
import gzip
import pathlib
import tarfile
import tempfile

import h5py
import numpy as np
from human36m import detections
from human36m import poses
from human36m import takes

FOLDER = pathlib.Path(__file__).parent / "dummy_data"
# Irregular, and other ones for every subject.
_SUFFIXES = (("", " 1"), (" 1", " 2"), ("", " 2"), (" 1", " 3"))
_LONG = {"Photo": "TakingPhoto", "WalkDog": "WalkingDog"}
_FIXED = {
    ("S9", "Greeting"): ("", " 1"),
    ("S9", "SittingDown"): ("", " 1"),
    ("S9", "Waiting"): ("", " 1"),
    ("S11", "Directions"): ("", " 1"),
}
_EXTRA = (0, 1, 2, 0)  # frames that a camera's video has beyond the poses


def names(subject: str) -> list[str]:
    """Returns the 30 raw names of a subject's takes."""
    found = []
    for number, action in enumerate(takes.ACTIONS):
        turn = (number + takes.SUBJECTS.index(subject)) % len(_SUFFIXES)
        suffixes = _FIXED.get((subject, action), _SUFFIXES[turn])
        word = _LONG.get(action, action) if subject == "S1" else action
        found += [word + suffix for suffix in suffixes]
    return found


@functools.lru_cache(maxsize=1)
def people(frames: int = 2) -> dict[str, dict[str, np.ndarray]]:
    """Returns {subject: {raw name: [T, 32, 3] mm}}.

    T is `frames`, and three times that in a subject's first take.

    Joint j stands at (10 j, -10 j, 900 + 20 j) and sways by whole mm, so that
    the numbers tell the joints apart.
    """
    generator = np.random.default_rng(0)
    joint = np.arange(poses.JOINTS)[:, np.newaxis]
    rest = np.concatenate([10 * joint, -10 * joint, 900 + 20 * joint], axis=1)
    made = {}
    for subject in takes.SUBJECTS:
        made[subject] = {}
        for number, name in enumerate(names(subject)):
            length = frames if number else 3 * frames
            sway = generator.integers(-4, 5, (length, poses.JOINTS, 3))
            made[subject][name] = (rest + sway).astype(np.float32)
    return made


def detected(
    joints: int, frames: int = 2
) -> dict[str, dict[str, list[np.ndarray]]]:
    """Returns {subject: {clean name: [T + extra, J, 2] of each camera}}.

    In frame t, camera c sees joint j near (400 + 10 j, 300 + 10 c).
    """
    generator = np.random.default_rng(joints)
    made = {}
    for subject, clips in people(frames).items():
        made[subject] = {}
        for name, pose in clips.items():
            take = next(iter(takes.index([(subject, name, "")])), takes.DAMAGED)
            views = []
            for camera, extra in enumerate(_EXTRA):
                shape = (len(pose) + extra, joints, 2)
                view = generator.integers(-2, 3, shape) / 2.0
                view[..., 0] += 400 + 10 * np.arange(joints)
                view[..., 1] += 300 + 10 * camera
                views.append(view.astype(np.float32))
            made[subject][take.name] = views
    made["S2"] = {"Walking": views}  # of an unlabelled subject
    return made


def write_cdf(path: pathlib.Path, pose: np.ndarray) -> None:
    """Writes `Pose` (1, T, 96) of [T, 32, 3]."""
    import cdflib  # of the extra `formats`

    path.parent.mkdir(parents=True, exist_ok=True)
    spec = {
        "Variable": "Pose",
        "Data_Type": cdflib.cdfwrite.CDF.CDF_FLOAT,
        "Num_Elements": 1,
        "Rec_Vary": True,
        "Dim_Sizes": [len(pose), poses.JOINTS * 3],
        "Var_Type": "zVariable",
        "Compress": 0,  # a gzip header has the time in it
    }
    with cdflib.cdfwrite.CDF(path, delete=True) as file:
        file.write_var(spec, var_data=pose.reshape(1, len(pose), -1))


def write_official(folder: pathlib.Path, subject: str, frames: int = 2) -> None:
    """Writes the CDF files of a subject, as unpacked."""
    below = folder / subject / "MyPoseFeatures" / "D3_Positions"
    for name, pose in people(frames)[subject].items():
        write_cdf(below / f"{name}.cdf", pose)
    write_cdf(below / "_ALL 1.cdf", np.zeros((1, poses.JOINTS, 3), np.float32))


def write_archive(folder: pathlib.Path, subject: str) -> None:
    """Writes `Poses_D3_Positions_S*.tgz` of a subject."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.mtime, member.uid, member.gid = 0, 0, 0
        member.uname = member.gname = ""
        return member

    path = folder / poses.ARCHIVES.replace("S*", subject)
    with tempfile.TemporaryDirectory() as unpacked:
        write_official(pathlib.Path(unpacked), subject)
        with (
            gzip.GzipFile(path, "wb", mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w") as archive,
        ):
            archive.add(f"{unpacked}/{subject}", subject, filter=plain)


def write_baseline(folder: pathlib.Path) -> None:
    """Writes `h36m/` of 3d-pose-baseline: 3D and stacked hourglass."""
    for subject, clips in people().items():
        below = folder / "h36m" / subject / "MyPoses" / "3D_positions"
        below.mkdir(parents=True)
        for name, pose in clips.items():
            with h5py.File(below / f"{name}.h5", "w") as file:
                file["3D_positions"] = pose.reshape(len(pose), -1).T
    for subject, clips in detected(16).items():
        below = folder / "h36m" / subject / "StackedHourglass"
        below.mkdir(parents=True)
        for name, views in clips.items():
            for camera, view in zip(detections.CAMERAS, views, strict=True):
                if (subject, name, camera) == ("S11", "Directions", "54138969"):
                    continue  # is not there
                name_of = f"{name.replace(' ', '_')}.{camera}.h5"
                with h5py.File(below / name_of, "w") as file:
                    file["poses"] = view


def write_npz(folder: pathlib.Path, frames: int = 2) -> None:
    """Writes VideoPose3D's `data_3d_h36m.npz`: clean names, metres."""
    metres = {}
    for subject, clips in people(frames).items():
        named = [(subject, name, pose / 1000) for name, pose in clips.items()]
        metres[subject] = {
            take.name: pose for take, pose in takes.index(named).items()
        }
    np.savez_compressed(folder / poses.NPZ, positions_3d=metres)


def write_detections(folder: pathlib.Path, kind: str, frames: int = 2) -> None:
    """Writes VideoPose3D's npz of a kind of detections."""
    joints = 16 if kind == "sh" else 17
    metadata = {"num_joints": joints}
    if kind != "sh":
        metadata["layout_name"] = "h36m"
    np.savez_compressed(
        folder / detections.NPZ[kind][0],
        positions_2d=detected(joints, frames),
        metadata=metadata,
    )


FORMS = ("cdf", "npz")  # of `write`


def write(folder: pathlib.Path, form: str, *, frames: int) -> None:
    """Writes the 3D of all subjects, in takes of so many frames."""
    if form == "cdf":
        for subject in takes.SUBJECTS:
            write_official(folder, subject, frames)
    else:
        write_npz(folder, frames)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for subject in takes.SUBJECTS:
        write_archive(FOLDER, subject)
    write_detections(FOLDER, "cpn")


if __name__ == "__main__":
    main()
