"""HumanEva in the two forms that VideoPose3D's conversion leaves.

`converted_15j/{Train,Validate}/S1/Walking_1.mat`: `poses_3d` (T, 15, 3) mm in
the world and `poses_2d` (3, T, 15, 2) pixels, NaN where the capture failed.
`data_3d_humaneva15.npz`: a pickled {"Train/S1": {"Walking 1 chunk0": (T, 15,
3)}}, metres; `data_2d_humaneva15_*.npz`: the same of lists of three (T, J, 2).
"""

import dataclasses
import functools
import pathlib
from collections.abc import Callable
from collections.abc import Mapping

import numpy as np
import scipy.io
from humaneva import cameras
from humaneva import takes

from tf_poselift import restricted_pickle

JOINTS = 15
NPZ_3D = "data_3d_humaneva15.npz"
NPZ_2D = {
    "gt": "data_2d_humaneva15_gt.npz",
    "detectron": "data_2d_humaneva15_detectron_pt_coco.npz",
}
JOINTS_2D = {"gt": JOINTS, "detectron": 17}


@dataclasses.dataclass(frozen=True)
class Clip:
    """A run of whole frames.

    Attributes:
      joints_world: [T, 15, 3] mm.
      keypoints_2d: [T, 3, J, 2] pixels.
      frame_index: [T] in the recording (in the npz: in the run).
    """

    joints_world: np.ndarray
    keypoints_2d: np.ndarray
    frame_index: np.ndarray


@dataclasses.dataclass(frozen=True)
class Source:
    """What was found: `read()[take]()` is a clip."""

    form: str
    recordings: frozenset[tuple[str, str, str]]  # part, subject, recording
    read: Callable[[], Mapping[takes.Take, Callable[[], Clip]]]


def find(folder: pathlib.Path, kind: str) -> Source | None:
    """Returns the 3D with 2D of a kind of `NPZ_2D`, if both are there.

    Raises:
      ValueError: names a damaged file.
    """
    mats = _mats(folder)
    path_2d = folder / NPZ_2D[kind]
    if (folder / NPZ_3D).exists() and path_2d.exists():
        return _npz(folder / NPZ_3D, path_2d, JOINTS_2D[kind])
    if mats and kind == "gt":
        return _converted(mats)
    return None


def _mats(folder: pathlib.Path) -> dict[tuple[str, str, str], pathlib.Path]:
    found = {}
    for base in (folder, folder / "converted_15j"):
        for part in (takes.TRAIN, takes.TEST):
            for path in sorted((base / part).glob("S*/*.mat")):
                name = takes.recording(path.stem)
                found[part, path.parent.name, name] = path
    return found


def _converted(paths: Mapping[tuple[str, str, str], pathlib.Path]) -> Source:
    def read():
        clips = {}
        for (part, subject, recording), path in sorted(paths.items()):
            for chunk, run in _runs(path):
                take = takes.Take(part, subject, recording, chunk)
                clips[take] = functools.partial(_of_mat, path, run)
        return clips

    return Source("converted_15j", frozenset(paths), read)


def _runs(path: pathlib.Path) -> list[tuple[int, slice]]:
    """Returns the numbers and frames of the runs that are whole."""
    world, keypoints = _load_mat(path)
    whole = np.isfinite(world).all(axis=(1, 2))
    whole &= np.isfinite(keypoints).all(axis=(1, 2, 3))
    changes = np.flatnonzero(np.diff(whole)) + 1
    bounds = [0, *changes.tolist(), len(whole)]
    runs = zip(bounds[:-1], bounds[1:], strict=True)
    return [(i, slice(a, b)) for i, (a, b) in enumerate(runs) if whole[a]]


def _of_mat(path: pathlib.Path, run: slice) -> Clip:
    world, keypoints = _load_mat(path)
    return Clip(world[run], keypoints[run], np.arange(run.start, run.stop))


@functools.lru_cache(maxsize=1)
def _load_mat(path: pathlib.Path) -> tuple[np.ndarray, np.ndarray]:
    """Returns [T, 15, 3] and [T, 3, 15, 2] of a file of `converted_15j`."""
    try:
        content = scipy.io.loadmat(path)
        world, keypoints = content["poses_3d"], content["poses_2d"]
    except Exception as error:  # a damaged file may raise anything
        raise ValueError(
            f"{path} must be a MATLAB file with `poses_3d` and `poses_2d`: "
            f"{error}."
        ) from error
    expected = (cameras.VIEWS, len(world), JOINTS, 2)
    if world.shape[1:] != (JOINTS, 3) or keypoints.shape != expected:
        raise ValueError(
            f"{path}: `poses_3d` must have shape [T, {JOINTS}, 3], `poses_2d` "
            f"[{cameras.VIEWS}, T, {JOINTS}, 2]. Received: {world.shape}, "
            f"{keypoints.shape}."
        )
    return world, keypoints.swapaxes(0, 1)


def _npz(path: pathlib.Path, path_2d: pathlib.Path, joints: int) -> Source:
    metres = _positions(path, "positions_3d")

    def read():
        views = _positions(path_2d, "positions_2d")
        lacking = sorted(t.clip_id for t in set(metres) - set(views))
        if lacking:
            raise ValueError(
                f"{path_2d} must have every take of {path.name}. Missing: "
                f"{', '.join(lacking[:12])} ({len(lacking)} in all)."
            )
        return {
            take: functools.partial(
                _of_npz, take, metres[take], views[take], joints
            )
            for take in metres
        }

    return Source(
        f"{path.name} and {path_2d.name}",
        frozenset((t.part, t.subject, t.recording) for t in metres),
        read,
    )


def _positions(path: pathlib.Path, key: str) -> dict[takes.Take, object]:
    content = restricted_pickle.load_npz(path)
    positions = content.get(key)
    if not isinstance(positions, dict) or not all(
        isinstance(clips, dict) for clips in positions.values()
    ):
        raise ValueError(
            f"{path} must have `{key}`, a dictionary {{subject: {{take: "
            f"poses}}}}. Received: {', '.join(content)}."
        )
    # "Unlabeled/..." has other names: its folder is looked at first.
    return {
        take: values
        for folder, clips in positions.items()
        for name, values in clips.items()
        if (take := takes.parse(folder, name))
    }


def _of_npz(take: takes.Take, metres, views, joints: int) -> Clip:
    world = 1000.0 * np.asarray(metres, np.float64)
    shapes = [np.shape(view) for view in views]
    expected = (len(world), joints, 2)
    if world.shape[1:] != (JOINTS, 3) or shapes != [expected] * cameras.VIEWS:
        raise ValueError(
            f"Clip `{take.clip_id}`: 3D must have shape [T, {JOINTS}, 3], 2D "
            f"[T, {joints}, 2] of {cameras.VIEWS} cameras. Received: "
            f"{world.shape}, {shapes}."
        )
    return Clip(world, np.stack(views, axis=1), np.arange(len(world)))
