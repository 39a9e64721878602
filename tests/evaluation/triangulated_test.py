"""3D by triangulation alone, on made-up motion with exact truth."""

import dataclasses
import json

import numpy as np
import pytest

from tf_poselift import skeletons
from tf_poselift.data import synthetic
from tf_poselift.data import writer
from tf_poselift.evaluation import triangulated


@pytest.fixture(scope="module")
def exact():
    """Three clips of 5 frames in 3 views; a third of joint 4 is missing."""
    table = synthetic.table(
        skeletons.load("human36m_17"), clips=3, frames=5, views=3
    )
    scores = table.scores.copy()
    scores[:, 0, 4] = 0.0  # seen by two views
    scores[0, 1, 4] = 0.0  # now by one
    return dataclasses.replace(table, scores=scores)


def test_exact_views_give_the_truth(exact):
    result = triangulated.triangulate(exact)
    np.testing.assert_allclose(
        np.nan_to_num(result.joints_3d, nan=0.0),
        np.where(
            np.isnan(result.joints_3d), 0.0, exact.joints_3d.astype(float)
        ),
        atol=0.5,
    )
    lost = np.isnan(result.joints_world).any(axis=-1)
    assert np.argwhere(lost).tolist() == [[0, 4]]
    assert np.nanmax(result.error) < 0.05
    assert np.isnan(result.error[:, 0, 4]).all()


def test_the_summary_counts_what_is_seen(exact):
    error = np.zeros(exact.scores.shape)
    error[exact.scores == 0.0] = np.nan
    error[:, 1] = 4.0
    joints = np.zeros([15, 17, 3])
    joints[:3] = np.nan
    result = triangulated.Triangulated(joints, None, None, error)
    content = triangulated.summary(exact, result)
    assert content["frames"] == 15
    assert [view["mean"] for view in content["views"]] == [0.0, 4.0, 0.0]
    assert content["views"][1]["p95"] == 4.0
    assert content["views"][0]["missing"] == pytest.approx(1 / 17)
    assert content["views"][1]["missing"] == pytest.approx(1 / (15 * 17))
    assert content["all"]["not_triangulated"] == pytest.approx(0.2)
    text = triangulated.text_table(content)
    assert "view 1                 4.00    4.00    4.00    0.4%" in text
    assert "20.0% of the joints are seen by fewer than two views" in text
    nothing = dataclasses.replace(result, error=np.full_like(error, np.nan))
    content = triangulated.summary(exact, nothing)
    assert content["all"]["mean"] is None
    assert "       -" in triangulated.text_table(content)


def test_a_run_writes_the_3d_and_a_picture(exact, tmp_path):
    dataset = writer.write({"train": exact}, str(tmp_path), name="ring")
    workdir = tmp_path / "runs" / "3d"
    content = triangulated.run(
        dataset=dataset, workdir=workdir, data_dir=str(tmp_path)
    )
    assert content["all"]["mean"] < 0.05 and content["split"] == "all"
    stored = json.loads((workdir / "triangulated.json").read_text())
    assert stored == content and stored["dataset"] == "ring:1.0.0"
    with np.load(workdir / "triangulated.npz") as file:
        assert file["joints_world"].shape == (15, 17, 3)
        assert file["joints_3d"].shape == (15, 3, 17, 3)
        assert file["error"].shape == (15, 3, 17)
        assert file["clip"].tolist() == [0] * 5 + [1] * 5 + [2] * 5
        assert len(file["clip_id"]) == 3
    head = (workdir / "triangulated.png").read_bytes()[:8]
    assert head == b"\x89PNG\r\n\x1a\n"
    assert not list(workdir.glob("*.part"))


def test_the_picture_says_what_it_shows(exact):
    picture = triangulated.draw(exact, triangulated.triangulate(exact))
    (legend,) = picture.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "left",
        "right",
        "middle",
        "triangulated, in the image",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"views": 1}, "two calibrated views or more. Received: 1 view, camer"),
        ({"cameras": False}, "Received: 4 views, no cameras"),
    ],
)
def test_it_takes_calibrated_views(change, message):
    table = synthetic.table(
        skeletons.load("human36m_17"), clips=1, frames=2, **change
    )
    with pytest.raises(ValueError, match=message):
        triangulated.triangulate(table)
