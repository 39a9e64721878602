"""Joint rotations of a body with rigid bones, fitted to joint positions.

A rest pose has an offset from its parent for every joint; a joint's rotation
turns the offsets of its children. Bones keep their length, so that the fitted
joints are near the given ones and not on them. NumPy, vectorised over frames;
any axes and unit, y up.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from tf_poselift import skeletons
from tf_poselift.geometry import body
from tf_poselift.geometry import leveling

# How much a joint's rotation is held to its parent's where its children leave
# it free (two hips in a line do not tell how the pelvis turns about it).
_PRIOR = 0.01
_SAMPLE = 4096  # frames that the rest pose is made from
_REFINEMENTS = 3


@dataclasses.dataclass(frozen=True, eq=False)
class Body:
    """A tree of rigid bones.

    Attributes:
      skeleton: J joints.
      offsets: [J, 3] from the parent, in the rest pose; the root's is 0.
      order: J indices, depth first, a parent before its children.
    """

    skeleton: skeletons.Skeleton
    offsets: np.ndarray
    order: tuple[int, ...]

    def children(self, joint: int) -> list[int]:
        """Returns the children of a joint."""
        return _children(self.skeleton, joint)


def _children(skeleton: skeletons.Skeleton, joint: int) -> list[int]:
    return [j for j, p in enumerate(skeleton.parents) if p == joint]


def depth_first(skeleton: skeletons.Skeleton) -> tuple[int, ...]:
    """Returns all joints, every one followed by what hangs off it."""
    order, waiting = [], [skeleton.parents.index(-1)]
    while waiting:
        joint = waiting.pop()
        order.append(joint)
        waiting += reversed(_children(skeleton, joint))
    return tuple(order)


def make_body(
    joints_3d: np.ndarray, lengths: np.ndarray, skeleton: skeletons.Skeleton
) -> Body:
    """Returns the body whose rest pose is the mean pose, upright, facing +z.

    A bone that was never seen is as long as its mirror image, or 0.

    Args:
      joints_3d: [T, J, 3] of one person, y up; a joint is finite in every
        frame or in none.
      lengths: [B] of `skeleton.bones`; NaN: never seen.
      skeleton: J joints.
    """
    rows = np.linspace(0, len(joints_3d) - 1, _SAMPLE).round().astype(int)
    sample = joints_3d[np.unique(rows)].astype(np.float64)
    lengths = _mirrored(lengths, skeleton)
    axes = _body_axes(sample, skeleton)
    offsets = np.zeros([skeleton.num_joints, 3])
    for length, (parent, child) in zip(lengths, skeleton.bones, strict=True):
        bones = sample[:, child] - sample[:, parent]
        local = np.einsum("tji,tj->ti", axes, bones)
        offsets[child] = length * _mean_direction(local)
    flip = skeleton.flip
    for parent, child in skeleton.bones:
        if not np.isfinite(sample[:, [parent, child]]).all():
            offsets[child] = offsets[flip[child]] * (-1.0, 1.0, 1.0)
    result = Body(skeleton, offsets, depth_first(skeleton))
    for _ in range(_REFINEMENTS):
        result = _refined(result, sample, lengths)
    return result


def _mirrored(lengths: np.ndarray, skeleton: skeletons.Skeleton) -> np.ndarray:
    """Returns the lengths [B], those that are NaN from the other side."""
    lengths = np.array(lengths, np.float64)
    for left, right in skeleton.symmetric_bones:
        for one, other in ((left, right), (right, left)):
            if not np.isfinite(lengths[one]):
                lengths[one] = lengths[other]
    return np.nan_to_num(lengths)


def _mean_direction(vectors: np.ndarray) -> np.ndarray:
    """Returns the direction [3] of the mean of [T, 3]; down without one."""
    mean = vectors.mean(axis=0)
    length = np.linalg.norm(mean)
    if not length > 1e-9:  # also NaN
        return np.array([0.0, -1.0, 0.0])
    return mean / length


def _body_axes(
    joints_3d: np.ndarray, skeleton: skeletons.Skeleton
) -> np.ndarray:
    """Returns rotations [T, 3, 3] from a body's axes (left, up, front).

    The identity for a skeleton without shoulders or pairs, or where they were
    not seen.
    """
    axes = np.tile(np.eye(3), (len(joints_3d), 1, 1))
    try:
        up = body.trunk(joints_3d, skeleton)
    except ValueError:
        return axes
    sides = np.array(skeleton.pairs, int).reshape(-1, 2)
    across = joints_3d[:, sides[:, 0]] - joints_3d[:, sides[:, 1]]
    across = across[:, np.isfinite(across).all(axis=(0, 2))].sum(axis=1)
    front = np.cross(across, up)
    # Rows with NaN compare false.
    known = (np.linalg.norm(front, axis=-1) > 1e-9) & np.isfinite(up).all(-1)
    up, front = up[known], front[known]
    up = up / np.linalg.norm(up, axis=-1, keepdims=True)
    front = front / np.linalg.norm(front, axis=-1, keepdims=True)
    axes[known] = np.stack([np.cross(up, front), up, front], axis=-1)
    return axes


def _refined(given: Body, joints_3d, lengths) -> Body:
    """Returns the body with better angles between the bones of a joint."""
    rotations, _ = fit(given, joints_3d)
    offsets = given.offsets.copy()
    for length, (parent, child) in zip(
        lengths, given.skeleton.bones, strict=True
    ):
        bones = joints_3d[:, child] - joints_3d[:, parent]
        if len(given.children(parent)) > 1 and np.isfinite(bones).all():
            local = np.einsum("tji,tj->ti", rotations[:, parent], bones)
            offsets[child] = length * _mean_direction(local)
    return dataclasses.replace(given, offsets=offsets)


def fit(given: Body, joints_3d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turns the joints of a body so that its bones point as the given ones do.

    One child: the smallest rotation, beside the parent's, that turns its rest
    direction into the given one. Several: the least-squares rotation of all
    (Kabsch 1976). None: the parent's.

    Args:
      given: J joints.
      joints_3d: [T, J, 3]; a joint is finite in every frame or in none.

    Returns:
      rotations [T, J, 3, 3], joint to world, and the body's joints [T, J, 3].
    """
    joints_3d = joints_3d.astype(np.float64)
    skeleton = given.skeleton
    seen = np.isfinite(joints_3d).all(axis=(0, 2))
    rotations = np.empty((*joints_3d.shape, 3))
    placed = np.empty_like(joints_3d)
    for joint in given.order:
        parent = skeleton.parents[joint]
        if parent < 0:
            before = _body_axes(joints_3d, skeleton)
            placed[:, joint] = np.nan_to_num(joints_3d[:, joint])
        else:
            before = rotations[:, parent]
            placed[:, joint] = placed[:, parent] + before @ given.offsets[joint]
        children = [c for c in given.children(joint) if seen[c] and seen[joint]]
        rotations[:, joint] = _rotation(
            before,
            given.offsets[children],
            joints_3d[:, children] - joints_3d[:, joint, np.newaxis],
        )
    return rotations, placed


