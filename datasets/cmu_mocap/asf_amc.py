"""Acclaim motion capture: skeleton (ASF), motion (AMC), positions of bones.

A bone's `axis` gives the frame C in which its angles are written. With
R = Rz @ Ry @ Rx of the angles and M a bone's frame in the world,

  M_bone = M_parent @ C @ R @ C^-1
  end_bone = end_parent + M_bone @ (direction * length)

so a position is that of a bone's distal end. World: y up; here in millimetres.
"""

import dataclasses
import os
import pathlib
import re

import numpy as np

from tf_poselift.data import kinematics
from tf_poselift.geometry import graphics

ROOT = "root"
_MM_PER_INCH = 25.4
_ANGLES = ("rx", "ry", "rz")
_ROOT_DOF = ("tx", "ty", "tz", *_ANGLES)


@dataclasses.dataclass(frozen=True, eq=False)
class Bones:
    """The J bones of a skeleton file; the first is the root, a mere point.

    Attributes:
      names: J names.
      parents: J indices, a parent before its children; -1 for the root.
      vectors: [J, 3] mm from a bone's proximal to its distal end, in M.
      axes: [J, 3, 3] the frames C.
      dof: J tuples, a bone's values in the motion file: "rx", "ry", ...
      mm_per_unit: factor of the root's translation.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    vectors: np.ndarray
    axes: np.ndarray
    dof: tuple[tuple[str, ...], ...]
    mm_per_unit: float


def read_asf(path: str | os.PathLike) -> Bones:
    """Reads a skeleton.

    Raises:
      ValueError: names the file and what is missing or wrong.
    """
    path = pathlib.Path(path)
    try:
        return _bones(_sections(path))
    except KeyError as error:
        raise ValueError(f"{path} must have an entry {error}.") from error
    except (IndexError, ValueError) as error:
        raise ValueError(f"{path} is no valid ASF file: {error}.") from error


def _bones(sections: dict[str, list[list[str]]]) -> Bones:
    units = {name: value for name, value in sections["units"]}
    if units["angle"] != "deg":
        raise ValueError("angles must be in degrees (`angle deg`)")
    mm_per_unit = _MM_PER_INCH / float(units["length"])
    root = {line[0]: line[1:] for line in sections["root"]}
    entries = {bone["name"][0]: bone for bone in _entries(sections)}
    parent_of = {
        child: parent
        for parent, *children in sections["hierarchy"]
        for child in children
    }
    names = _parents_first([ROOT, *entries], parent_of)
    vectors = [[0.0, 0.0, 0.0]]
    axes = [[*root["orientation"], *root["axis"]]]
    dof = [tuple(name.lower() for name in root["order"])]
    for name in names[1:]:
        bone = entries[name]
        length = float(bone["length"][0]) * mm_per_unit
        vectors.append([length * float(x) for x in bone["direction"]])
        axes.append(bone["axis"])
        dof.append(tuple(bone.get("dof", ())))
    if any(axis[3:] != ["XYZ"] for axis in axes):
        raise ValueError("every `axis` must be in the order XYZ")
    if not set(dof[0]) <= set(_ROOT_DOF) or not {
        value for values in dof[1:] for value in values
    } <= set(_ANGLES):
        raise ValueError(f"every `dof` must be among {', '.join(_ANGLES)}")
    return Bones(
        names=tuple(names),
        parents=(-1, *(names.index(parent_of[n]) for n in names[1:])),
        vectors=np.array(vectors),
        axes=_rotations(np.array([axis[:3] for axis in axes], np.float64)),
        dof=tuple(dof),
        mm_per_unit=mm_per_unit,
    )


def _sections(path: pathlib.Path) -> dict[str, list[list[str]]]:
    """Returns the words of every line, by section; no comments, no begin."""
    sections = {}
    lines = []
    for line in path.read_text(encoding="latin-1").splitlines():
        words = line.split("#")[0].split()
        if words and words[0].startswith(":"):
            lines = sections.setdefault(words[0][1:], [])
        elif words:
            lines.append(words)
    sections["hierarchy"] = [
        line
        for line in sections["hierarchy"]
        if line[0] not in ("begin", "end")
    ]
    return sections


def _entries(sections) -> list[dict[str, list[str]]]:
    """Returns the blocks between `begin` and `end` of the bone data."""
    entries = []
    for words in sections["bonedata"]:
        if words[0] == "begin":
            entries.append({})
        elif words[0] != "end":
            entries[-1][words[0]] = words[1:]
    return entries


def _parents_first(names: list[str], parent_of: dict[str, str]) -> list[str]:
    """Returns the names sorted by their depth in the tree."""

    def depth(name: str) -> int:
        steps = 0
        while name != ROOT:
            name, steps = parent_of[name], steps + 1
            if steps > len(parent_of):
                raise ValueError(f"the parents of `{name}` form a cycle")
        return steps

    return sorted(names, key=depth)


def _rotations(angles: np.ndarray) -> np.ndarray:
    """Returns Rz @ Ry @ Rx of angles [..., 3] about x, y, z in degrees."""
    return graphics.rotation_matrix_3d.from_euler(np.radians(angles)).numpy()


def read_amc(
    path: str | os.PathLike, bones: Bones, *, stride: int = 1
) -> np.ndarray:
    """Reads every `stride`-th frame of a motion, from the first one on.

    Args:
      path: an AMC file; every frame is its number on a line of its own, then
        one line per moving bone, in the same order in all frames.
      bones: the skeleton that the motion belongs to.
      stride: keeps frames 0, stride, 2 stride, ...

    Returns:
      [T, D] float64, as in the file: the values of the bones in the order of
      `bones.dof`.

    Raises:
      ValueError: names the file: a header that is missing, a bone that the
        skeleton lacks or that the motion lacks, a frame that is cut short,
        a value that is no finite number.
    """
    path = pathlib.Path(path)
    _, header, body = path.read_bytes().partition(b":DEGREES")
    if not header:
        raise ValueError(f"{path} must have a line `:DEGREES`.")
    body = re.sub(rb"\n\s*#[^\n]*", b"", body) if b"#" in body else body
    lines = body.strip().split(b"\n")
    moving = {n: d for n, d in zip(bones.names, bones.dof, strict=True) if d}
    size = 1 + len(moving)
    order = [
        b"".join(line.split()[:1]).decode("latin-1") for line in lines[1:size]
    ]
    if sorted(order) != sorted(moving):
        raise ValueError(
            f"{path}: the first frame must have a line for each of "
            f"{', '.join(moving)}. Received: {', '.join(order)}."
        )
    _check_whole(path, lines, size, last=1 + len(moving[order[-1]]))
    frames = np.array(lines, object).reshape(-1, size)[::stride]
    values = {
        name: _values(path, name, len(moving[name]), frames[:, i])
        for i, name in enumerate(order, start=1)
    }
    return np.concatenate([values[name] for name in moving], axis=1)


def _check_whole(
    path: pathlib.Path, lines: list[bytes], size: int, last: int
) -> None:
    """Checks that every frame has `size` lines, the last line `last` words."""
    for frame, line in enumerate(lines[::size], start=1):
        if line.strip() != b"%d" % frame:
            raise ValueError(
                f"{path}: frame {frame} must start with its number, {size} "
                f"lines after the one before. Received: "
                f"`{line.decode('latin-1')}`."
            )
    if len(lines) % size or len(lines[-1].split()) != last:
        raise ValueError(
            f"{path}: the last frame, {len(lines[::size])}, must be whole. Is "
            "the file complete?"
        )


def _values(
    path: pathlib.Path, bone: str, count: int, lines: np.ndarray
) -> np.ndarray:
    """Returns [T, count], the values of one bone in all frames."""
    row = [("name", "S32"), ("values", np.float64, (count,))]
    try:
        table = np.loadtxt(lines.tolist(), row, comments=None, ndmin=1)
    except ValueError as error:
        raise ValueError(f"{path}: `{bone}`: {error}.") from error
    if (table["name"] != bone.encode()).any():
        raise ValueError(
            f"{path}: `{bone}` must have the same line in every frame."
        )
    if not np.isfinite(table["values"]).all():
        raise ValueError(f"{path}: `{bone}` has a value that is not finite.")
    return table["values"]


def place_bones(
    bones: Bones, motion: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Places the bones by forward kinematics.

    Args:
      bones: J bones.
      motion: [T, D] of `read_amc`.

    Returns:
      ends [T, J, 3] of the bones in the world, mm, and their frames M
      [T, J, 3, 3].
    """
    frames = len(motion)
    angles = np.zeros((frames, len(bones.names), 3))
    translation = np.zeros((frames, 3))
    moving = [(j, name) for j, dof in enumerate(bones.dof) for name in dof]
    for (j, name), column in zip(moving, motion.T, strict=True):
        target = angles[:, j] if name in _ANGLES else translation
        target[:, "xyz".index(name[1])] = column
    local = bones.axes @ _rotations(angles) @ bones.axes.swapaxes(-1, -2)
    # A bone starts where its parent ends.
    starts, rotations = kinematics.forward_kinematics(
        bones.parents,
        bones.vectors[list(bones.parents)],
        local,
        translation * bones.mm_per_unit,
    )
    ends = starts + (rotations @ bones.vectors[..., np.newaxis])[..., 0]
    return ends, rotations
