import numpy as np
import pytest

from tf_poselift.training import growth_benchmark


@pytest.mark.usefixtures("eagerly")
def test_one_size_is_varied_at_a_time():
    points = growth_benchmark.measure(
        "kudo2018",
        overrides=("width=16",),
        batch_size=8,
        batch_sizes=(4,),
        joints=(6,),
        poses=(30_000,),
        streamed=(20_000,),
        steps=2,
        rounds=1,
    )
    varied = [(point.varied, point.value) for point in points]
    assert varied == [
        ("batch_size", 4),
        ("joints", 6),
        ("poses", 30_000),
        ("streamed", 20_000),
    ]
    for point in points:
        assert point.step_ms > 0 and point.products_ms > 0
        np.testing.assert_allclose(
            point.ratio, point.products_ms / point.step_ms
        )
    figure = growth_benchmark.figure(points)
    labels = [axes.get_xlabel() for axes in figure.axes]
    assert labels == [
        "poses of a step",
        "joints",
        "poses on the device",
        "poses streamed from records",
    ]
    step, products = figure.axes[1].get_lines()
    assert list(step.get_xdata()) == [6]
    assert list(step.get_ydata()) == [points[1].step_ms]
    assert list(products.get_ydata()) == [points[1].products_ms]


@pytest.mark.parametrize("joints", [5, 6, 17, 136])
def test_made_up_skeletons_have_any_number_of_joints(joints):
    skeleton = growth_benchmark.made_up(joints)
    assert skeleton.num_joints == joints
    assert len(skeleton.pairs) == (joints - 3) // 2
    assert skeleton.facing is not None
