"""Doubts whether keypoints are of the skeleton that the user named.

BODY_25 and BODY_25B have as many joints, and so have others: a file does not
tell which it holds. In the wrong order bones run across the body; drawn with
the right skeleton they are a good deal shorter.
"""

from collections.abc import Sequence

import numpy as np

from tf_poselift import skeletons

_POSES = 1000  # looked at, every n-th of more
_SCORE = 0.3  # joints of a lower score may be anywhere
# Real people: 0.35 where BODY_25B was called BODY_25, 0.4 to 0.7 among the
# skeletons of 17 joints; where the given one is right no other is below 1.1.
_DOUBTFUL = 0.7


def doubt(
    found: Sequence[tuple[np.ndarray, np.ndarray]],
    skeleton: skeletons.Skeleton,
) -> str | None:
    """Returns a warning if another named skeleton suits the people better.

    That is one with as many joints in which the bones are less than 0.7 times
    as long in the mean. None: no doubt.

    Args:
      found: keypoints_2d [T, J, 2] and scores [T, J] of everybody.
      skeleton: J joints, that the user named.
    """
    points = _poses(found)
    given = _mean_length(points, skeleton)
    shares = {}
    for name in skeletons.names():
        other = skeletons.load(name)
        if (
            other.num_joints == skeleton.num_joints
            and other.joints != skeleton.joints
        ):
            shares[name] = _mean_length(points, other) / given
    doubtful = {n: share for n, share in shares.items() if share < _DOUBTFUL}
    if not doubtful:
        return None
    name = min(doubtful, key=doubtful.__getitem__)
    return (
        f"WARNING: are these the joints of `{skeleton.name}`? In the order of "
        f"`{name}` the bones are {shares[name]:.2f} times as long, as if that "
        f"were right (`--skeleton={name}`)"
    )


def _poses(found) -> np.ndarray:
    """Returns [N, J, 2] of everybody in units of the pose; NaN where unseen."""
    step = -(-sum(len(scores) for _, scores in found) // _POSES) or 1
    points = np.concatenate(
        [
            np.where(
                (scores[::step] >= _SCORE)[..., np.newaxis],
                keypoints_2d[::step],
                np.nan,
            )
            for keypoints_2d, scores in found
        ]
    )
    seen = np.isfinite(points)
    high = np.where(seen, points, -np.inf).max(axis=1, keepdims=True)
    low = np.where(seen, points, np.inf).min(axis=1, keepdims=True)
    size = np.linalg.norm(high - low, axis=-1, keepdims=True)
    known = np.isfinite(size) & (size > 0.0)
    return np.where(known, points / np.where(known, size, 1.0), np.nan)


def _mean_length(points: np.ndarray, skeleton: skeletons.Skeleton) -> float:
    """Returns the mean over the bones that are seen of their mean length."""
    parents, children = np.array(skeleton.bones, int).reshape(-1, 2).T
    length = np.linalg.norm(points[:, parents] - points[:, children], axis=-1)
    seen = np.isfinite(length)
    count = seen.sum(axis=0)
    total = np.where(seen, length, 0.0).sum(axis=0)
    if not count.any():
        return float("nan")
    return float((total[count > 0] / count[count > 0]).mean())
