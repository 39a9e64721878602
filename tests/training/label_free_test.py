"""Measures that need no 3D, on lifters that are made up."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tf_poselift import normalization
from tf_poselift import schema
from tf_poselift import skeletons
from tf_poselift.data import synthetic
from tf_poselift.training import label_free

SKELETON = skeletons.load("human36m_17")
NAMES = {"label_free", "symmetry", "constancy", "consistency"}


class Lifter:
    """Gives every pose a depth, a function of its 2D."""

    def __init__(self, depth):
        self._depth = depth

    def serve(self, keypoints_2d, scores):
        pose = normalization.normalize_per_pose(keypoints_2d, scores, SKELETON)
        joints = tf.concat(
            [pose.points, self._depth(pose.points)[..., tf.newaxis]], axis=-1
        )
        return {schema.JOINTS_3D: joints, "valid": pose.valid}


def flat(points):
    return tf.zeros_like(points[..., 0])


def skewed(points):
    """Limbs of the left side reach far into the picture."""
    left = [j for pair in SKELETON.pairs for j in pair[:1]]
    return tf.constant([3.0 if j in left else 0.0 for j in range(17)]) + flat(
        points
    )


def jumping(points):
    """Every pose of a clip gets another depth."""
    rows = tf.range(tf.shape(points)[0]) % 2
    return tf.cast(rows, tf.float32)[:, tf.newaxis] * skewed(points)


@pytest.fixture(scope="module")
def table():
    return synthetic.table(SKELETON, clips=4, frames=10, views=2)


def test_a_still_clip_is_constant(table):
    rows = np.repeat(table.clip_start[:-1], 10)  # its first frame, ten times
    still = dataclasses.replace(table, keypoints_2d=table.keypoints_2d[rows])
    measured = label_free.measure(Lifter(skewed), still)
    assert set(measured) == NAMES
    assert measured["constancy"] == pytest.approx(0.0, abs=1e-5)
    assert measured["symmetry"] > 0.3
    assert measured["label_free"] == pytest.approx(measured["symmetry"] / 2)
    shaky = label_free.measure(Lifter(jumping), still)
    assert shaky["constancy"] > 0.1


def test_mirrored_limbs_are_symmetric(table):
    """From the front a pose that mirrors itself has equal sides."""
    order = np.array(SKELETON.flip)
    points = table.keypoints_2d
    root = points[:, :, :1]
    mirrored = root + (points - root)[:, :, order] * [-1.0, 1.0]
    front = dataclasses.replace(
        table, keypoints_2d=((points + mirrored) / 2).astype(np.float32)
    )
    measured = label_free.measure(Lifter(flat), front)
    assert measured["symmetry"] == pytest.approx(0.0, abs=1e-4)
    assert label_free.measure(Lifter(skewed), front)["symmetry"] > 0.3


def test_a_lifter_of_flat_poses_is_not_consistent(table):
    assert label_free.measure(Lifter(flat), table)["consistency"] > 0.1


def test_the_truth_is_good_by_all_measures(table):
    class Truth:
        def serve(self, keypoints_2d, scores):
            del scores
            joints = np.concatenate(
                [table.joints_3d[a:b, view] for a, b in zip(
                    table.clip_start, table.clip_start[1:], strict=False)
                 for view in range(2)]
            )  # fmt: skip
            joints = joints - joints[:, :1]
            size = np.linalg.norm(joints, axis=-1).mean(-1)[:, None, None]
            assert len(keypoints_2d) == len(joints)
            return {
                schema.JOINTS_3D: tf.constant(joints / size),
                "valid": tf.ones([len(joints)], tf.bool),
            }

    measured = label_free.measure(Truth(), table)
    assert measured["symmetry"] < 0.02
    assert measured["constancy"] < 0.02


def test_missing_joints_take_no_part(table):
    scores = table.scores.copy()
    scores[:, :, SKELETON.joints.index("left_wrist")] = 0.0
    some = dataclasses.replace(table, scores=scores)
    measured = label_free.measure(Lifter(flat), some)
    assert "constancy" not in measured  # no pose is whole
    assert measured["label_free"] == measured["symmetry"]


def test_nothing_to_lift_is_refused(table):
    nobody = dataclasses.replace(table, scores=np.zeros_like(table.scores))
    with pytest.raises(ValueError, match="At least one pose must be `valid`"):
        label_free.measure(Lifter(flat), nobody)


def test_large_splits_are_thinned_by_clips(table, monkeypatch):
    monkeypatch.setattr(label_free, "POSES", 40)
    some = label_free.some_clips(table)
    assert some.clip_id == (table.clip_id[0], table.clip_id[-1])
