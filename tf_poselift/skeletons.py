"""Skeletons: the tree of joints that a model, a data set or a user works in.

A skeleton is data, never a constant: joint count, root, left/right pairs,
bones, facing rule and part split come from here. The named ones and a user's
own have the same form, a YAML file (`skeleton_files/human36m_17.yaml` shows
every entry).
"""

import dataclasses
import functools
import pathlib
from typing import Any

import numpy as np
import yaml

from tf_poselift import checks

_FOLDER = pathlib.Path(__file__).parent / "skeleton_files"
_REQUIRED = {"name", "joints"}
_FACING = ("back", "front", "right", "left")
# Form of every entry for `_fits`, and in words.
_JOINTS = ((str, [str]), "a joint or a list of joints")
_FORMS = {
    "name": (str, "text"),
    "joints": ({str: (str, type(None))}, "{joint: its parent, null: the root}"),
    "pairs": ([[str]], "a list of [left, right]"),
    "root": _JOINTS,
    "head": (str, "a joint"),
    "legs": _JOINTS,
    "pck": _JOINTS,
    "facing": (
        {str: _JOINTS[0]},
        f"{{each of {', '.join(_FACING)}: {_JOINTS[1]}}}",
    ),
    "maps": (
        {str: {str: (str, {str: (int, float)})}},
        "{skeleton: {its joint: a joint, or {joint: weight}}}",
    ),
}


@dataclasses.dataclass(frozen=True)
class Facing:
    """Joints that tell a pose from its depth mirror.

    `back -> front` (neck to nose) points where the person faces, `right ->
    left` are the shoulders. Each is the mean of one or several joint indices.
    """

    back: tuple[int, ...]
    front: tuple[int, ...]
    right: tuple[int, ...]
    left: tuple[int, ...]

    @property
    def joints(self) -> tuple[int, ...]:
        """Every joint that the rule needs."""
        return self.back + self.front + self.right + self.left


@dataclasses.dataclass(frozen=True)
class Skeleton:
    """A tree of J named joints.

    Attributes:
      name: the skeleton's name.
      joints: J names; their order is the order of the joint axis everywhere.
      parents: J indices; -1 for the root of the tree.
      pairs: (left, right) joint indices.
      root: indices of the joints whose mean is the origin of root-relative
        poses (one joint, or several where no pelvis is seen).
      head: index of the joint that stands for the head, or None.
      legs: indices of the leg joints (part split of TIPSy-GAN).
      facing: the facing rule, or None without a landmark on the face.
      pck: indices of the joints that PCK and AUC count; empty: all.
      maps: {target skeleton: {target joint: {source joint: weight}}}; joints
        of the same name map to each other without an entry.
    """

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    pairs: tuple[tuple[int, int], ...] = ()
    root: tuple[int, ...] = (0,)
    head: int | None = None
    legs: tuple[int, ...] = ()
    facing: Facing | None = None
    pck: tuple[int, ...] = dataclasses.field(default=(), compare=False)
    maps: dict[str, dict[str, dict[str, float]]] = dataclasses.field(
        default_factory=dict, compare=False
    )

    @property
    def num_joints(self) -> int:
        return len(self.joints)

    @property
    def bones(self) -> tuple[tuple[int, int], ...]:
        """(parent, child) of every bone, in the order of the children."""
        return tuple((p, j) for j, p in enumerate(self.parents) if p >= 0)

    @property
    def flip(self) -> tuple[int, ...]:
        """Permutation that exchanges the joints of every left/right pair."""
        order = list(range(self.num_joints))
        for left, right in self.pairs:
            order[left], order[right] = right, left
        return tuple(order)

    @property
    def symmetric_bones(self) -> tuple[tuple[int, int], ...]:
        """(left, right) indices into `bones` of mirrored bones."""
        flip = self.flip
        position = {bone: i for i, bone in enumerate(self.bones)}
        lefts = {left for left, _ in self.pairs}
        return tuple(
            (i, position[flip[parent], flip[child]])
            for i, (parent, child) in enumerate(self.bones)
            if child in lefts and (flip[parent], flip[child]) in position
        )

    @property
    def torso(self) -> tuple[int, ...]:
        """Every joint that is neither a leg joint nor the only root joint."""
        left_out = set(self.legs) | (
            set(self.root) if len(self.root) == 1 else set()
        )
        return tuple(j for j in range(self.num_joints) if j not in left_out)

    def to_dict(self) -> dict[str, Any]:
        """Returns the entries of the skeleton's YAML file."""
        name_of = self.joints.__getitem__
        entries: dict[str, Any] = {
            "name": self.name,
            "joints": {
                joint: name_of(parent) if parent >= 0 else None
                for joint, parent in zip(self.joints, self.parents, strict=True)
            },
            "pairs": [[name_of(a), name_of(b)] for a, b in self.pairs],
            "root": [name_of(j) for j in self.root],
            "legs": [name_of(j) for j in self.legs],
        }
        if self.head is not None:
            entries["head"] = name_of(self.head)
        if self.facing is not None:
            named = {
                key: [name_of(j) for j in getattr(self.facing, key)]
                for key in _FACING
            }
            entries["facing"] = {
                key: joints if len(joints) > 1 else joints[0]
                for key, joints in named.items()
            }
        if self.pck:
            entries["pck"] = [name_of(j) for j in self.pck]
        if self.maps:
            entries["maps"] = {to: dict(rows) for to, rows in self.maps.items()}
        return entries


