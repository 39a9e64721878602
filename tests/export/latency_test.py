import dataclasses
import json
import time

import numpy as np
import pytest

from tf_poselift import methods
from tf_poselift import skeletons
from tf_poselift.export import latency
from tf_poselift.export import latency_worker


@pytest.fixture
def method():
    kudo2018 = methods.load("kudo2018")
    skeleton = skeletons.load("human36m_17")
    return kudo2018.Method(skeleton, kudo2018.Config(width=16, blocks=1))


def test_products_are_those_of_the_served_networks(method):
    assert latency.products_of(method) == [
        (34, 16),
        (16, 16),
        (16, 16),
        (16, 17),
    ]


def test_the_median_of_calls_is_told():
    calls = []

    def call():
        calls.append(len(calls))
        time.sleep(0.02 if len(calls) == 3 else 0.001)

    taken = latency_worker.median_seconds(call, 0.0)
    assert len(calls) == 6  # one to warm up, five at least
    assert 0.001 <= taken < 0.02


def test_products_are_multiplied_batch_by_batch():
    task = {"products": [(3, 4), (4, 2)]}
    first, second = latency_worker.products(task)(5)()
    assert (first.shape, second.shape) == ((5, 4), (5, 2))
    # Of [5, 3] and [3, 4]: a product, not any four columns.
    assert np.linalg.matrix_rank(first, tol=1e-4) == 3
    assert np.linalg.matrix_rank(second, tol=1e-4) == 2


def test_table_has_a_row_for_every_engine():
    rows = [
        latency.Row(engine, batch, milliseconds, ratio)
        for engine, batch, milliseconds, ratio in [
            ("a", 1, 0.1, 1.0),
            ("b", 1, 0.25, 2.5),
            ("a", 64, 2.0, 1.0),
            ("b", 64, 1.5, 0.75),
        ]
    ]
    result = latency.Result("toy", 1, "cpu", 4.0, 5, rows)
    assert latency.table(result).splitlines() == [
        "| engine | batch 1 | batch 64 |",
        "| --- | --- | --- |",
        "| a | 0.1 ms, 1.00 x | 2 ms, 1.00 x |",
        "| b | 0.25 ms, 2.50 x | 1.5 ms, 0.75 x |",
    ]
    json.dumps(dataclasses.asdict(result))


def test_an_engine_that_ends_is_an_error():
    with pytest.raises(ValueError, match="An engine must run. Received: exit"):
        with latency._worker({"engine": "savedmodel", "threads": 1}, {}):
            pass


@pytest.mark.slow
def test_every_engine_is_timed(method):
    pytest.importorskip("ai_edge_litert", reason="needs the extra `edge`")
    pytest.importorskip("tf2onnx", reason="needs the extra `edge`")
    result = latency.measure(method, batch_sizes=(1, 8), rounds=2, threads=1)
    assert len({row.engine for row in result.rows}) == 7
    assert len(result.rows) == 14
    assert all(row.milliseconds > 0.0 for row in result.rows)
    products = [r for r in result.rows if r.engine == latency.PRODUCTS]
    assert [row.ratio for row in products] == [1.0, 1.0]
