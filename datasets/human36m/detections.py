"""2D detections of Human3.6M that people share, as the user has them.

VideoPose3D's npz: a pickled {subject: {take: [(T, J, 2) pixels of each
camera]}}. 3d-pose-baseline: one HDF5 file per take and camera with `poses`
(T, 16, 2). Cameras in the order of `CAMERAS`. They may be longer than the
poses: some videos have extra frames.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

import numpy as np
from human36m import files
from human36m import poses
from human36m import takes

CAMERAS = ("54138969", "55011271", "58860488", "60457274")
# Files by kind; the first that is there is read.
NPZ = {
    "cpn": ("data_2d_h36m_cpn_ft_h36m_dbb.npz",),
    "detectron": ("data_2d_h36m_detectron_ft_h36m.npz",),
    "sh": ("data_2d_h36m_sh_ft_h36m.npz", "data_2d_h36m_sh_pt_mpii.npz"),
}
HOURGLASS = ("StackedHourglassFineTuned240", "StackedHourglass")
# The stacked hourglass has MPII's order (right foot, knee, hip, left hip, knee,
# foot, pelvis, thorax ...). Entry j: where joint j of human36m_16 stands there.
FROM_HOURGLASS = (6, 2, 1, 0, 3, 4, 5, 7, 8, 9, 13, 14, 15, 12, 11, 10)


@dataclasses.dataclass(frozen=True)
class Detections:
    """What was found of a kind.

    Attributes:
      where: file or folder, in words.
      joints: J as the files have it.
      order: [J] the order of the record's skeleton, as indices into theirs.
      load: returns {take: one array or file per camera}.
      read_source: returns [T, J, 2] of such an entry.
    """

    where: str
    joints: int
    order: tuple[int, ...]
    load: Callable[[], Mapping[takes.Take, list[Any]]]
    read_source: Callable[[Any], np.ndarray]

    @functools.cached_property
    def sources(self) -> Mapping[takes.Take, list[Any]]:
        return self.load()

    def require(self, wanted: Iterable[takes.Take]) -> None:
        """Raises FileNotFoundError that lists the takes without 2D."""
        lacking = [t.clip_id for t in wanted if t not in self.sources]
        if lacking:
            raise FileNotFoundError(
                f"{self.where} must have every take of the 3D poses. Missing: "
                f"{', '.join(lacking[:12])} ({len(lacking)} in all)."
            )

    def read(self, take: takes.Take, frames: int) -> tuple[np.ndarray, int]:
        """Returns [frames, 4, J, 2] pixels, and how many frames were cut off.

        Raises:
          ValueError: names the take: wrong number of cameras or joints, or
            fewer frames than the 3D poses.
        """
        name = f"{self.where}, `{take.subject} {take.name}`"
        views = [np.asarray(self.read_source(s)) for s in self.sources[take]]
        shape = (self.joints, 2)
        if len(views) != len(CAMERAS) or any(
            v.dtype.kind != "f" or v.shape[1:] != shape for v in views
        ):
            raise ValueError(
                f"{name}: must have one array of shape [T, {self.joints}, 2] "
                f"for each of {len(CAMERAS)} cameras. Received: "
                f"{[v.shape for v in views]}."
            )
        shortest = min(len(v) for v in views)
        if shortest < frames:
            raise ValueError(
                f"{name}: the 2D must be at least as long as the 3D poses. "
                f"Received: {shortest} and {frames} frames."
            )
        surplus = sum(len(v) - frames for v in views)
        keypoints = np.stack([v[:frames] for v in views], axis=1)
        return keypoints[:, :, self.order], surplus


def find(folder: pathlib.Path, kind: str) -> Detections | None:
    """Returns the detections of a kind of `NPZ`, without reading them yet."""
    for position, name in enumerate(NPZ[kind]):
        if (folder / name).exists():
            return _video_pose(folder / name, kind)
        if kind == "sh":
            pattern = f"S*/{HOURGLASS[position]}/*.h5"
            found = files.find(folder, pattern, poses.BASELINE_ZIP)
            if found:
                return _baseline(found, f"{folder}/{pattern}")
    return None


def _video_pose(path: pathlib.Path, kind: str) -> Detections:
    joints = 16 if kind == "sh" else 17

    def load():
        positions, metadata = poses.read_npz(path, "positions_2d")
        stated = metadata.get("num_joints", joints)
        layout = metadata.get("layout_name", "h36m")
        if stated != joints or layout != "h36m":
            raise ValueError(
                f"{path} must have {joints} joints in the layout `h36m`. "
                f"Received: {stated} in `{layout}`."
            )
        return takes.index(
            (subject, name, views)
            for subject, clips in positions.items()
            for name, views in clips.items()
        )

    order = FROM_HOURGLASS if kind == "sh" else tuple(range(joints))
    return Detections(str(path), joints, order, load, lambda view: view)


def _baseline(found: list[files.File], where: str) -> Detections:
    def load():
        by_camera = {}
        for camera in CAMERAS:
            suffix = f".{camera}.h5"
            of_camera = [f for f in found if f.parts[-1].endswith(suffix)]
            by_camera[camera] = poses.by_subject(of_camera, 2, suffix)
        whole = set.intersection(*(set(t) for t in by_camera.values()))
        return {t: [by_camera[c][t] for c in CAMERAS] for t in whole}

    return Detections(
        where,
        len(FROM_HOURGLASS),
        FROM_HOURGLASS,
        load,
        lambda file: poses.read_hdf5(file, "poses"),
    )
