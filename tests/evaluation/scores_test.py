"""Scores of hand-made predictions."""

import dataclasses

import numpy as np
import pytest

from tf_poselift.evaluation import prediction
from tf_poselift.evaluation import scores


def score(lifter, table):
    return scores.score(prediction.predict(lifter, table), table)


def test_a_perfect_prediction_has_no_error(table, lifter):
    scored = score(lifter(metric=True), table)
    assert len(scored.positions) == 10
    for name in ("mpjpe", "n_mpjpe", "pa_mpjpe", "acceleration_error"):
        assert scored.overall[name] == pytest.approx(0.0, abs=1e-3)
    assert scored.overall["pck_150"] == 1.0
    assert scored.overall["mirror_rate"] == 0.0


def test_errors_without_a_scale_are_absent(table, lifter):
    overall = score(lifter(), table).overall
    assert not {"mpjpe", "pck_150", "auc", "acceleration_error"} & set(overall)
    assert overall["n_mpjpe"] == pytest.approx(0.0, abs=1e-3)


def test_the_floor_by_hand(table):
    # Truth (0, -400, 0), (240, 0, 320); the floor is proportional to
    # (0, -400, 0), (240, 0, 0), so the least-squares scale restores x and y
    # and the only error is the hand's depth, 320, over three joints.
    overall = score(prediction.DepthZero(table.skeleton), table).overall
    assert overall["n_mpjpe"] == pytest.approx(320 / 3, rel=1e-5)
    assert overall["mirror_rate"] == 0.0


def test_actions_are_averaged_apart(table, lifter):
    # "sit" (2 of 5 frames) is 300 mm off in one joint: 100 mm per pose.
    table.joints_3d[3:, :, 2, 2] += 300
    scored = score(lifter(metric=True), table)
    by_action = {a: m["mpjpe"] for a, m in scored.by("action").items()}
    assert by_action == {
        "sit": pytest.approx(100.0, abs=1e-3),
        "walk": pytest.approx(0.0, abs=1e-3),
    }
    assert scored.poses_by("action") == {"sit": 4, "walk": 6}
    assert scored.overall["mpjpe"] == pytest.approx(40.0, abs=1e-3)
    over_actions = scored.overall_mean_over_actions["mpjpe"]
    assert over_actions == pytest.approx(50.0, abs=1e-3)


def test_acceleration_stays_within_clips(table, lifter):
    # One joint is 30 mm off in the middle of the first clip's three frames:
    # its second difference is -60 mm, at 10 Hz 6000 mm/s^2, a third of it in
    # the mean. The second clip is too short to have any.
    table.joints_3d[1, 0, 1, 1] += 30
    scored = score(lifter(metric=True), table)
    values = scored.per_pose["acceleration_error"]
    at = prediction.predict(lifter(), table)
    known = np.isfinite(values)
    assert at.rows[known].tolist() == [1, 1]
    np.testing.assert_allclose(values[known], [2000.0, 0.0], atol=0.1)
    assert scored.overall["acceleration_error"] == pytest.approx(1000, abs=0.1)
    assert "acceleration_error" not in scored.by("action")["sit"]
    gap = dataclasses.replace(table, frame_valid=np.arange(5) != 1)
    assert "acceleration_error" not in score(lifter(metric=True), gap).overall


def test_refused_poses_are_counted_and_left_out(table, lifter):
    table.scores[0, 0] = 0.0
    table.joints_3d_valid[1, 1, 0] = False
    scored = score(lifter(metric=True), table)
    assert (scored.invalid, scored.without_truth) == (1, 1)
    assert len(scored.positions) == 8
    assert scored.overall["mpjpe"] == pytest.approx(0.0, abs=1e-3)


def test_joints_without_truth_are_left_out(table, lifter):
    table.joints_3d[:, :, 2] = 1e6
    table.joints_3d_valid[:, :, 2] = False
    overall = score(lifter(metric=True), table).overall
    assert overall["mpjpe"] == pytest.approx(0.0, abs=1e-3)


def test_what_cannot_be_scored_is_refused(table, lifter):
    flat = dataclasses.replace(table, joints_3d=None, joints_3d_valid=None)
    with pytest.raises(ValueError, match="toy:1.0.0, which has 2D alone"):
        score(lifter(), flat)
    table.scores[:] = 0.0
    with pytest.raises(ValueError, match="10 of them refused by the model"):
        score(lifter(), table)
