"""Pictures of skeletons: 2D as the image shows them, 3D from any side.

Camera space: x right, y down, z forward; in a picture up is up. 3D is drawn
in parallel projection, near bones over far ones. Colours keep apart for the
colour-blind (Okabe and Ito): right vermilion, left blue, middle dark grey.
Figures are drawn with Agg and without pyplot, so that no window system and no
global state is needed.
"""

import pathlib
from collections.abc import Sequence

import numpy as np
from matplotlib import axes as mpl_axes
from matplotlib import figure as mpl_figure
from matplotlib import lines as mpl_lines
from matplotlib import patheffects
from matplotlib.backends import backend_agg

from tf_poselift import skeletons

COLOURS = {"left": "#0072B2", "right": "#D55E00", "middle": "#4D4D4D"}
_PANEL = "#F4F4F2"
_CELL = 2.0  # width and height of a panel, inches
_MARGIN = 1.15  # limits of a panel, in units of the pose's extent


def draw_2d(
    axes: mpl_axes.Axes,
    keypoints_2d: np.ndarray,
    skeleton: skeletons.Skeleton,
    *,
    scores: np.ndarray | None = None,
) -> None:
    """Draws keypoints as the image shows them (y down).

    Args:
      axes: where to draw; its limits are set around the pose.
      keypoints_2d: [J, 2] pixels.
      skeleton: J joints.
      scores: [J]; 0 = missing. Missing joints and their bones are left out.
    """
    seen = np.isfinite(keypoints_2d).all(-1)
    if scores is not None:
        seen &= scores > 0
    points = keypoints_2d * (1.0, -1.0)
    _draw(axes, points, np.zeros(len(points)), seen, skeleton)
    _frame(axes, *_box(points[seen]))


def draw_3d(
    axes: mpl_axes.Axes,
    joints_3d: np.ndarray,
    skeleton: skeletons.Skeleton,
    *,
    azimuth: float = 0.0,
    elevation: float = 0.0,
    around: np.ndarray | None = None,
) -> None:
    """Draws joints in parallel projection, seen from a given side.

    Args:
      axes: where to draw.
      joints_3d: [J, 3], camera axes, any unit; joints that are not finite and
        their bones are left out.
      skeleton: J joints.
      azimuth: radians; 0 is the camera's own view, pi / 2 stands where the
        camera's x axis points, so that the camera is on the left.
      elevation: radians; positive looks down on the pose.
      around: [N, 3] points that the limits enclose; the joints by default.
        Panels with the same points have the same scale.
    """
    seen = np.isfinite(joints_3d).all(-1)
    around = joints_3d[seen] if around is None else around
    # The limits suit every side: a ball around the points' box.
    centre, half = _box(around)
    turned = (joints_3d - centre) @ _view_rotation(azimuth, elevation).T
    points = turned[:, :2] * (1.0, -1.0)
    _draw(axes, points, turned[:, 2], seen, skeleton)
    _frame(axes, np.zeros(2), half)


def comparison_figure(
    skeleton: skeletons.Skeleton,
    *,
    keypoints_2d: np.ndarray,
    scores: np.ndarray,
    predicted: np.ndarray,
    truth: np.ndarray | None = None,
    labels: Sequence[str] = (),
) -> mpl_figure.Figure:
    """Draws input, prediction and truth, one row for each of N poses.

    A prediction is scaled to the size of its truth (ratio of norms) and not
    rotated, so that a pose mirrored in depth looks mirrored.

    Args:
      skeleton: J joints.
      keypoints_2d: [N, J, 2] pixels.
      scores: [N, J]; 0 = missing, not drawn in the input.
      predicted: [N, J, 3] root-relative, camera axes, any unit.
      truth: [N, J, 3] root-relative, camera axes, any unit; NaN = missing.
      labels: N texts that stand left of the rows.
    """
    count = len(keypoints_2d)
    if not count:
        raise ValueError(
            "`keypoints_2d` must have at least one pose. Received: "
            f"{np.shape(keypoints_2d)}."
        )
    heads = ["Input 2D", "Prediction", "Prediction, side"]
    heads += [] if truth is None else ["Truth", "Truth, side"]
    head, foot, edge = 0.30, 0.38, 0.34  # inches
    width = edge + _CELL * len(heads) + 0.06
    height = head + _CELL * count + foot
    figure = mpl_figure.Figure(figsize=(width, height), dpi=100)
    backend_agg.FigureCanvasAgg(figure)
    panels = figure.subplots(
        count,
        len(heads),
        squeeze=False,
        gridspec_kw={
            "left": edge / width,
            "right": 1 - 0.06 / width,
            "bottom": foot / height,
            "top": 1 - head / height,
            "wspace": 0.04,
            "hspace": 0.04,
        },
    )
    for panel, text in zip(panels[0], heads, strict=True):
        panel.set_title(text, fontsize=10, color="#222222", pad=5)
    for row in range(count):
        draw_2d(panels[row, 0], keypoints_2d[row], skeleton, scores=scores[row])
        poses = [predicted[row]]
        if truth is not None:
            poses = [_same_size(predicted[row], truth[row]), truth[row]]
        _draw_sides(panels[row, 1:], poses, skeleton)
    for panel, text in zip(panels[:, 0], labels, strict=False):
        panel.set_ylabel(text, fontsize=9, color="#222222")
    caption = "Side: the camera is on the left."
    if truth is not None:
        caption += " Prediction scaled to the truth's size, not rotated."
    _annotate(figure, caption, foot / height)
    return figure


