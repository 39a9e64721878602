"""Joints that were not seen: which a model has a place for, what is said."""

from collections.abc import Sequence

import numpy as np

from tf_poselift import skeletons
from tf_poselift.keypoint_files import lifted


def placed(joints_3d: np.ndarray, target: skeletons.Skeleton) -> np.ndarray:
    """Returns [N, J], which joints a model has a place for.

    The others lie on the root, at exactly 0.
    """
    placed = (joints_3d != 0.0).any(axis=-1)
    if len(target.root) == 1:
        placed[:, target.root[0]] = True
    return placed


def lost(valid: Sequence[np.ndarray], target: skeletons.Skeleton) -> list[str]:
    """Says how many poses were not lifted, if any."""
    valid = np.concatenate(valid)
    if valid.all():
        return []
    root = " and ".join(target.joints[joint] for joint in target.root)
    return [
        f"{(~valid).sum()} of {len(valid)} poses could not be lifted ({root}, "
        "or too much else, was not seen); they are missing"
    ]


def estimated(people: Sequence[lifted.Person]) -> list[str]:
    """Says how many joints have a place without having been seen, if any."""
    count = total = 0
    for person in people:
        for part in person.parts():
            count += int((part.valid & (part.scores == 0.0)).sum())
            total += part.scores.size
    if not count:
        return []
    return [
        f"{count} of {total} joints were not seen and are estimated from the "
        "others; their score is 0"
    ]
