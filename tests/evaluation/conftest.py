"""A table small enough to know every number of it."""

import numpy as np
import pytest
import tensorflow as tf

from tf_poselift import skeletons
from tf_poselift.data import tables

SKELETON = skeletons.from_dict(
    {"name": "three", "joints": {"hip": None, "head": "hip", "hand": "head"}}
)
# Root-relative, mm; the mean distance of head and hand from the hip is 400.
POSE = np.array([[0, 0, 0], [0, -400, 0], [240, 0, 320]], np.float32)


class Constant:
    """Lifts every pose to the same joints."""

    calibrated = False

    def __init__(self, joints=POSE / 400, *, metric=False, skeleton=SKELETON):
        self.joints = tf.constant(joints, tf.float32)
        self.metric = metric
        self.skeleton = skeleton
        self.traces = 0

    def serve(self, keypoints_2d, scores):
        self.traces += 1
        count = tf.shape(keypoints_2d)[0]
        valid = tf.reduce_all(scores > 0, axis=1)
        keep = tf.cast(valid, tf.float32)
        return {
            "joints_3d": tf.tile(self.joints[None], [count, 1, 1])
            * keep[:, None, None],
            "scale": 400.0 * keep * self.metric,
            "valid": valid,
        }


@pytest.fixture
def lifter():
    return Constant


@pytest.fixture
def table():
    """Two clips of 3 and 2 frames ("walk", "sit"), two views, one pose."""
    rows, views = 5, 2
    joints = np.tile(POSE, (rows, views, 1, 1)) + np.float32([10, 20, 5000])
    return tables.Table(
        datasets=("toy:1.0.0",),
        skeleton=SKELETON,
        action_names=("walk", "never", "sit"),
        keypoints_2d=joints[..., :2] / 10,
        scores=np.ones((rows, views, 3), np.float32),
        frame_index=np.array([0, 4, 8, 0, 4]),
        frame_valid=np.ones(rows, bool),
        action=np.array([0, 0, 0, 2, 2], np.int32),
        clip_start=np.array([0, 3, 5]),
        clip_id=("a", "b"),
        subject=("S1", "S1"),
        clip_action=("walk", "sit"),
        scene=("", ""),
        flags=("", ""),
        person=np.zeros(2, np.int64),
        fps=np.array([10, 10], np.float32),
        image_size=np.zeros((2, views, 2), np.float32),
        joints_3d=joints,
        joints_3d_valid=np.ones((rows, views, 3), bool),
    )
