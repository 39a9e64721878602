import numpy as np
import pytest

from tf_poselift.visualization import curves
from tf_poselift.visualization import skeleton_plots

STEPS = [10, 20, 30]


def curve(label="a", values=((3.0, 2.0, 1.0), (5.0, 4.0, 3.0)), **fields):
    return curves.Curve(label, STEPS, np.array(values), **fields)


def test_line_is_the_mean_and_band_the_range_of_the_seeds():
    figure = curves.curve_figure({"error (mm)": [curve()]})
    (axes,) = figure.axes
    (line,) = axes.get_lines()
    np.testing.assert_array_equal(line.get_xdata(), STEPS)
    np.testing.assert_array_equal(line.get_ydata(), [4.0, 3.0, 2.0])
    (band,) = axes.collections
    corners = band.get_paths()[0].vertices
    for low, high, step in zip((3, 2, 1), (5, 4, 3), STEPS, strict=True):
        at = corners[corners[:, 0] == step][:, 1]
        assert (at.min(), at.max()) == (low, high)
    assert axes.get_title(loc="left") == "error (mm)"


def test_one_legend_for_all_panels():
    both = [curve("a"), curve("b", colour=1), curve("c", dashed=True)]
    figure = curves.curve_figure(
        {"one": both, "two": both[:1]},
        levels={"one": 2.5},
        level_label="floor",
    )
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b", "c"]
    first, second = figure.axes
    # A dashed line has no band; the level is a line, not in the legend.
    assert len(first.collections) == 2
    assert len(first.get_lines()) == 4
    assert first.texts[0].get_text() == "floor"
    assert len(second.get_lines()) == 1
    lines = first.get_lines()
    assert lines[0].get_color() == lines[2].get_color() == curves.COLOURS[0]
    assert lines[1].get_color() == curves.COLOURS[1]


def test_is_drawn():
    image = skeleton_plots.to_image(curves.curve_figure({"one": [curve()]}))
    assert image.std() > 5
    blue = (image == (0, 114, 178)).all(axis=-1)
    assert blue.sum() > 100


@pytest.mark.parametrize("panels", [{}, {"one": []}])
def test_nothing_to_draw_is_refused(panels):
    with pytest.raises(ValueError, match="`panels` must have at least one"):
        curves.curve_figure(panels)


def test_values_that_do_not_fit_the_steps_are_refused():
    with pytest.raises(ValueError, match=r"`a` must have shape \[\*, 3\]"):
        curves.curve_figure({"one": [curve(values=[[1.0, 2.0]])]})
