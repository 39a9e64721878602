import json
import types

import numpy as np
import pytest

from tf_poselift.export import model_card
from tf_poselift.export import saved_model
from tf_poselift.training import run_folder


def test_card_says_what_is_served(toy, tmp_path):
    path = saved_model.export(toy, tmp_path / "lifter", card={"more": 1})
    card = model_card.read(path)
    assert card["model"] == "lifter"
    assert card["version"] == 1
    assert card["more"] == 1
    assert card["numbers_from_3d"] == ["A number from 3D."]
    assert list(card["skeleton"]["joints"])[:2] == ["pelvis", "right_hip"]
    assert card["skeleton"]["joints"]["right_knee"] == "right_hip"
    inputs = card["signatures"]["serving_default"]["inputs"]
    assert inputs["keypoints_2d"]["shape"] == [-1, 17, 2]
    assert set(card["versions"]) == {"tf_poselift", "tensorflow", "keras"}
    assert card["checks"]["batch_sizes"] == [0, 1, 3, 64]
    assert card["checks"]["largest_difference"] <= 1e-4


def test_card_of_a_method_says_who_made_it(toy):
    card = model_card.describe_method(toy)
    assert card["about"] == "A small method for the tests of the export."


def test_card_says_which_camera_a_calibrated_method_takes(calibrated_toy):
    card = model_card.describe_method(calibrated_toy)
    assert card["intrinsics"]["serving_default"] == (
        "the mean of the training cameras"
    )
    assert card["intrinsics"]["mean"][0] == [1000.0, 0.0, 0.0]


def test_card_of_a_run_takes_in_evaluations_of_the_same_step(toy, tmp_path):
    for split, step in (("test", 200), ("validation", 100)):
        folder = tmp_path / "evaluation" / split
        folder.mkdir(parents=True)
        content = {
            "dataset": "deepmimic",
            "split": split,
            "poses": 3,
            "overall": {"pa_mpjpe": 80.0},
            "by_action": {},
            "commit": "abc",
            "step": step,
        }
        (folder / "results.json").write_text(json.dumps(content))
    settings = {"method": "toy", "data": ["deepmimic:1.0.0"], "skeleton": {}}
    run = run_folder.Run(toy, 200, settings, str(tmp_path), averaged=True)
    assert model_card.describe_run(run) == {
        "training": {
            "step": 200,
            "weights": "averaged",
            "method": "toy",
            "data": ["deepmimic:1.0.0"],
        },
        "lifts_missing_joints": False,
        "results": [
            {
                "dataset": "deepmimic",
                "split": "test",
                "poses": 3,
                "overall": {"pa_mpjpe": 80.0},
                "commit": "abc",
            }
        ],
    }


@pytest.mark.parametrize("missing", [0.0, 0.1])
@pytest.mark.parametrize("whole", [False, True])
def test_card_says_whether_missing_joints_are_lifted(toy, missing, whole):
    """Trained without some of the joints, and with a place for them."""

    def everywhere(keypoints_2d, scores):
        return {"joints_3d": np.ones((*scores.shape, 3))}

    method = types.SimpleNamespace(
        skeleton=toy.skeleton, serve=everywhere if whole else toy.serve
    )
    settings = {"noise": {"pixels": 1.0, "missing": missing}}
    run = run_folder.Run(method, 1, settings, "no_folder", averaged=False)
    card = model_card.describe_run(run)
    assert card["lifts_missing_joints"] == (whole and missing > 0.0)


def test_card_of_a_run_with_joint_drop_says_that_missing_joints_are_lifted(toy):
    for drop in (0.0, 0.1):
        settings = {"config": {"joint_drop": drop}}
        run = run_folder.Run(toy, 1, settings, "no_folder", averaged=False)
        card = model_card.describe_run(run)
        assert card["lifts_missing_joints"] == (drop > 0.0)
