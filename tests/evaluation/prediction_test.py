"""Which poses are lifted, in which unit, and what is refused."""

import dataclasses

import numpy as np
import pytest

from tf_poselift import schema
from tf_poselift import skeletons
from tf_poselift.evaluation import prediction


def test_every_frame_and_view_is_lifted_once(table, lifter):
    table.frame_valid[1] = False
    method = lifter()
    lifted = prediction.predict(method, table, batch_size=3)
    pairs = list(zip(lifted.rows, lifted.views, strict=True))
    assert pairs == [(r, v) for r in (0, 2, 3, 4) for v in (0, 1)]
    assert lifted.joints_3d.shape == (8, 3, 3)
    assert lifted.valid.all()
    assert method.traces == 1


def test_rows_get_their_own_pose(table):
    table.keypoints_2d[:] = [[0, 0], [0, -1], [0, 0]]
    table.keypoints_2d[2, 1, 2] = [5, 0]
    floor = prediction.DepthZero(table.skeleton)
    lifted = prediction.predict(floor, table, batch_size=4)
    moved = lifted.joints_3d[:, 2, 0] > 0
    assert lifted.rows[moved].tolist() == [2]
    assert lifted.views[moved].tolist() == [1]


def test_metric_methods_give_millimetres(table, lifter):
    unit = prediction.predict(lifter(), table)
    metric = prediction.predict(lifter(metric=True), table)
    assert metric.metric and not unit.metric
    np.testing.assert_allclose(metric.joints_3d, 400 * unit.joints_3d)
    distances = np.linalg.norm(metric.joints_3d[0, 1:], axis=-1)
    np.testing.assert_allclose(distances, [400, 400])


def test_calibrated_methods_get_the_view_s_intrinsics(table, lifter):
    class Focal(lifter):
        calibrated = True

        def serve(self, keypoints_2d, scores, intrinsics=None):
            answers = super().serve(keypoints_2d, scores)
            if intrinsics is None:
                return answers
            focal = intrinsics[:, :1, :1]
            return answers | {"joints_3d": answers["joints_3d"] * focal}

    plain = prediction.predict(Focal(), table).joints_3d
    expected = prediction.predict(lifter(), table).joints_3d
    np.testing.assert_allclose(plain, expected)
    # Two clips of two views: focal lengths 1, 2 and 3, 4.
    focal = np.arange(1.0, 5.0, dtype=np.float32).reshape(2, 2, 1, 1)
    cameras = {schema.INTRINSICS: focal * np.eye(3, dtype=np.float32)}
    table = dataclasses.replace(table, cameras=cameras)
    lifted = prediction.predict(Focal(), table, batch_size=3)
    factor = focal[table.clip_of_row[lifted.rows], lifted.views]
    np.testing.assert_allclose(lifted.joints_3d, plain * factor, rtol=1e-6)


def test_views_may_be_chosen(table, lifter):
    lifted = prediction.predict(lifter(), table, views=[1])
    assert lifted.views.tolist() == [1] * 5
    with pytest.raises(ValueError, match=r"in \[0, 2\). Received: \[2\]"):
        prediction.predict(lifter(), table, views=[1, 2])


def test_the_floor_has_depth_zero_and_mean_distance_one(table):
    lifted = prediction.predict(
        prediction.DepthZero(table.skeleton), table
    ).joints_3d
    # From the root: head (0, -40), hand (24, 0); their mean distance is 32.
    expected = [[0, 0, 0], [0, -40 / 32, 0], [24 / 32, 0, 0]]
    np.testing.assert_allclose(lifted[0], expected, atol=1e-6)


def test_poses_that_the_floor_cannot_lift_are_not_valid(table):
    table.scores[0, 0, 0] = 0.0
    lifted = prediction.predict(prediction.DepthZero(table.skeleton), table)
    assert (~lifted.valid).nonzero()[0].tolist() == [0]
    assert not lifted.joints_3d[0].any()


def test_another_skeleton_is_refused(table, lifter):
    other = skeletons.from_dict(
        {"name": "other", "joints": {"hip": None, "head": "hip"}}
    )
    with pytest.raises(ValueError, match="not in both: hand") as error:
        prediction.predict(lifter(skeleton=other), table)
    for words in ("model `other` (2 joints)", "toy:1.0.0 `three` (3 joints)"):
        assert words in str(error.value)
    joints = dict.fromkeys(["hip"]) | {"hand": "hip", "head": "hip"}
    turned = skeletons.from_dict({"name": "three", "joints": joints})
    with pytest.raises(ValueError, match="the order of the joints"):
        prediction.predict(lifter(skeleton=turned), table)


def test_nothing_to_evaluate_is_refused(table, lifter):
    none = dataclasses.replace(table, frame_valid=np.zeros(5, bool))
    with pytest.raises(ValueError, match="Received: none of 5"):
        prediction.predict(lifter(), none)
