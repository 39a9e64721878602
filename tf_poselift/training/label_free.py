"""How good a lifter is, as far as 2D alone can tell.

Without 3D truth nothing says when to stop a training (TIPSy-GAN 2022, Sec.
4.3). These measures need none; all are shares of the body's size, lower is
better, and none of them proves a lifter good: they find bad ones.

    symmetry     left against right bones: difference / mean length
    constancy    bones over a clip: standard deviation / mean length, where a
                 pose's bones are divided by their sum
    label_free   the mean of the two (stills have no constancy)
    consistency  lifted, seen from another side, lifted again and turned back:
                 mean distance from the first pose

Over checkpoints of all methods `label_free` ranks as `pa_mpjpe` does, while
`consistency`, which some methods train for, does not (docs/results.md).
"""

import numpy as np
import tensorflow as tf

from tf_poselift import metrics
from tf_poselift import schema
from tf_poselift.data import tables
from tf_poselift.geometry import rotations
from tf_poselift.methods import base

POSES = 8192  # lifted at most
_PIXELS = 200.0  # per unit, of a pose that is seen from another side
_CENTRE = 500.0
_LEAST = 3  # frames of a clip that tell how a bone changes


class NotMeasurable(ValueError):
    """A split that does not tell a good lifter from a bad one."""


class Traced:
    """Serves as a method does, traced once: for one that is measured often."""

    def __init__(self, method: base.PoseLifter):
        self.serve = tf.function(method.serve, autograph=False)


def measure(
    method: base.PoseLifter | Traced, table: tables.Table, *, seed: int = 0
) -> dict[str, float]:
    """Returns the measures of a lifter on a split; 3D is not looked at.

    Args:
      method: what lifts.
      table: a split in the method's skeleton; of a large one some clips are
        taken, evenly spread.
      seed: of the views.

    Raises:
      NotMeasurable: no pose could be lifted, or nothing can be measured.
    """
    # Single views, clip by clip.
    table = tables.split_views(some_clips(table))
    known, joints, valid = _known(method, table)
    scores = table.scores[:, 0]
    return {
        "label_free": float(np.mean(list(known.values()))),
        **known,
        "consistency": _consistency(method, joints, scores, valid, seed),
    }


def check(method: base.PoseLifter, table: tables.Table) -> None:
    """Raises NotMeasurable if `measure` would, whatever the weights are."""
    _known(method, tables.split_views(some_clips(table)))


def _known(method, table: tables.Table):
    """The measures that there are, poses [R, J, 3], which are valid [R]."""
    scores = table.scores[:, 0]
    joints, valid = _lift(method, table.keypoints_2d[:, 0], scores)
    if not valid.any():
        raise NotMeasurable(
            "At least one pose must be `valid`. Received: none of "
            f"{len(valid)}."
        )
    lengths = _lengths(table.skeleton, joints, valid[:, np.newaxis], scores > 0)
    values = {
        "symmetry": _symmetry(table.skeleton, lengths),
        "constancy": _constancy(table, lengths),
    }
    known = {name: value for name, value in values.items() if value is not None}
    if not known:
        raise NotMeasurable(
            "`label_free` needs a skeleton with pairs, or clips of at least "
            f"{_LEAST} frames, and their joints seen. Received: "
            f"`{table.skeleton.name}`, without either."
        )
    return known, joints, valid


def some_clips(table: tables.Table) -> tables.Table:
    """Returns evenly spread clips with about `POSES` poses in all."""
    poses = table.num_rows * table.num_views
    count = max(1, int(table.num_clips * min(1.0, POSES / poses)))
    chosen = np.linspace(0, table.num_clips - 1, count).round().astype(int)
    return tables.select(table, np.unique(chosen))


def _lift(method, keypoints_2d, scores) -> tuple[np.ndarray, np.ndarray]:
    """Poses [R, J, 3] of unit size, and which are valid [R]."""
    outputs = method.serve(tf.constant(keypoints_2d), tf.constant(scores))
    return outputs[schema.JOINTS_3D].numpy(), outputs["valid"].numpy()


def _lengths(skeleton, joints, valid, seen) -> np.ndarray:
    """Bones [R, B]; NaN where an end is not seen."""
    parents, children = np.transpose(skeleton.bones)
    lengths = np.linalg.norm(joints[:, parents] - joints[:, children], axis=-1)
    both = valid & seen[:, parents] & seen[:, children]
    return np.where(both, lengths, np.nan)


def _symmetry(skeleton, lengths) -> float | None:
    pairs = skeleton.symmetric_bones
    if not pairs:
        return None
    left, right = (lengths[:, list(side)] for side in zip(*pairs, strict=True))
    mean = np.maximum((left + right) / 2.0, 1e-6)
    return _mean(np.abs(left - right) / mean)


def _constancy(table: tables.Table, lengths) -> float | None:
    lengths = lengths / lengths.sum(axis=1, keepdims=True)  # NaN: not whole
    whole = np.isfinite(lengths).all(axis=1)
    clips = table.clip_of_row[whole]
    spreads = []
    for clip in np.unique(clips):
        part = lengths[whole][clips == clip]
        if len(part) >= _LEAST:
            spreads.append(part.std(axis=0) / np.maximum(part.mean(0), 1e-6))
    return _mean(np.array(spreads)) if spreads else None


def _mean(values: np.ndarray) -> float | None:
    known = np.isfinite(values)
    return float(values[known].mean()) if known.any() else None


def _consistency(method, joints, scores, valid, seed: int) -> float:
    angles = np.random.default_rng(seed).uniform(-np.pi, np.pi, len(joints))
    rotation = rotations.of_view(
        tf.constant(angles, tf.float32), tf.zeros([len(joints)])
    ).numpy()
    turned = np.einsum("rij,rkj->rki", rotation, joints)
    again, valid_again = _lift(
        method, _CENTRE + _PIXELS * turned[..., :2], scores
    )
    again = np.einsum("rji,rkj->rki", rotation, again)
    both = valid & valid_again
    if not both.any():
        return 1.0
    errors = metrics.n_mpjpe(again[both], joints[both], mask=scores[both] > 0)
    return float(np.mean(errors))
