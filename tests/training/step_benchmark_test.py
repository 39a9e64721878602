import pytest

from tf_poselift.training import matrix_products
from tf_poselift.training import step_benchmark


def test_measure_is_consistent():
    result = step_benchmark.measure(
        "kudo2018", batch_size=8, overrides=("width=16",), steps=2, rounds=2
    )
    assert result.step_ms > 0 and result.products_ms > 0
    rate = result.gflop_per_step / result.step_ms * 1e3
    assert abs(rate / result.step_gflops - 1) < 1e-6
    assert 0 < result.ratio < 10


@pytest.mark.usefixtures("eagerly")
def test_a_method_without_a_network_called_lifter():
    result = step_benchmark.measure(
        "tipsy_gan2022",
        batch_size=8,
        overrides=("width=16", "blocks=1"),
        steps=1,
        rounds=1,
    )
    assert result.step_ms > 0


@pytest.mark.usefixtures("eagerly")
def test_peak_memory_is_that_of_the_step(monkeypatch):
    calls = []
    monkeypatch.setattr(
        step_benchmark, "_peak_memory", lambda: calls.append("peak") or 2**31
    )
    operands = matrix_products.operands
    monkeypatch.setattr(
        matrix_products,
        "operands",
        lambda products: calls.append("operands") or operands(products),
    )
    result = step_benchmark.measure(
        "kudo2018", batch_size=8, overrides=("width=16",), steps=1, rounds=1
    )
    assert calls == ["peak", "operands"]
    assert result.peak_memory_gib == 2.0
