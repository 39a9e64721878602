"""A scene as one HTML page: a 3D skeleton that can be turned, played, scrubbed.

Made with plotly, whose JavaScript is written into the page: nothing is loaded
when it is looked at.
"""

import pathlib

import numpy as np

from tf_poselift import skeletons
from tf_poselift.visualization import scene as scene_lib
from tf_poselift.visualization import skeleton_plots

MOST_FRAMES = 600  # a browser holds all of them


def write(path: pathlib.Path, scene: scene_lib.Scene) -> int:
    """Writes an .html file, beside first and then renamed.

    Returns:
      the number of frames.

    Raises:
      ImportError: the extra `video` is not installed.
    """
    page = _figure(scene).to_html(
        include_plotlyjs=True,
        auto_play=False,
        config={"displaylogo": False, "responsive": True},
        default_height="90vh",
    )
    beside = path.with_name(f".part-{path.name}")
    try:
        beside.write_text(page, encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return len(scene.frames)


def _figure(scene: scene_lib.Scene):
    from plotly import graph_objects
    from plotly import subplots

    figure = subplots.make_subplots(
        cols=2,
        specs=[[{"type": "xy"}, {"type": "scene"}]],
        column_widths=[0.4, 0.6],
        horizontal_spacing=0.02,
        subplot_titles=("2D, as the image shows it", "3D, drag to turn"),
    )
    bones = _bones_by_side(scene.skeleton)
    for trace in _traces(graph_objects, scene, 0, bones):
        column = 1 if trace.type == "scatter" else 2
        figure.add_trace(trace, row=1, col=column)
    names = [str(number) for number in scene.frames]
    figure.frames = [
        graph_objects.Frame(
            data=_traces(graph_objects, scene, row, bones), name=name
        )
        for row, name in enumerate(names)
    ]
    step = int(scene.frames[1] - scene.frames[0]) if len(names) > 1 else 1
    _lay_out(figure, scene, names, 1000.0 * step / scene.fps)
    return figure


def _bones_by_side(skeleton: skeletons.Skeleton) -> dict[str, np.ndarray]:
    """Returns {side: [B, 2] joints of its bones}."""
    side_of = dict.fromkeys(range(skeleton.num_joints), "middle")
    for left, right in skeleton.pairs:
        side_of |= {left: "left", right: "right"}
    return {
        side: np.array(
            [bone for bone in skeleton.bones if side_of[bone[1]] == side], int
        ).reshape(-1, 2)
        for side in skeleton_plots.COLOURS
    }


def _traces(graph_objects, scene: scene_lib.Scene, row: int, bones) -> list:
    """Returns the lines of one frame: three sides in 2D, three in 3D."""
    traces = []
    for side, pairs in bones.items():
        x, y = _lines(scene.keypoints_2d[:, row], pairs)
        traces.append(
            graph_objects.Scatter(x=x, y=y, **_style(side, 3, legend=False))
        )
    for side, pairs in bones.items():
        x, y, z = _lines(scene.joints_3d[:, row], pairs)
        # Plotly's z is up.
        traces.append(
            graph_objects.Scatter3d(
                x=x, y=z, z=-y, **_style(side, 7, legend=True)
            )
        )
    return traces


def _style(side: str, width: int, *, legend: bool) -> dict:
    colour = skeleton_plots.COLOURS[side]
    return {
        "mode": "lines+markers",
        "name": side,
        "line": {"color": colour, "width": width},
        "marker": {"color": colour, "size": 2},
        "hoverinfo": "skip",
        "showlegend": legend,
    }


def _lines(points: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Returns [D, P * B * 3]: both ends of every bone, then a gap.

    Args:
      points: [P, J, D].
      pairs: [B, 2] joints.
    """
    ends = points[:, pairs]  # [P, B, 2, D]
    ends[~np.isfinite(ends).all(axis=(2, 3))] = np.nan
    gap = np.full_like(ends[:, :, :1], np.nan)
    lines = np.concatenate([ends, gap], axis=2)
    return lines.reshape(-1, points.shape[-1]).T.astype(np.float32)


def _lay_out(figure, scene: scene_lib.Scene, names, duration: float) -> None:
    """Sets limits, camera, buttons and slider."""
    low, high = scene.limits_2d()
    figure.update_xaxes(range=[low[0], high[0]], visible=False)
    figure.update_yaxes(
        range=[high[1], low[1]], visible=False, scaleanchor="x", scaleratio=1
    )
    figure.update_scenes(
        aspectmode="manual",
        aspectratio=dict.fromkeys("xyz", 1.4),
        camera={
            "eye": {"x": 0.45, "y": -1.4, "z": 0.35},
            "projection": {"type": "orthographic"},
        },
        **_axes_3d(scene),
    )
    figure.update_layout(
        template="plotly_white",
        margin={"l": 10, "r": 10, "t": 40, "b": 10},
        legend={"orientation": "h", "x": 0.4, "y": 1.06, "xanchor": "center"},
        # Turned by hand, it stays so from frame to frame.
        uirevision="kept",
        **_player(names, duration),
    )


def _axes_3d(scene: scene_lib.Scene) -> dict[str, dict]:
    """Returns the axes of a cube, which looks as large from every side."""
    low, high = scene.limits_3d()
    centre, half = (low + high) / 2.0, (high - low).max() / 2.0
    low, high = centre - half, centre + half
    limits = ((low[0], high[0]), (low[2], high[2]), (-high[1], -low[1]))
    titles = ("right", "away from the camera", "up")
    return {
        f"{axis}axis": {
            "range": list(limit),
            "title": {"text": title},
            "showticklabels": False,
        }
        for axis, limit, title in zip("xyz", limits, titles, strict=True)
    }


def _player(names: list[str], duration: float) -> dict[str, list]:
    """Returns the buttons and the slider; a frame lasts `duration` ms."""
    now = {
        "mode": "immediate",
        "fromcurrent": True,
        "transition": {"duration": 0},
        # 3D is drawn anew for every frame, and without it not at all.
        "frame": {"duration": duration, "redraw": True},
    }
    stop = now | {"frame": {"duration": 0, "redraw": True}}
    buttons = {
        "type": "buttons",
        "direction": "left",
        "x": 0.0,
        "y": 0.0,
        "xanchor": "left",
        "yanchor": "top",
        "pad": {"t": 25},
        "buttons": [
            {"label": "Play", "method": "animate", "args": [None, now]},
            {"label": "Pause", "method": "animate", "args": [[None], stop]},
        ],
    }
    slider = {
        "x": 0.16,
        "len": 0.84,
        "y": 0.0,
        "currentvalue": {"prefix": "frame "},
        "steps": [
            {"label": name, "method": "animate", "args": [[name], stop]}
            for name in names
        ],
    }
    return {"updatemenus": [buttons], "sliders": [slider]}
