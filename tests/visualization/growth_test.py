import pytest

from tf_poselift.visualization import growth
from tf_poselift.visualization import skeleton_plots


def test_both_axes_are_logarithmic_and_lines_named_once():
    panels = {
        "poses": ([1, 10, 100], {"step": [2, 3, 9], "limit": [1, 2, 8]}),
        "joints": ([8, 16], {"step": [2, 4], "limit": [1, 3]}),
    }
    figure = growth.growth_figure(panels, y_label="ms")
    first, second = figure.axes
    assert first.get_xscale() == second.get_yscale() == "log"
    assert [t.get_text() for t in first.get_xticklabels()] == ["1", "10", "100"]
    assert first.get_ylabel() == "ms" and second.get_ylabel() == ""
    names = [text.get_text() for text in first.get_legend().get_texts()]
    assert names == ["step", "limit"]
    assert second.get_legend() is None
    assert skeleton_plots.to_image(figure).std() > 5


def test_nothing_to_draw_is_refused():
    with pytest.raises(ValueError, match="`panels` must not be empty"):
        growth.growth_figure({}, y_label="ms")
