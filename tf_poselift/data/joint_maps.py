"""From the joints of a motion capture convention to those of a skeleton.

A joint map is a YAML file (`datasets/cmu_bvh/joint_maps/poser.yaml` shows
every entry). A joint of the skeleton is a source joint, the mean of several,
or such a point moved in the axes of a source joint:

  right_knee: rShin
  pelvis: [lThigh, rThigh]
  head: {at: head, axes: head, offset: [0, 12, 0]}  # in the source's unit
"""

import dataclasses
import os
import pathlib
from collections.abc import Iterable
from collections.abc import Sequence

import numpy as np
import yaml

from tf_poselift import checks
from tf_poselift import skeletons

_ENTRIES = ("skeleton", "mm_per_unit", "first_frame", "joints")


@dataclasses.dataclass(frozen=True)
class Point:
    """The mean of source joints, moved by `offset` in the axes of `axes`."""

    at: tuple[str, ...]
    axes: str | None = None
    offset: tuple[float, ...] = (0.0, 0.0, 0.0)


@dataclasses.dataclass(frozen=True)
class JointMap:
    """How a convention's joints give those of a skeleton.

    Attributes:
      skeleton: the skeleton that is made.
      points: one for each of its joints, in their order.
      mm_per_unit: millimetres per unit of the source.
      first_frame: number of the first frame that shows the recording (before
        it some conventions put a rest pose).
    """

    skeleton: skeletons.Skeleton
    points: tuple[Point, ...]
    mm_per_unit: float = 1.0
    first_frame: int = 0

    @property
    def sources(self) -> tuple[str, ...]:
        """The source joints that the map needs, sorted."""
        names = {name for point in self.points for name in point.at}
        return tuple(sorted(names | {p.axes for p in self.points if p.axes}))

    def missing(self, names: Iterable[str]) -> list[str]:
        """Returns the source joints that are not among `names`."""
        return sorted(set(self.sources) - set(names))


def load(path: str | os.PathLike) -> JointMap:
    """Reads a joint map.

    Raises:
      ValueError: names the file and the entry that is missing or unknown.
    """
    try:
        text = pathlib.Path(path).read_text(encoding="utf-8")
        entries = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not valid YAML: {error}") from error
    for entry in entries:
        checks.check_member(f"entry of {path}", entry, _ENTRIES)
    if not {"skeleton", "joints"} <= set(entries):
        raise ValueError(
            f"{path} must have the entries `skeleton` and `joints`."
        )
    skeleton = skeletons.load(entries["skeleton"])
    joints = entries["joints"]
    if set(joints) != set(skeleton.joints):
        raise ValueError(
            f"{path}: `joints` must be those of `{skeleton.name}`: "
            f"{', '.join(skeleton.joints)}. Received: {', '.join(joints)}."
        )
    return JointMap(
        skeleton=skeleton,
        points=tuple(_point(joints[joint]) for joint in skeleton.joints),
        mm_per_unit=float(entries.get("mm_per_unit", 1.0)),
        first_frame=int(entries.get("first_frame", 0)),
    )


def _point(entry) -> Point:
    if not isinstance(entry, dict):
        entry = {"at": entry}
    at = entry["at"]
    return Point(
        at=(at,) if isinstance(at, str) else tuple(at),
        axes=entry.get("axes"),
        offset=tuple(entry.get("offset", (0.0, 0.0, 0.0))),
    )


def apply(
    joint_map: JointMap,
    names: Sequence[str],
    positions: np.ndarray,
    rotations: np.ndarray,
) -> np.ndarray:
    """Returns the skeleton's joints, [T, J, 3] mm.

    Args:
      joint_map: what to make.
      names: the S source joints.
      positions: [T, S, 3] in the source's unit.
      rotations: [T, S, 3, 3], joint to world.

    Raises:
      ValueError: source joints that the map needs and `names` lacks.
    """
    missing = joint_map.missing(names)
    if missing:
        raise ValueError(
            f"The motion must have the joints {', '.join(missing)}. Received: "
            f"{', '.join(names)}."
        )
    joints = []
    for point in joint_map.points:
        at = [names.index(name) for name in point.at]
        joint = positions[:, at].mean(axis=1)
        if point.axes:
            axes = rotations[:, names.index(point.axes)]
            joint = joint + axes @ np.array(point.offset, np.float64)
        joints.append(joint)
    return np.stack(joints, axis=1) * joint_map.mm_per_unit
