"""Table and figure of results worked out by hand."""

from tf_poselift.evaluation import comparison_report


def run(seed, last, averaged=None, *, commit="abc", minutes=1.0):
    """Two points: 100 mm at step 5, then what is given, at step 10."""
    points = []
    for weights, value in (("last", last), ("averaged", averaged)):
        if value is not None:
            points += [
                {
                    "step": step,
                    "weights": weights,
                    "metrics": {"pa_mpjpe": error, "mirror_rate": 0.25},
                }
                for step, error in ((5, 100.0), (10, value))
            ]
    return {
        "run": {"steps": 10},
        "seed": seed,
        "commit": commit,
        "minutes": minutes,
        "points": points,
    }


def content(**changes):
    return {
        "experiment": "ablation",
        "claim": "A claim.",
        "scale": "small",
        "settings": {"steps": 10, "batch_size": 1024, "config": ["width=8"]},
        "data": ["toy:1.0.0"],
        "split": "test",
        "input_noise": [],
        "metrics": [],
        "curves": ["pa_mpjpe", "mirror_rate"],
        "poses": 1234,
        "floor": {"pa_mpjpe": 110.0, "mirror_rate": 0.0},
        "machine": "2 cores",
        "date": "2026-01-01",
        "command": "python a.py",
        "rows": [
            {
                "label": "full",
                "runs": [run(0, 80.0, 70.0), run(1, 84.0, 72.0, minutes=3.0)],
            },
            {"label": "less", "runs": [run(0, 90.0, commit="def")]},
            {"label": "failed", "runs": []},
        ],
        "failures": [{"row": "failed", "seed": 0, "error": "Not finite."}],
        **changes,
    }


def test_means_and_deviations_over_seeds():
    # Of 80 and 84: mean 82, deviation sqrt(2 * 2^2 / 1) = 2.83.
    lines = comparison_report.markdown(content()).splitlines()
    assert lines[0] == "**ablation** (small). A claim."
    assert lines[2:8] == [
        "| row | weights | seeds | `pa_mpjpe` | `mirror_rate` |",
        "| --- | --- | --- | --- | --- |",
        "| full | last | 2 | 82.0 ± 2.8 | 25.0 ± 0.0 |",
        "| full | averaged | 2 | 71.0 ± 1.4 | 25.0 ± 0.0 |",
        "| less | last | 1 | 90.0 | 25.0 |",
        "| floor: depth 0 |  |  | 110.0 | 0.0 |",
    ]


def test_notes_say_how_it_was_made():
    text = comparison_report.markdown(content(input_noise=["pixels=8"]))
    assert "10 steps of 1,024 poses, `width=8`; 1,234 poses of `test`" in text
    assert "2D with noise (pixels=8)" in text
    assert "1.0 to 3.0 minutes a run on 2 cores" in text
    assert "commit abc, def" in text
    assert "`python a.py`" in text
    assert "Failed: failed, seed 0: Not finite." in text


def test_curves_of_rows_and_weights():
    figure = comparison_report.figure(content())
    errors, shares = figure.axes
    assert errors.get_title(loc="left") == "pa_mpjpe (mm)"
    assert shares.get_title(loc="left") == "mirror_rate (%)"
    drawn = {line.get_label(): line for line in errors.get_lines()}
    assert list(drawn["full"].get_ydata()) == [100.0, 82.0]
    assert list(drawn["full, averaged weights"].get_ydata()) == [100.0, 71.0]
    assert list(drawn["less"].get_ydata()) == [100.0, 90.0]
    assert [text.get_text() for text in errors.texts] == ["depth 0"]
    assert not shares.texts


def test_a_curve_has_the_steps_that_all_seeds_have():
    more = run(1, 84.0)
    more["points"].append(
        {"step": 7, "weights": "last", "metrics": {"pa_mpjpe": 1.0}}
    )
    rows = [{"label": "full", "runs": [run(0, 80.0), more]}]
    figure = comparison_report.figure(content(rows=rows, curves=["pa_mpjpe"]))
    line = figure.axes[0].get_lines()[0]
    assert list(line.get_xdata()) == [5, 10]
