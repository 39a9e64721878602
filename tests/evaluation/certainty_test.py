"""How an uncertainty that is known ranks errors that are known."""

import dataclasses

import numpy as np
import pytest

from tf_poselift.evaluation import certainty
from tf_poselift.evaluation import prediction
from tf_poselift.evaluation import scores


def lifted(table, lifter, uncertainty):
    """Ten poses; in pose i the hand is 20 i mm too far out."""
    found = prediction.predict(lifter(), table)
    joints = 400.0 * found.joints_3d
    joints[:, 2] *= 1.0 + 0.05 * np.arange(10, dtype=np.float32)[:, None]
    return dataclasses.replace(
        found, joints_3d=joints, uncertainty=np.float32(uncertainty)
    )


def test_predictions_hold_what_the_method_offers(table, lifter):
    class Sure(lifter):
        def serve(self, keypoints_2d, scores):
            answers = super().serve(keypoints_2d, scores)
            return answers | {"uncertainty": keypoints_2d[..., 0]}

    assert prediction.predict(lifter(), table).uncertainty is None
    found = prediction.predict(Sure(), table, batch_size=3).uncertainty
    np.testing.assert_allclose(
        found, table.keypoints_2d.reshape(10, 3, 2)[..., 0]
    )


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_most_certain_half_is_the_best_or_the_worst(table, lifter, sign):
    uncertainty = np.full((10, 3), 100.0)
    uncertainty[:, 2] += sign * np.arange(10)
    predictions = lifted(table, lifter, uncertainty)
    scored = scores.score(predictions, table)
    errors = scored.per_pose["pa_mpjpe"]
    assert (np.diff(errors) > 1.0).all()
    found = certainty.measure(predictions, scored, table)
    assert found["spearman_poses"] == pytest.approx(sign)
    half = errors[:5] if sign > 0 else errors[5:]
    assert found["pa_mpjpe_most_certain_half"] == pytest.approx(half.mean())
    assert found["pa_mpjpe_best_half"] == pytest.approx(errors[:5].mean())
    assert found["pa_mpjpe"] == pytest.approx(errors.mean())


def test_joints_without_truth_and_poses_without_an_answer_do_not_count(
    table, lifter
):
    uncertainty = np.tile([[0.0, 1.0, 2.0]], (10, 1)) * np.arange(10)[:, None]
    table.joints_3d_valid[0, 0, 2] = False
    table.scores[0, 1, 2] = 0.0
    predictions = lifted(table, lifter, uncertainty)
    predictions.uncertainty[0, 2] = predictions.uncertainty[1] = 1e6
    scored = scores.score(predictions, table)
    assert len(scored.positions) == 9
    found = certainty.measure(predictions, scored, table)
    assert found["spearman_poses"] == pytest.approx(1.0)
