"""The content of results.json, the printed table, the picture."""

import json

import numpy as np
import pytest

from tf_poselift.evaluation import prediction
from tf_poselift.evaluation import report
from tf_poselift.evaluation import scores


@pytest.fixture
def predictions(table, lifter):
    # One pose better, one worse than the others.
    table.joints_3d[:, :, 2] += [0, 100, 0]
    table.joints_3d[1, 1, 2] -= [0, 100, 0]
    table.joints_3d[4, 0, 2] += [0, 300, 300]
    return prediction.predict(lifter(), table)


def results(scored, **further):
    return report.results(
        scored, dataset="toy", split="test", commit="abc", **further
    )


def test_results_have_the_agreed_entries(predictions, table):
    content = results(scores.score(predictions, table), step=7)
    assert content["dataset"] == "toy"
    assert content["split"] == "test"
    assert content["poses"] == 10
    assert content["commit"] == "abc"
    assert content["step"] == 7
    assert set(content["by_action"]) == {"walk", "sit"}
    for row in (content["overall"], *content["by_action"].values()):
        assert all(type(value) is float for value in row.values())
        assert "pa_mpjpe" in row and "mpjpe" not in row
    assert json.loads(json.dumps(content, allow_nan=False)) == content


def test_the_table_has_a_row_for_each_action_and_mean(predictions, table):
    scored = scores.score(predictions, table)
    content = results(scored, floor={"pa_mpjpe": 123.45})
    lines = report.text_table(content).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[0].split()[:3] == ["action", "poses", "pa_mpjpe"]
    assert " mpjpe " not in lines[0]
    assert [line.split()[0] for line in lines[2:4]] == ["sit", "walk"]
    assert lines[5].startswith("mean over poses          10")
    assert f"{scored.overall['pa_mpjpe']:.1f}" in lines[5]
    assert "123.5" in lines[7] or "123.4" in lines[7]
    assert lines[7].endswith("-")
    assert "floor" not in report.text_table(results(scored))


def test_further_groups_have_their_own_rows(predictions, table):
    scored = scores.score(predictions, table)
    content = results(scored, by=["scene", "subject+action"])
    assert sum(content["poses_by_subject+action"].values()) == 10
    subjects = sorted(set(table.subject))
    names = list(content["by_subject+action"])
    assert names[0].startswith(f"{subjects[0]} ")
    printed = report.text_table(content)
    for name in (*names, *content["by_scene"]):
        assert any(line.startswith(name) for line in printed.splitlines())
    assert "by_subject" not in content


def test_extremes_are_the_best_median_and_worst(predictions, table):
    scored = scores.score(predictions, table)
    chosen = report.extremes(scored)
    at = [
        (predictions.rows[i], predictions.views[i])
        for i in scored.positions[list(chosen.values())]
    ]
    assert list(chosen) == ["best", "median", "worst"]
    assert at[0] == (1, 1)
    assert at[2] == (4, 0)
    errors = scored.per_pose["pa_mpjpe"]
    assert errors[chosen["median"]] == pytest.approx(np.median(errors))


def test_the_figure_shows_the_chosen_poses(predictions, table):
    scored = scores.score(predictions, table)
    figure = report.pose_figure(
        predictions, scored, table, report.extremes(scored)
    )
    labels = [axes.get_ylabel() for axes in figure.axes[::5]]
    worst = scored.per_pose["pa_mpjpe"].max()
    assert labels[0] == "best: pa_mpjpe 0 mm"
    assert labels[2] == f"worst: pa_mpjpe {worst:.0f} mm"
    drawn = np.asarray(figure.axes[10].collections[0].get_offsets())
    np.testing.assert_allclose(drawn, table.keypoints_2d[4, 0] * [1, -1])
