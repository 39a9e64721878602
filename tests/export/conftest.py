"""A small method for the tests of the export."""

import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_poselift import normalization
from tf_poselift import skeletons
from tf_poselift.export import saved_model


class ToyLifter:
    """Has what the export asks of a method; depths of one hidden layer."""

    prior_card = ["A number from 3D."]
    calibrated = False
    any_unit = True
    served = ()
    uncertainty_lifts = 0

    def __init__(self):
        self.skeleton = skeletons.load("human36m_17")
        keras.utils.set_random_seed(0)
        self.lifter = keras.Sequential(
            [
                keras.Input([34]),
                keras.layers.Dense(8, activation="relu"),
                keras.layers.Dense(17),
            ]
        )

    def serve(self, keypoints_2d, scores):
        pose = normalization.normalize_per_pose(
            keypoints_2d, scores, self.skeleton
        )
        depth = self.lifter(tf.reshape(pose.points, [-1, 34]))
        depth = (depth - depth[:, :1]) * pose.mask
        joints = tf.concat([pose.points, depth[..., tf.newaxis]], axis=-1)
        return {
            "joints_3d": joints,
            "scale": tf.zeros_like(depth[:, 0]),
            "valid": pose.valid,
        }


class CalibratedToyLifter(ToyLifter):
    """Depths in proportion to the focal length."""

    calibrated = True
    statistics = {"intrinsics": np.diag([1000.0, 1000.0, 1.0])}

    def serve(self, keypoints_2d, scores, intrinsics=None):
        answers = super().serve(keypoints_2d, scores)
        if intrinsics is None:
            intrinsics = tf.constant(self.statistics["intrinsics"], tf.float32)
        focal = intrinsics[..., 0, 0, tf.newaxis, tf.newaxis] / 1000.0
        return answers | {"joints_3d": answers["joints_3d"] * focal}


@pytest.fixture
def toy() -> ToyLifter:
    return ToyLifter()


@pytest.fixture
def calibrated_toy() -> CalibratedToyLifter:
    return CalibratedToyLifter()


@pytest.fixture(scope="session")
def kept_toy() -> ToyLifter:
    """One for all tests; they leave it as it is."""
    return ToyLifter()


@pytest.fixture(scope="session")
def model_dir(kept_toy, tmp_path_factory) -> pathlib.Path:
    """Versions 2 and 10 of `kept_toy`."""
    folder = tmp_path_factory.mktemp("models") / "lifter"
    for version in (2, 10):
        saved_model.export(kept_toy, folder, version=version)
    return folder
