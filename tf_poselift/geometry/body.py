"""The size of a body and which way is up in it (NumPy).

Works for any skeleton; a joint that was not seen is NaN. Lengths keep the
caller's unit.
"""

from collections.abc import Sequence

import numpy as np

from tf_poselift import checks
from tf_poselift import skeletons

# Heights above the floor as shares of the stature of a standing adult: the
# ankle, and the nose between eye (0.936) and chin (0.870). Drillis and Contini
# 1966, as in Winter, Biomechanics and Motor Control of Human Movement, ch. 4.
_ANKLE = 0.039
_NOSE = 0.905


def bone_lengths(
    joints_3d: np.ndarray, skeleton: skeletons.Skeleton
) -> np.ndarray:
    """Returns the lengths [..., B] of `skeleton.bones`; NaN where unseen.

    Args:
      joints_3d: [..., J, 3].
      skeleton: J joints.
    """
    checks.check_shape("joints_3d", joints_3d, (skeleton.num_joints, 3))
    parents, children = np.array(skeleton.bones, int).reshape(-1, 2).T
    bones = joints_3d[..., children, :] - joints_3d[..., parents, :]
    return np.linalg.norm(bones, axis=-1)


def median(values: np.ndarray) -> np.ndarray:
    """Returns the median over the first axis without NaN; NaN if there is none.

    Args:
      values: [T, ...].
    """
    # Without NumPy's warning about axes that hold nothing but NaN.
    result = np.full(values.shape[1:], np.nan)
    known = np.isfinite(values).any(axis=0)
    result[known] = np.nanmedian(values[:, known], axis=0)
    return result


def relative_sizes(
    lengths: np.ndarray, usual: np.ndarray | None = None
) -> np.ndarray:
    """Returns how large a person appears [T] in every frame; 1 is usual.

    The sum of the bones' lengths, divided by the sum of the same bones' median
    lengths; 1 where no bone was seen.

    Args:
      lengths: [T, B] of one person; NaN where unseen.
      usual: [B] medians, where these frames are not all there are.
    """
    usual = median(lengths) if usual is None else usual
    seen = np.isfinite(lengths)
    total = np.where(seen, lengths, 0.0).sum(axis=-1)
    expected = np.where(seen, usual, 0.0).sum(axis=-1)
    known = (total > 0.0) & (expected > 0.0)
    return np.where(known, total, 1.0) / np.where(known, expected, 1.0)


def trunk(joints_3d: np.ndarray, skeleton: skeletons.Skeleton) -> np.ndarray:
    """Returns the vectors [..., 3] from the root to between the shoulders.

    Args:
      joints_3d: [..., J, 3].
      skeleton: J joints.

    Raises:
      ValueError: the skeleton does not tell where the shoulders are.
    """
    top = joints_3d[..., list(_shoulders(skeleton)), :].mean(axis=-2)
    return top - joints_3d[..., list(skeleton.root), :].mean(axis=-2)


def _shoulders(skeleton: skeletons.Skeleton) -> tuple[int, ...]:
    if skeleton.facing is not None:
        return skeleton.facing.right + skeleton.facing.left
    named = tuple(
        j for j, name in enumerate(skeleton.joints) if "shoulder" in name
    )
    if not named:
        raise ValueError(
            f"Skeleton `{skeleton.name}` must have a facing rule or joints "
            f"called shoulder. Received: {', '.join(skeleton.joints)}."
        )
    return named


def stature(joints_3d: np.ndarray, skeleton: skeletons.Skeleton) -> float:
    """Returns about how tall a person stands, from poses of any kind.

    Median lengths from the head to between the shoulders, on to the root, and
    along both legs to the ankles, which a share of the stature is added to for
    what lies below the ankle and above the nose.

    Args:
      joints_3d: [T, J, 3] of one person; NaN where unseen.
      skeleton: J joints.

    Raises:
      ValueError: the skeleton has no head, shoulders or legs, or one of them
        was never seen.
    """
    legs = _leg_bones(skeleton)
    if skeleton.head is None or not legs:
        raise ValueError(
            f"Skeleton `{skeleton.name}` must name `head` and `legs` to tell a "
            "height. Received: one without. Give the length of a bone."
        )
    root = joints_3d[..., list(skeleton.root), :].mean(axis=-2)
    up = trunk(joints_3d, skeleton)
    head = joints_3d[..., skeleton.head, :] - (root + up)
    parts = [
        median(np.linalg.norm(vectors, axis=-1)[:, np.newaxis])[0]
        for vectors in (head, up)
    ]
    lengths = median(bone_lengths(joints_3d, skeleton))
    sides = [sum(lengths[bone] for bone in side) for side in legs]
    # Of two legs one may never be seen.
    parts.append(float(median(np.array(sides)[:, np.newaxis])[0]))
    if not np.isfinite(parts).all() or not sum(parts):
        raise ValueError(
            "A head, the shoulders and a whole leg must be seen to tell a "
            "height. Received: a person without. Give the length of a bone."
        )
    top = _NOSE if skeleton.joints[skeleton.head] == "nose" else 1.0
    ends = skeleton.bones[legs[0][-1]][1]
    bottom = _ANKLE if "ankle" in skeleton.joints[ends] else 0.0
    return float(sum(parts) / (top - bottom))


def _leg_bones(skeleton: skeletons.Skeleton) -> Sequence[Sequence[int]]:
    """Returns the bones from hip to ankle (or to the end) of every leg."""
    legs = set(skeleton.legs)
    bone_to = {child: i for i, (_, child) in enumerate(skeleton.bones)}
    found = []
    for joint in skeleton.legs:
        if skeleton.parents[joint] in legs:
            continue
        chain = []
        while "ankle" not in skeleton.joints[joint]:
            below = [j for j in skeleton.legs if skeleton.parents[j] == joint]
            if not below:
                break
            joint = below[0]
            chain.append(bone_to[joint])
        if chain:
            found.append(chain)
    return found
