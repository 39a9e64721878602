"""Curves of an error over training: one line a row, a band over its seeds.

Colours keep apart for the colour-blind (Okabe and Ito, without its yellow,
which is too pale for a line). Drawn with Agg and without pyplot.
"""

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
from matplotlib import axes as mpl_axes
from matplotlib import figure as mpl_figure
from matplotlib import ticker
from matplotlib.backends import backend_agg

COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#E69F00",
    "#4D4D4D",
)
_MARKERS = "osD^"  # the next one when the colours come round
_INK = "#222222"
_FAINT = "#8A8A8A"


@dataclasses.dataclass(frozen=True)
class Curve:
    """One line.

    Attributes:
      label: its name; the same curve has the same label in every panel.
      steps: [S] numbers of updates.
      values: [R, S], one row for every seed.
      colour: index into `COLOURS`, taken round with another marker.
      dashed: tells apart two lines of one colour; it has no band.
    """

    label: str
    steps: Sequence[int]
    values: np.ndarray
    colour: int = 0
    dashed: bool = False


def curve_figure(
    panels: Mapping[str, Sequence[Curve]],
    *,
    levels: Mapping[str, float] | None = None,
    level_label: str = "",
) -> mpl_figure.Figure:
    """Draws one panel for every quantity, side by side, with one legend.

    Args:
      panels: {name of the y axis: curves}; the line is the mean over seeds,
        the band reaches from the lowest seed to the highest.
      levels: {name of the y axis: value} of a dotted line to compare with.
      level_label: what the dotted line is.
    """
    if not panels or not all(panels.values()):
        raise ValueError(
            "`panels` must have at least one curve each. Received: "
            f"{ {name: len(curves) for name, curves in panels.items()} }."
        )
    labels = {c.label for curves in panels.values() for c in curves}
    legend = 0.2 * -(-len(labels) // len(panels)) + 0.1  # inches
    height = 3.5 + legend
    figure = mpl_figure.Figure(
        figsize=(max(4.8 * len(panels), 6.0), height), dpi=120
    )
    backend_agg.FigureCanvasAgg(figure)
    grid = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (name, curves) in zip(grid, panels.items(), strict=True):
        _draw(axes, name, curves)
        level = (levels or {}).get(name)
        if level is not None:
            _draw_level(axes, level, level_label)
    handles = {
        line.get_label(): line
        for axes in grid
        for line in axes.get_lines()
        if not line.get_label().startswith("_")
    }
    figure.tight_layout(rect=(0, legend / height, 1, 1))
    figure.legend(
        handles=list(handles.values()),
        loc="lower left",
        bbox_to_anchor=(0.02, 0.0),
        ncols=len(panels),
        fontsize=9,
        labelcolor=_INK,
        frameon=False,
        handlelength=2.6,
        borderpad=0.2,
    )
    return figure


def _draw(axes: mpl_axes.Axes, name: str, curves: Sequence[Curve]) -> None:
    for curve in curves:
        values = np.asarray(curve.values, np.float64)
        if values.ndim != 2 or values.shape[1] != len(curve.steps):
            raise ValueError(
                f"`values` of the curve `{curve.label}` must have shape [*, "
                f"{len(curve.steps)}]. Received: {values.shape}."
            )
        turn, colour = divmod(curve.colour, len(COLOURS))
        colour = COLOURS[colour]
        if not curve.dashed:
            axes.fill_between(
                curve.steps,
                values.min(axis=0),
                values.max(axis=0),
                color=colour,
                alpha=0.15,
                linewidth=0,
            )
        axes.plot(
            curve.steps,
            values.mean(axis=0),
            color=colour,
            linestyle=(0, (3, 1.5)) if curve.dashed else "-",
            linewidth=1.8,
            # A dashed line has one at its end, or it would look as another's.
            marker=_MARKERS[turn % len(_MARKERS)],
            markevery=[-1] if curve.dashed else None,
            markersize=4,
            label=curve.label,
        )
    axes.set_title(name, fontsize=10, color=_INK, loc="left")
    axes.set_xlabel("updates", fontsize=9, color=_INK)
    axes.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,.0f}"))
    axes.set_xlim(left=0)
    axes.grid(axis="y", color="#E4E4E2", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=9, colors=_INK, length=0)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(_FAINT)


def _draw_level(axes: mpl_axes.Axes, level: float, label: str) -> None:
    axes.axhline(level, color=_FAINT, linewidth=1.2, linestyle=":")
    axes.annotate(
        label,
        (0, level),
        xycoords=("axes fraction", "data"),
        xytext=(4, 3),
        textcoords="offset points",
        fontsize=8,
        color=_FAINT,
    )
