import numpy as np
import pytest

from tf_poselift.visualization import heat_map
from tf_poselift.visualization import skeleton_plots

NAMES = {
    "title": "title",
    "row_label": "moved",
    "column_label": "depth",
    "unit": "change",
}


def test_high_is_bright_and_unknown_is_blank():
    values = np.array([[0.0, 4.0, np.nan]])
    figure = heat_map.draw(values, rows=["a"], columns=["x", "y", "z"], **NAMES)
    axes = figure.axes[0]
    assert [t.get_text() for t in axes.get_xticklabels()] == ["x", "y", "z"]
    (image,) = axes.get_images()
    low, high, blank = image.to_rgba(image.get_array())[0]
    assert low[:3].sum() < high[:3].sum()
    assert blank[3] == 0.0
    assert image.get_clim() == (0.0, 4.0)
    assert skeleton_plots.to_image(figure).std() > 0


def test_names_must_fit():
    with pytest.raises(ValueError, match=r"\(1, 2\). Received: \(2, 2\)"):
        heat_map.draw(np.zeros((2, 2)), rows=["a"], columns=["x", "y"], **NAMES)
