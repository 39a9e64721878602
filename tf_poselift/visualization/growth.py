"""How a time grows with a size: both axes logarithmic. Drawn without pyplot."""

from collections.abc import Mapping
from collections.abc import Sequence

from matplotlib import figure as mpl_figure
from matplotlib import ticker
from matplotlib.backends import backend_agg

from tf_poselift.visualization import curves

Panel = tuple[Sequence[float], Mapping[str, Sequence[float]]]


def growth_figure(
    panels: Mapping[str, Panel], *, y_label: str
) -> mpl_figure.Figure:
    """Draws one panel for every size, side by side.

    Args:
      panels: {name of the size: (its values, {line: one value for each})}; a
        line has the same colour in every panel, by its place.
      y_label: what the lines are, and their unit.
    """
    if not panels:
        raise ValueError("`panels` must not be empty. Received: none.")
    figure = mpl_figure.Figure(figsize=(3.6 * len(panels), 3.4), dpi=120)
    backend_agg.FigureCanvasAgg(figure)
    grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (name, (sizes, lines)) in zip(grid, panels.items(), strict=True):
        for (label, values), colour in zip(
            lines.items(), curves.COLOURS, strict=False
        ):
            axes.loglog(
                sizes,
                values,
                marker="o",
                markersize=4,
                linewidth=1.6,
                color=colour,
                label=label,
            )
        axes.set_xlabel(name)
        axes.set_xticks(sizes, [f"{size:,.0f}" for size in sizes], fontsize=8)
        axes.xaxis.set_minor_locator(ticker.NullLocator())
        axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_formatter(ticker.NullFormatter())
        axes.grid(axis="y", color="#E4E4E2", linewidth=0.8)
        axes.set_axisbelow(True)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    grid[0].set_ylabel(y_label)
    grid[0].legend(frameon=False, fontsize=9)
    figure.tight_layout()
    return figure
