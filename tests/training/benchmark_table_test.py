import json

import pytest

from tf_poselift.training import benchmark_table

STEP = {"what": "step", "method": "kudo2018", "batch_size": 64, "config": ""}


def write(tmp_path, values) -> str:
    path = tmp_path / "earlier.json"
    path.write_text(json.dumps(values))
    return str(path)


def test_a_value_stands_beside_the_earlier_one(tmp_path):
    earlier = benchmark_table.read(
        write(
            tmp_path,
            STEP | {"device": "GPU", "step_ms": 4.0, "input_percent": 0.1},
        )
    )
    benchmark_table.check_same(STEP, earlier)
    now = STEP | {"device": "CPU", "step_ms": 6.0, "input_percent": 0.4}
    lines = benchmark_table.lines(now, earlier)
    assert [line.split() for line in lines] == [
        ["what", "step", "step"],
        ["method", "kudo2018", "kudo2018"],
        ["batch_size", "64", "64"],
        ["config"],
        ["device", "CPU", "GPU"],
        ["step_ms", "6", "4", "x", "1.50"],
        ["input_percent", "0.4", "0.1"],
        "not the same: device: CPU, then GPU".split(),
    ]


def test_rows_are_compared_by_their_keys(tmp_path):
    growth = {"what": "growth", "method": "kudo2018"}

    def point(varied, value, step_ms):
        return {"varied": varied, "value": value, "step_ms": step_ms}

    earlier = benchmark_table.read(
        write(
            tmp_path,
            growth
            | {
                "points": [
                    point("joints", 8, 5.0),
                    point("batch_size", 64, 2.0),
                    point("batch_size", 8, 1.0),
                ]
            },
        )
    )
    points = [
        point("batch_size", 8, 3.0),
        point("batch_size", 16, 3.5),
        point("joints", 8, 4.0),
    ]
    now = growth | {"points": points}
    assert [
        " ".join(line.split()) for line in benchmark_table.lines(now, earlier)
    ][2:] == [
        "batch_size 8, step_ms 3 1 x 3.00",
        "batch_size 16: only now",
        "joints 8, step_ms 4 5 x 0.80",
        "batch_size 64: only then",
    ]
    # Alone, rows are left to whoever made them.
    assert len(benchmark_table.lines(now)) == 2


@pytest.mark.parametrize(
    "other",
    [
        {"what": "growth"},
        {"method": "svma2021"},
        {"batch_size": 128},
        {"config": "width=16"},
    ],
)
def test_another_setting_is_refused(tmp_path, other):
    ((name, value),) = other.items()
    earlier = benchmark_table.read(write(tmp_path, STEP | other))
    message = (
        f"the same `{name}`. Received: {value}, now {STEP[name] or 'none'}"
    )
    with pytest.raises(ValueError, match=message):
        benchmark_table.check_same(STEP, earlier)


def test_a_file_without_the_settings_is_refused(tmp_path):
    earlier = benchmark_table.read(write(tmp_path, {"step_ms": 1.0}))
    with pytest.raises(ValueError, match="`what`. Received: none, now step"):
        benchmark_table.check_same(STEP, earlier)


def test_another_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match="a file that `--json` wrote"):
        benchmark_table.read(write(tmp_path, [1, 2]))
