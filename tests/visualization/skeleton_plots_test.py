"""Pictures: what is drawn, where, and what is left out."""

import numpy as np
import pytest
from matplotlib import figure as mpl_figure

from tf_poselift import skeletons
from tf_poselift.visualization import skeleton_plots

SKELETON = skeletons.from_dict(
    {
        "name": "four",
        "joints": {"hip": None, "head": "hip", "l": "hip", "r": "hip"},
        "pairs": [["l", "r"]],
        "head": "head",
    }
)
# y is down: the head is above the hip; the left hand is far, the right near.
JOINTS = np.array([[0, 0, 0], [0, -4, 0], [2, 0, 3], [-2, 0, -3]], float)


def axes():
    return mpl_figure.Figure().add_subplot()


def ends(line):
    return np.stack(line.get_data(), axis=-1)


def test_2d_puts_small_y_on_top():
    panel = axes()
    skeleton_plots.draw_2d(panel, JOINTS[:, :2] + 100, SKELETON)
    low, high = panel.get_ylim()
    assert low < high
    bones = {line.get_color(): ends(line) for line in panel.lines}
    hip, head = bones[skeleton_plots.COLOURS["middle"]]
    assert head[1] - hip[1] == 4
    assert panel.get_aspect() == 1


def test_sides_have_their_colours():
    panel = axes()
    skeleton_plots.draw_2d(panel, JOINTS[:, :2], SKELETON)
    ends_at = {line.get_color(): ends(line)[1, 0] for line in panel.lines}
    assert ends_at[skeleton_plots.COLOURS["left"]] == 2
    assert ends_at[skeleton_plots.COLOURS["right"]] == -2


def test_missing_joints_and_their_bones_are_left_out():
    panel = axes()
    keypoints_2d = JOINTS[:, :2].copy()
    keypoints_2d[3] = 1e6
    scores = np.array([1.0, 0.5, 1.0, 0.0])
    skeleton_plots.draw_2d(panel, keypoints_2d, SKELETON, scores=scores)
    assert len(panel.lines) == 2
    assert len(panel.collections[0].get_offsets()) == 3
    assert panel.get_xlim()[1] < 10

    panel = axes()
    joints = JOINTS.copy()
    joints[0] = np.nan
    skeleton_plots.draw_3d(panel, joints, SKELETON)
    assert not panel.lines
    assert len(panel.collections[0].get_offsets()) == 3


def test_a_pose_without_any_joint_is_an_empty_panel():
    panel = axes()
    skeleton_plots.draw_2d(panel, JOINTS[:, :2], SKELETON, scores=np.zeros(4))
    assert not panel.lines
    assert np.isfinite(panel.get_xlim()).all()


@pytest.mark.parametrize(
    ("azimuth", "elevation", "left", "head"),
    [
        (0, 0, [2, 0], [0, 4]),
        (np.pi / 2, 0, [3, 0], [0, 4]),  # far from the camera: right
        (np.pi, 0, [-2, 0], [0, 4]),  # from behind
        (0, np.pi / 2, [2, 3], [0, 0]),  # from above: far is up
    ],
)
def test_3d_is_seen_from_the_side_asked_for(azimuth, elevation, left, head):
    panel = axes()
    skeleton_plots.draw_3d(
        panel, JOINTS, SKELETON, azimuth=azimuth, elevation=elevation
    )
    points = panel.collections[0].get_offsets()
    np.testing.assert_allclose(points[2] - points[0], left, atol=1e-9)
    np.testing.assert_allclose(points[1] - points[0], head, atol=1e-9)


def test_near_bones_cover_far_ones():
    panel = axes()
    skeleton_plots.draw_3d(panel, JOINTS, SKELETON)
    order = [line.get_color() for line in panel.lines]
    assert order == [
        skeleton_plots.COLOURS[side] for side in ("left", "middle", "right")
    ]


def compare(**changes):
    values = {
        "keypoints_2d": JOINTS[None, :, :2],
        "scores": np.ones((1, 4)),
        "predicted": JOINTS[None] / 10,
        "truth": JOINTS[None],
    }
    return skeleton_plots.comparison_figure(SKELETON, **values | changes)


def test_a_prediction_is_scaled_but_not_turned():
    mirrored = JOINTS[None] * [1, 1, -1] / 10
    _, front, side, true_front, true_side = compare(predicted=mirrored).axes
    shown = [
        np.asarray(panel.collections[0].get_offsets())
        for panel in (front, side, true_front, true_side)
    ]
    np.testing.assert_allclose(shown[0], shown[2], atol=1e-9)
    np.testing.assert_allclose(shown[1], shown[3] * [-1, 1], atol=1e-9)
    assert front.get_xlim() == true_side.get_xlim()


def test_the_truth_may_miss_joints():
    truth = JOINTS[None].copy()
    truth[0, 3] = np.nan
    panels = compare(truth=truth).axes
    assert [len(panel.lines) for panel in panels] == [3, 3, 3, 2, 2]


def test_comparison_has_a_panel_for_each_view_of_each_pose():
    figure = compare(
        keypoints_2d=np.stack([JOINTS[:, :2]] * 2),
        scores=np.ones((2, 4)),
        predicted=np.stack([JOINTS, JOINTS]),
        truth=None,
        labels=["best", "worst"],
    )
    assert [len(panel.lines) for panel in figure.axes] == [3] * 6
    assert figure.axes[3].get_ylabel() == "worst"
    assert "truth" not in figure.texts[0].get_text()


def test_no_pose_is_refused():
    with pytest.raises(ValueError, match="must have at least one pose"):
        compare(keypoints_2d=np.zeros((0, 4, 2)))


def test_image_and_file_are_of_the_figures_size(tmp_path):
    figure = compare()
    image = skeleton_plots.to_image(figure)
    width, height = figure.canvas.get_width_height()
    assert image.shape == (height, width, 3)
    assert image.dtype == np.uint8
    assert image.min() < 100 and image.max() == 255
    skeleton_plots.save(figure, tmp_path / "a.png")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    assert (tmp_path / "a.png").stat().st_size < 200_000