def names() -> list[str]:
    """Returns the names of the built-in skeletons."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def load(name_or_path: str) -> Skeleton:
    """Returns a built-in skeleton by name, or one from the user's YAML file.

    Raises:
      ValueError: unknown name, or a file that is not a valid skeleton.
      FileNotFoundError: a path (it ends in .yaml or .yml) that is not there.
    """
    if name_or_path.endswith((".yaml", ".yml")):
        path = pathlib.Path(name_or_path)
        if not path.is_file():
            raise FileNotFoundError(f"No skeleton file at {path}.")
        return _read(path)
    checks.check_member("skeleton", name_or_path, names())
    return _built_in(name_or_path)


@functools.lru_cache
def _built_in(name: str) -> Skeleton:
    return _read(_FOLDER / f"{name}.yaml")


def _read(path: pathlib.Path) -> Skeleton:
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not valid YAML: {error}") from error
    return from_dict(entries, where=str(path))


def from_dict(entries: dict[str, Any], *, where: str = "skeleton") -> Skeleton:
    """Builds and checks a skeleton from the entries of its YAML file.

    Raises:
      ValueError: names `where` and what must hold: known entries of the
        right form, one root of the tree, no cycle, known joints, symmetric
        pairs, map weights that sum to 1.
    """
    _check_forms(entries, where)
    joints = tuple(entries["joints"])

    def index(joint: str, entry: str) -> int:
        if joint not in joints:
            raise ValueError(
                f"{where}: `{entry}` names `{joint}`, which is no joint. "
                f"Joints: {', '.join(joints)}."
            )
        return joints.index(joint)

    def indices(value, entry: str) -> tuple[int, ...]:
        named = [value] if isinstance(value, str) else value or []
        if len(set(named)) < len(named):
            raise ValueError(f"{where}: `{entry}` names a joint twice.")
        return tuple(index(joint, entry) for joint in named)

    parents = tuple(
        -1 if parent is None else index(parent, "joints")
        for parent in entries["joints"].values()
    )
    _check_tree(joints, parents, where)
    pairs = []
    for pair in entries.get("pairs") or ():
        if len(pair) != 2:
            raise ValueError(
                f"{where}: `pairs` must be a list of [left, right]. Received: "
                f"{pair}."
            )
        pairs.append((index(pair[0], "pairs"), index(pair[1], "pairs")))
    _check_pairs(joints, parents, pairs, where)
    head, facing = entries.get("head"), entries.get("facing")
    if facing is not None and (
        set(facing) != set(_FACING) or not all(facing.values())
    ):
        raise ValueError(
            f"{where}: `facing` must have a joint or several for "
            f"{', '.join(_FACING)}. Received: {facing}."
        )
    return Skeleton(
        name=entries["name"],
        joints=joints,
        parents=parents,
        pairs=tuple(pairs),
        root=indices(entries.get("root"), "root") or (parents.index(-1),),
        head=None if head is None else index(head, "head"),
        legs=indices(entries.get("legs"), "legs"),
        facing=facing
        and Facing(**{k: indices(facing[k], "facing") for k in _FACING}),
        pck=indices(entries.get("pck"), "pck"),
        maps={
            target: _map_rows(rows, index, where)
            for target, rows in (entries.get("maps") or {}).items()
        },
    )


def _check_forms(entries, where: str) -> None:
    if not isinstance(entries, dict) or not _REQUIRED <= set(entries):
        raise ValueError(f"{where}: must have the entries `name` and `joints`.")
    for entry, value in entries.items():
        if entry not in _FORMS:
            known = ", ".join(sorted(_FORMS))
            raise ValueError(
                f"{where}: unknown entry `{entry}`. Known: {known}."
            )
        form, words = _FORMS[entry]
        # An optional entry may be left empty.
        if not _fits(value, form) and (value is not None or entry in _REQUIRED):
            raise ValueError(
                f"{where}: `{entry}` must be {words}; names are text (quote 1 "
                f"or no). Received: {value}."
            )


def _fits(value, form) -> bool:
    """Tells a type, (one of several), [a list of] and {str: a dict of}."""
    if isinstance(form, tuple):
        return any(_fits(value, choice) for choice in form)
    if isinstance(form, list):
        is_list = isinstance(value, list | tuple)
        return is_list and all(_fits(v, form[0]) for v in value)
    if isinstance(form, dict):
        return isinstance(value, dict) and all(
            isinstance(k, str) and _fits(v, form[str]) for k, v in value.items()
        )
    return isinstance(value, form)


def _map_rows(rows, index, where: str) -> dict[str, dict[str, float]]:
    """Returns {target joint: {source joint: weight}}, checked."""
    checked = {}
    for joint, source in rows.items():
        weights = {source: 1.0} if isinstance(source, str) else dict(source)
        for name in weights:
            index(name, "maps")
        if not abs(sum(weights.values()) - 1.0) <= 1e-3:  # also not a number
            raise ValueError(
                f"{where}: the weights of `{joint}` in `maps` must sum to 1. "
                f"Received: {weights}."
            )
        checked[joint] = weights
    return checked


def _check_tree(joints, parents, where: str) -> None:
    roots = [j for j, p in zip(joints, parents, strict=True) if p < 0]
    if len(roots) != 1:
        raise ValueError(
            f"{where}: exactly one joint must have no parent. Received: "
            f"{roots}."
        )
    for start in range(len(joints)):
        joint, steps = start, 0
        while parents[joint] >= 0:
            joint, steps = parents[joint], steps + 1
            if steps > len(joints):
                raise ValueError(
                    f"{where}: the parents of `{joints[start]}` form a cycle."
                )


def _check_pairs(joints, parents, pairs, where: str) -> None:
    seen = [j for pair in pairs for j in pair]
    twice = sorted({joints[j] for j in seen if seen.count(j) > 1})
    if twice:
        raise ValueError(f"{where}: `pairs` names {twice} more than once.")
    partner = {
        a: b for left, right in pairs for a, b in ((left, right), (right, left))
    }
    for left, right in pairs:
        up_left, up_right = parents[left], parents[right]
        # Joints that hang off each other (an eye from the other eye) are fine.
        if partner.get(up_left, up_left) != up_right and up_right != left:
            raise ValueError(
                f"{where}: the parents of the pair `{joints[left]}`, "
                f"`{joints[right]}` must be a pair or one joint."
            )


def mapping(source: Skeleton, target: Skeleton) -> np.ndarray:
    """Returns the matrix that turns joints of `source` into those of `target`.

    Args:
      source: skeleton of the points at hand, S joints.
      target: skeleton that is wanted, J joints.

    Returns:
      [J, S] float32; every row sums to 1 (a joint, or a weighted mean or
      extrapolation of several).

    Raises:
      ValueError: a joint of `target` that `source` cannot give.
    """
    rows = source.maps.get(target.name, {})
    matrix = np.zeros((target.num_joints, source.num_joints), np.float32)
    missing = []
    for j, joint in enumerate(target.joints):
        own = {joint: 1.0} if joint in source.joints else {}
        weights = rows.get(joint, own)
        if not weights:
            missing.append(joint)
        for name, weight in weights.items():
            matrix[j, source.joints.index(name)] = weight
    if missing:
        raise ValueError(
            f"No map from skeleton `{source.name}` to `{target.name}` for "
            f"{', '.join(missing)}. Add them under `maps` of `{source.name}`."
        )
    return matrix


def map_points(
    points: np.ndarray, scores: np.ndarray, matrix: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Maps points and their scores to another skeleton.

    Args:
      points: [..., S, D].
      scores: [..., S]; 0 = missing.
      matrix: [J, S] of `mapping`.

    Returns:
      points [..., J, D] and scores [..., J]: a joint's score is the lowest of
      the joints that it is made of.
    """
    checks.check_shape("points", points, (matrix.shape[1], None))
    checks.check_shape("scores", scores, (matrix.shape[1],))
    used = np.where(matrix != 0, scores[..., None, :], np.inf)
    return matrix @ points, used.min(axis=-1).astype(scores.dtype)
