"""The 3D poses of Human3.6M in the three forms in which people have them.

Official: CDF files, `Pose` (1, T, 96), mm. 3d-pose-baseline's `h36m.zip`: HDF5
files, `3D_positions` (96, T), mm. VideoPose3D's `data_3d_h36m.npz`: a pickled
{subject: {take: (T, 32, 3)}}, metres. All in the world, z up, 32 joints.
"""

import dataclasses
import importlib.util
import io
import pathlib
import tempfile
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np
from human36m import files
from human36m import takes

from tf_poselift import restricted_pickle

JOINTS = 32
# Of the 32 joints; the rest are duplicates, toes and fingers.
HUMAN36M_17 = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
NOSE = 14  # "Neck/Nose", which human36m_16 has not
HUMAN36M_16 = tuple(joint for joint in HUMAN36M_17 if joint != NOSE)

ARCHIVES = "Poses_D3_Positions_S*.tgz"
CDF = "S*/MyPoseFeatures/D3_Positions/*.cdf"
BASELINE_ZIP = "h36m.zip"
BASELINE = "S*/MyPoses/3D_positions/*.h5"
NPZ = "data_3d_h36m.npz"


@dataclasses.dataclass(frozen=True)
class Poses:
    """What was found.

    Attributes:
      form: in words.
      sources: {take: what `read_source` takes}.
      read_source: returns [T, 32, 3] mm of a source.
      package: a Python package that reading needs and that is not there.
    """

    form: str
    sources: Mapping[takes.Take, Any]
    read_source: Callable[[Any], np.ndarray]
    package: str = ""

    def read(self, take: takes.Take) -> np.ndarray:
        """Returns the poses of a take, [T, 32, 3] mm in the world, z up.

        Raises:
          ValueError: names the file, if it is damaged or not of its form.
        """
        return self.read_source(self.sources[take])


def find(folder: pathlib.Path) -> list[Poses]:
    """Returns the forms that are there, those with most takes first.

    Raises:
      ValueError: names a damaged archive or a name that is no take.
    """
    found = [form(folder) for form in (_official, _baseline, _video_pose)]
    found = [poses for poses in found if poses.sources]
    return sorted(found, key=lambda poses: -len(poses.sources))


def by_subject(
    found: list[files.File], folders: int, suffix: str
) -> Mapping[takes.Take, files.File]:
    """Returns {take: file}; what is unpacked goes before archives.

    Args:
      found: files.
      folders: how far below its subject's folder a file lies.
      suffix: of the files, behind the take's name.
    """

    def index(some):
        return takes.index(
            (f.parts[-1 - folders], f.parts[-1].removesuffix(suffix), f)
            for f in some
        )

    packed = index(f for f in found if f.member)
    return packed | index(f for f in found if not f.member)


def _official(folder: pathlib.Path) -> Poses:
    found = files.find(folder, CDF, ARCHIVES)
    has_reader = importlib.util.find_spec("cdflib") is not None
    return Poses(
        form="official CDF files",
        sources=by_subject(found, 3, ".cdf"),
        read_source=_read_cdf,
        package="" if has_reader else "cdflib",
    )


def _read_cdf(file: files.File) -> np.ndarray:
    import cdflib  # of the extra `formats`

    try:
        if not file.member:
            pose = cdflib.CDF(file.path).varget("Pose")
        else:
            with tempfile.NamedTemporaryFile(suffix=".cdf") as unpacked:
                unpacked.write(file.read())
                unpacked.flush()
                pose = cdflib.CDF(unpacked.name).varget("Pose")
    except Exception as error:  # a damaged file may raise anything
        raise ValueError(f"Cannot read {file}: {error}.") from error
    return _shaped(np.asarray(pose), file)


def _baseline(folder: pathlib.Path) -> Poses:
    found = files.find(folder, BASELINE, BASELINE_ZIP)
    return Poses(
        form="3d-pose-baseline's HDF5 files",
        sources=by_subject(found, 3, ".h5"),
        read_source=lambda file: _shaped(
            read_hdf5(file, "3D_positions").T, file
        ),
    )


def read_hdf5(file: files.File, name: str) -> np.ndarray:
    """Returns a data set of an HDF5 file.

    Raises:
      ValueError: names the file, if it is damaged or has no such data set.
    """
    try:
        with h5py.File(io.BytesIO(file.read())) as content:
            return content[name][()]
    except (OSError, KeyError, RuntimeError) as error:
        raise ValueError(
            f"{file} must be an HDF5 file with `{name}`: {error}."
        ) from error


def _video_pose(folder: pathlib.Path) -> Poses:
    path = folder / NPZ
    positions = read_npz(path, "positions_3d")[0] if path.exists() else {}
    named = (
        (subject, name, (path, f"{subject} {name}", metres))
        for subject, clips in positions.items()
        for name, metres in clips.items()
    )

    def read(source):
        path, name, metres = source
        metres = np.asarray(metres)
        return 1000.0 * _shaped(metres, f"{path}, `{name}`")

    return Poses(
        form=f"VideoPose3D's {NPZ}",
        sources=takes.index(named),
        read_source=read,
    )


def read_npz(path: pathlib.Path, key: str) -> tuple[dict, dict]:
    """Returns the nested dictionary of VideoPose3D's npz, and its metadata.

    Raises:
      ValueError: names the file, if it is damaged or of another form.
    """
    content = restricted_pickle.load_npz(path)
    positions = content.get(key)
    if not isinstance(positions, dict) or not all(
        isinstance(clips, dict) for clips in positions.values()
    ):
        raise ValueError(
            f"{path} must have `{key}`, a dictionary {{subject: {{take: "
            f"poses}}}}. Received: {', '.join(content)}."
        )
    metadata = content.get("metadata")
    return positions, metadata if isinstance(metadata, dict) else {}


def _shaped(values: np.ndarray, where) -> np.ndarray:
    """Returns [T, 32, 3] of (1, T, 96), (T, 96) or (T, 32, 3)."""
    if (
        values.dtype.kind != "f"
        or values.size % (JOINTS * 3)
        or (values.shape[-1] != JOINTS * 3 and values.shape[-2:] != (JOINTS, 3))
    ):
        raise ValueError(
            f"{where} must have numbers of shape [T, {JOINTS} * 3]. Received: "
            f"{values.dtype} {values.shape}."
        )
    return values.reshape(-1, JOINTS, 3)
