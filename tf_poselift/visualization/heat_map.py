"""A heat map: one number for every pair of two lists of names."""

from collections.abc import Sequence

import numpy as np
from matplotlib import figure as mpl_figure
from matplotlib.backends import backend_agg

_CELL = 0.36  # width and height of a cell, inches
_MARGINS = (1.7, 1.4, 1.0, 0.4)  # left, top, right, bottom, inches


def draw(
    values: np.ndarray,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    title: str,
    row_label: str,
    column_label: str,
    unit: str,
) -> mpl_figure.Figure:
    """Draws values as cells of one colour scale, dark is low.

    Args:
      values: [R, C]; what is not finite stays blank.
      rows: R names, from the top.
      columns: C names, from the left.
      title: of the figure.
      row_label: what the rows are.
      column_label: what the columns are.
      unit: what the colours are.

    Raises:
      ValueError: if the names are not as many as the values.
    """
    if np.shape(values) != (len(rows), len(columns)):
        raise ValueError(
            "`values` must have a row and a column for every name, "
            f"{(len(rows), len(columns))}. Received: {np.shape(values)}."
        )
    left, top, right, bottom = _MARGINS
    width = left + _CELL * len(columns) + right
    height = top + _CELL * len(rows) + bottom
    figure = mpl_figure.Figure(figsize=(width, height), dpi=100)
    backend_agg.FigureCanvasAgg(figure)
    axes = figure.add_axes(
        (
            left / width,
            bottom / height,
            _CELL * len(columns) / width,
            _CELL * len(rows) / height,
        )
    )
    shown = np.ma.masked_invalid(values)
    image = axes.imshow(shown, cmap="viridis", vmin=0.0, aspect="auto")
    axes.set_xticks(range(len(columns)), columns, rotation=90, fontsize=8)
    axes.set_yticks(range(len(rows)), rows, fontsize=8)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel(column_label, fontsize=9)
    axes.set_ylabel(row_label, fontsize=9)
    bar = figure.add_axes(
        (
            (width - right + 0.15) / width,
            bottom / height,
            0.12 / width,
            _CELL * len(rows) / height,
        )
    )
    figure.colorbar(image, cax=bar).set_label(unit, fontsize=8)
    bar.tick_params(labelsize=7)
    figure.text(
        0.5, 1 - 0.12 / height, title, ha="center", va="top", fontsize=10
    )
    return figure
