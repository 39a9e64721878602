"""Many lifted poses on one picture: what the image shows, and two views."""

import numpy as np
from matplotlib import figure as mpl_figure
from matplotlib.backends import backend_agg

from tf_poselift import skeletons
from tf_poselift.visualization import skeleton_plots

_SIDE = np.pi / 2
_PANEL = 1.1  # width and height of a panel, inches
_GAP = 0.25  # between poses, of a panel
_FOOT = 0.25  # inches, for the legend


def figure(
    skeleton: skeletons.Skeleton,
    *,
    keypoints_2d: np.ndarray,
    scores: np.ndarray,
    joints_3d: np.ndarray,
    columns: int = 5,
) -> mpl_figure.Figure:
    """Draws N poses: input, lifted as the camera sees it, from the side.

    Args:
      skeleton: J joints.
      keypoints_2d: [N, J, 2] pixels.
      scores: [N, J]; 0 = missing, not drawn in the input.
      joints_3d: [N, J, 3] root-relative, camera axes, any unit; NaN where
        missing, not drawn.
      columns: poses in a row of the picture.

    Raises:
      ValueError: no pose.
    """
    count = len(keypoints_2d)
    if not count:
        raise ValueError(
            "`keypoints_2d` must have at least one pose. Received: "
            f"{np.shape(keypoints_2d)}."
        )
    columns = min(columns, count)
    rows = -(-count // columns)
    width = columns * (3 + _GAP) * _PANEL
    height = rows * _PANEL + 0.3 + _FOOT
    drawn = mpl_figure.Figure(figsize=(width, height), dpi=110)
    backend_agg.FigureCanvasAgg(drawn)
    drawn.text(
        0.5,
        1 - 0.15 / height,
        "input, lifted, lifted from the side (the camera is on the left)"
        if columns > 1
        else "input, lifted, from the side",
        ha="center",
        va="center",
        fontsize=9,
    )
    skeleton_plots.legend(
        drawn, loc="center", bbox_to_anchor=(0.5, 0.5 * _FOOT / height)
    )
    for i in range(count):
        row, column = divmod(i, columns)
        panels = [
            drawn.add_axes(
                (
                    (column * (3 + _GAP) + k) * _PANEL / width,
                    1 - (0.3 + (row + 1) * _PANEL) / height,
                    0.97 * _PANEL / width,
                    0.97 * _PANEL / height,
                )
            )
            for k in range(3)
        ]
        skeleton_plots.draw_2d(
            panels[0], keypoints_2d[i], skeleton, scores=scores[i]
        )
        skeleton_plots.draw_3d(panels[1], joints_3d[i], skeleton)
        skeleton_plots.draw_3d(panels[2], joints_3d[i], skeleton, azimuth=_SIDE)
    return drawn
