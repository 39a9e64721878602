"""The description of experiments, and that of trainers/experiments.yaml."""

import pathlib

import pytest

from tf_poselift import metrics
from tf_poselift.evaluation import experiments

ROOT = pathlib.Path(__file__).parents[2]
SHIPPED = experiments.read(ROOT / "trainers" / "experiments.yaml")
TEXT = """
ablation:
  claim: a claim
  dataset: synthetic
  rows:
    - {label: "with, all", method: kudo2018}
    - label: without
      method: kudo2018
      config: [facing_weight=0, "batch_size={steps}"]
      noise: [pixels=2]
  scales:
    small: {steps: 20, batch_size: 16, seeds: 2, config: [width=8]}
"""


def read(tmp_path, text):
    path = tmp_path / "experiments.yaml"
    path.write_text(text)
    return experiments.read(path)


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_every_shipped_row_fits_its_method(name):
    experiment = SHIPPED[name]
    assert set(experiment.scales) == {"small", "full"}
    for scale in experiment.scales.values():
        for row in experiment.rows:
            run = experiments.describe(experiment, scale, row, seed=0)
            assert "{" not in "".join(run.overrides)
    for part in experiment.dataset.split(","):
        assert (ROOT / "datasets" / part.split("/")[0]).is_dir()


def test_shipped_columns_are_metrics():
    for experiment in SHIPPED.values():
        known = set(dir(metrics))
        if {row.method for row in experiment.rows} == {"yu2021"}:
            known.add("mpjpe_headroot_unit")  # of `evaluation.scale_track`
        assert {*experiment.metrics, *experiment.curves} <= known


@pytest.mark.parametrize(
    "name", ["svma_reference", "tipsy_reference", "yu_reference"]
)
def test_what_is_compared_with_a_reference_is_trained_as_long(name):
    full = SHIPPED[name].scales["full"]
    length = f"{full.steps:,} x {full.batch_size:,}"
    assert length in SHIPPED[name].claim
    assert "width=1024" in full.config


@pytest.mark.parametrize(
    ("name", "compared"),
    [
        ("yu_table4", {"normalization", "scale", "prior", "kl_weight"}),
        ("yu_figure6", {"lifter_steps"}),
    ],
)
def test_rows_differ_in_nothing_but_what_is_compared(name, compared):
    others = {
        tuple(x for x in row.config if x.partition("=")[0] not in compared)
        for row in SHIPPED[name].rows
    }
    assert len(others) == 1


def test_what_a_row_trains(tmp_path):
    experiment = read(tmp_path, TEXT)["ablation"]
    scale = experiment.scales["small"]
    run = experiments.describe(experiment, scale, experiment.rows[1], seed=1)
    assert run.overrides == ("width=8", "facing_weight=0", "batch_size=20")
    assert (run.steps, run.batch_size, run.seed) == (20, 16, 1)
    assert run.noise == ("pixels=2",)
    assert run.split == "test"
    assert experiments.folder_name("with, all") == "with_all"


def test_views_share_the_poses_of_a_batch(tmp_path):
    text = TEXT.replace("method: kudo2018}", "method: kudo2018, views: 4}")
    experiment = read(tmp_path, text)["ablation"]
    scale = experiment.scales["small"]
    run = experiments.describe(experiment, scale, experiment.rows[0], seed=0)
    assert run.batch_size == 4
    text = text.replace("batch_size: 16", "batch_size: 6")
    experiment = read(tmp_path, text)["ablation"]
    with pytest.raises(ValueError, match="multiple of the 4 views .*: 6"):
        experiments.describe(
            experiment, experiment.scales["small"], experiment.rows[0], 0
        )


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("claim: a claim", "clam: x", "`ablation` must be .*Unknown fields"),
        ("  claim: a claim\n", "", "must be .*missing 1 required.*'claim'"),
        ("label: without", "label: with. all", None),
        ("label: without", "label: with! all", "labels of their own"),
        (
            "label: without",
            "teacher: nobody\n      label: b",
            "`teacher` of `b` .*earlier row. Received: `nobody`; .*with, all",
        ),
    ],
)
def test_descriptions_that_do_not_fit(tmp_path, old, new, words):
    assert old in TEXT
    text = TEXT.replace(old, new)
    if words is None:
        read(tmp_path, text)
        return
    with pytest.raises(ValueError, match=words):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("facing_weight=0", "facing=0", "Unknown field `facing`"),
        ("pixels=2", "pixel=2", "Unknown field `pixel`"),
        ("pixels=2", "missing=2", r"`missing` .* in \[0, 1\]"),
        ("label: without\n      method: kudo2018", "{M}", "method `kudo`"),
    ],
)
def test_rows_that_do_not_fit_their_method(tmp_path, old, new, words):
    new = new.replace("{M}", "label: without\n      method: kudo")
    experiment = read(tmp_path, TEXT.replace(old, new))["ablation"]
    with pytest.raises(ValueError, match=words):
        experiments.describe(
            experiment, experiment.scales["small"], experiment.rows[1], 0
        )


def test_the_summary_names_everything(tmp_path):
    lines = experiments.summary(read(tmp_path, TEXT))
    assert lines == [
        "ablation: a claim",
        "  small: 2 rows x 2 seeds, 20 steps of 16 poses width=8",
        "    with, all: kudo2018 ",
        "    without: kudo2018 facing_weight=0 batch_size={steps}",
    ]


def test_precision_is_part_of_what_is_trained(tmp_path):
    text = TEXT.replace(
        "method: kudo2018}", "method: kudo2018, precision: mixed_bfloat16}"
    )
    assert text != TEXT
    experiment = read(tmp_path, text)["ablation"]
    size = experiment.scales["small"]
    runs = [
        experiments.describe(experiment, size, row, 0)
        for row in experiment.rows
    ]
    assert [run.precision for run in runs].count("mixed_bfloat16") == 1
    assert runs[1].precision == "float32"