def _rotation(before, offsets: np.ndarray, bones: np.ndarray) -> np.ndarray:
    """Returns rotations [T, 3, 3] that turn offsets [C, 3] to [T, C, 3]."""
    if not len(offsets):
        return before
    if len(offsets) > 1:
        return _kabsch(before, offsets, bones)
    lengths = np.linalg.norm(bones[:, 0], axis=-1, keepdims=True)
    rest = np.linalg.norm(offsets[0])
    if not rest:
        return before
    start = before @ (offsets[0] / rest)
    known = lengths > 0.0
    end = np.where(known, bones[:, 0] / np.where(known, lengths, 1.0), start)
    return leveling.turn(start, end) @ before


def _kabsch(before, offsets: np.ndarray, bones: np.ndarray) -> np.ndarray:
    correlation = np.einsum("tci,cj->tij", bones, offsets)
    weight = _PRIOR * (offsets**2).sum()
    rotation = before
    # Held to its last answer, not to the parent's, a second fit loses what the
    # parent pulled at directions that the children do tell.
    for _ in range(2):
        left, _, right = np.linalg.svd(correlation + weight * rotation)
        left[:, :, 2] *= np.linalg.det(left @ right)[:, np.newaxis]
        rotation = left @ right
    return rotation


def local_rotations(
    rotations: np.ndarray, parents: Sequence[int]
) -> np.ndarray:
    """Returns the rotations [T, J, 3, 3] from joint to parent.

    Args:
      rotations: [T, J, 3, 3], joint to world.
      parents: J indices; -1 for the root, which stays as it is.
    """
    local = rotations.copy()
    for joint, parent in enumerate(parents):
        if parent >= 0:
            local[:, joint] = (
                rotations[:, parent].transpose(0, 2, 1) @ rotations[:, joint]
            )
    return local
