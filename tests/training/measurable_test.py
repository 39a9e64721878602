"""Held-out clips that cannot be measured keep nobody from training."""

import dataclasses

import pytest

from tf_poselift import skeletons
from tf_poselift.data import synthetic
from tf_poselift.data import writer
from tf_poselift.training import training

pytestmark = pytest.mark.usefixtures("eagerly")
SKELETON = skeletons.load("human36m_17")
UNPAIRED = dataclasses.replace(SKELETON, name="unpaired", pairs=(), facing=None)


def stills(folder: str) -> None:
    table = synthetic.table(UNPAIRED, clips=8, frames=1, views=2)
    writer.write({"train": table, "validation": table}, folder, name="bad")


def headless(folder: str) -> None:
    table = synthetic.table(SKELETON, clips=2, frames=9, views=1)
    nobody = synthetic.table(SKELETON, clips=2, frames=9, views=1)
    nobody.scores[..., 0] = 0.0
    writer.write({"train": table, "validation": nobody}, folder, name="bad")


def train(folder, steps: int, **options):
    return training.train(
        "kudo2018",
        dataset="bad",
        data_dir=str(folder),
        workdir=folder / "run",
        steps=steps,
        batch_size=8,
        overrides=["width=16", "facing_weight=0"],
        strategy="one",
        save_every=1,
        **options,
    )


@pytest.mark.parametrize(
    ("make", "words"), [(stills, "with pairs"), (headless, "none of 18")]
)
def test_it_is_said_once_and_the_run_goes_on(tmp_path, capsys, make, words):
    make(str(tmp_path))
    with pytest.raises(ValueError, match=f"`patience` needs .*{words}"):
        train(tmp_path, 2, patience=1)
    assert not (tmp_path / "run").exists()
    train(tmp_path, 2)
    out = capsys.readouterr().out
    assert out.count("WARNING: no best checkpoint") == 1
    assert words in out
    assert "Trained to step 2" in out
    train(tmp_path, 3)
    assert "Continuing from step 2" in capsys.readouterr().out
    assert not (tmp_path / "run" / "best").exists()