def to_image(figure: mpl_figure.Figure) -> np.ndarray:
    """Renders a figure; returns [H, W, 3] uint8."""
    canvas = backend_agg.FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def save(figure: mpl_figure.Figure, path: pathlib.Path) -> None:
    """Writes a PNG file, beside first and then renamed."""
    beside = path.with_name(f".{path.name}.part")
    figure.savefig(beside, format="png")
    beside.replace(path)


def _draw_sides(panels, poses: Sequence[np.ndarray], skeleton) -> None:
    """Draws every pose from the camera and from the side, all in one scale."""
    around = np.concatenate(poses)
    around = around[np.isfinite(around).all(-1)]
    views = [(pose, azimuth) for pose in poses for azimuth in (0, np.pi / 2)]
    for panel, (pose, azimuth) in zip(panels, views, strict=True):
        draw_3d(panel, pose, skeleton, azimuth=azimuth, around=around)


def _draw(axes, points, depth, seen, skeleton: skeletons.Skeleton) -> None:
    """Draws bones [J, 2] from far to near, then the joints over them."""
    side_of = _sides(skeleton)
    bones = [(a, b) for a, b in skeleton.bones if seen[a] and seen[b]]
    bones.sort(key=lambda bone: -(depth[bone[0]] + depth[bone[1]]))
    # The rim cuts far bones where a near one crosses; its flat ends leave the
    # neighbours at a joint whole.
    rim = [
        patheffects.Stroke(linewidth=6, foreground=_PANEL, capstyle="butt"),
        patheffects.Normal(),
    ]
    for bone in bones:
        axes.add_line(
            mpl_lines.Line2D(
                *points[list(bone)].T,
                color=COLOURS[side_of[bone[1]]],
                linewidth=3.2,
                solid_capstyle="round",
                path_effects=rim,
            )
        )
    shown = np.flatnonzero(seen)
    axes.scatter(
        *points[shown].T,
        s=[60 if joint == skeleton.head else 14 for joint in shown],
        c=[COLOURS[side_of[joint]] for joint in shown],
        linewidths=0,
        zorder=3,
    )


def _sides(skeleton: skeletons.Skeleton) -> list[str]:
    sides = ["middle"] * skeleton.num_joints
    for left, right in skeleton.pairs:
        sides[left], sides[right] = "left", "right"
    return sides


def _box(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Returns centre [D] and half the longest edge of the points' box."""
    if not len(points):
        return np.zeros(points.shape[-1]), 1.0
    low, high = points.min(axis=0), points.max(axis=0)
    return (low + high) / 2, max((high - low).max() / 2, 1e-6)


def _frame(axes, centre, half: float) -> None:
    reach = _MARGIN * half
    axes.set_xlim(centre[0] - reach, centre[0] + reach)
    axes.set_ylim(centre[1] - reach, centre[1] + reach)
    axes.set_aspect("equal")
    axes.set(xticks=[], yticks=[], facecolor=_PANEL)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _view_rotation(azimuth: float, elevation: float) -> np.ndarray:
    """Returns the [3, 3] rotation from camera axes to the viewer's axes."""
    cos, sin = np.cos(azimuth), np.sin(azimuth)
    around_y = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    cos, sin = np.cos(elevation), np.sin(elevation)
    around_x = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    return around_x @ around_y


def _same_size(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    both = np.isfinite(truth).all(-1) & np.isfinite(predicted).all(-1)
    size = np.linalg.norm(predicted[both])
    return predicted * (np.linalg.norm(truth[both]) / size if size else 1.0)


def _annotate(figure, caption: str, foot: float) -> None:
    """Writes the caption left and the meaning of the colours right."""
    figure.text(
        0.01, foot * 0.42, caption, fontsize=8.5, color="#555555", va="center"
    )
    legend(figure, loc="center right", bbox_to_anchor=(0.995, foot * 0.42))


def legend(
    figure: mpl_figure.Figure,
    *,
    more: Sequence[mpl_lines.Line2D] = (),
    **placement,
) -> None:
    """Writes what the colours mean, in a row.

    Args:
      figure: of skeletons.
      more: further entries.
      **placement: of `Figure.legend`.
    """
    sides = [
        mpl_lines.Line2D([], [], color=colour, linewidth=3, label=side)
        for side, colour in COLOURS.items()
    ]
    figure.legend(
        handles=[*sides, *more],
        ncols=len(sides) + len(more),
        fontsize=8.5,
        labelcolor="#555555",
        frameon=False,
        handlelength=1.2,
        borderpad=0,
        **placement,
    )
