"""The best checkpoint by held-out 2D, and early stopping."""

import json

import numpy as np
import pytest

from tf_poselift import skeletons
from tf_poselift.data import synthetic
from tf_poselift.data import writer
from tf_poselift.training import label_free
from tf_poselift.training import run_folder
from tf_poselift.training import training

pytestmark = pytest.mark.usefixtures("eagerly")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("data"))
    table = synthetic.table(skeletons.load("human36m_17"), clips=4, frames=20)
    writer.write({"train": table, "validation": table}, folder, name="seen")
    return folder


def train(data_dir, workdir, steps, **options):
    options = {"overrides": ["width=16", "average_decay=0.9"]} | options
    return training.train(
        "kudo2018",
        dataset="seen",
        data_dir=data_dir,
        workdir=workdir,
        steps=steps,
        batch_size=8,
        strategy="one",
        save_every=2,
        log_every=2,
        **options,
    )


@pytest.fixture
def measures(monkeypatch):
    """Makes the measure of the n-th checkpoint that is measured `values[n]`."""

    def use(*values):
        values = iter(values)
        monkeypatch.setattr(
            label_free, "measure", lambda *_: {"label_free": next(values)}
        )

    return use


def test_the_best_is_kept_and_loaded(data_dir, tmp_path, measures, capsys):
    measures(0.3, 0.1, 0.2)
    train(data_dir, tmp_path, 6)
    stored = json.loads((tmp_path / "best" / "label_free.json").read_text())
    assert stored["best"] == 4
    assert stored["label_free"] == {"2": 0.3, "4": 0.1, "6": 0.2}
    assert run_folder.load(tmp_path).step == 6
    best = run_folder.load(tmp_path, checkpoint="best")
    assert best.step == 4
    at_4 = run_folder.load(
        tmp_path, checkpoint=str(tmp_path / "checkpoints" / "checkpoint-4")
    )
    for one, other in zip(
        best.method.lifter.get_weights(),
        at_4.method.lifter.get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)
    assert "Best without labels: step 4" in capsys.readouterr().out


def test_measuring_changes_no_weight(data_dir, tmp_path):
    """Averages are measured, and training goes on from the weights."""
    train(data_dir, tmp_path / "measured", 6)
    table = synthetic.table(skeletons.load("human36m_17"), clips=4, frames=20)
    writer.write({"train": table}, str(tmp_path), name="seen")
    train(str(tmp_path), tmp_path / "plain", 6)
    one, other = (
        run_folder.load(tmp_path / name, averaged=False).method
        for name in ("measured", "plain")
    )
    for name, network in one.networks.items():
        for a, b in zip(
            network.get_weights(),
            other.networks[name].get_weights(),
            strict=True,
        ):
            np.testing.assert_array_equal(a, b)
    assert not (tmp_path / "plain" / "best").exists()


def test_patience_ends_a_run_and_the_same_call_does_nothing(
    data_dir, tmp_path, measures, capsys
):
    measures(0.3, 0.1, 0.2, 0.2)
    train(data_dir, tmp_path, 20, patience=2)
    out = capsys.readouterr().out
    assert "Ended at step 8: 2 checkpoints not better" in out
    assert run_folder.load(tmp_path).step == 8
    train(data_dir, tmp_path, 20, patience=2)
    assert "Nothing to do" in capsys.readouterr().out
    measures(0.05)
    train(data_dir, tmp_path, 10)  # without patience it goes on
    assert run_folder.load(tmp_path, checkpoint="best").step == 10


def test_patience_needs_held_out_clips(tmp_path):
    table = synthetic.table(skeletons.load("human36m_17"), clips=2, frames=9)
    writer.write({"train": table}, str(tmp_path), name="seen")
    with pytest.raises(ValueError, match="`patience` needs a `validation`"):
        train(str(tmp_path), tmp_path / "run", 2, patience=1)
    assert not (tmp_path / "run").exists()
