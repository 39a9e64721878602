"""`datasets/check.py` as a user calls it, for every data set."""

import os
import pathlib
import subprocess
import sys

import pytest

DATASETS = pathlib.Path(__file__).parents[2] / "datasets"
NAMES = sorted(path.parent.name for path in DATASETS.glob("*/dummy_data"))


def _check(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(DATASETS / "check.py"), *arguments],
        env=os.environ | {"TF_POSELIFT_DATA": ""},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_what_is_found_and_what_is_missing(tmp_path):
    whole = _check(
        "--dataset=cmu_bvh", f"--manual_dir={DATASETS / 'cmu_bvh/dummy_data'}"
    )
    assert whole.returncode == 0, whole.stderr
    assert "found  dance, for train: " in whole.stdout
    (tmp_path / "splits.yaml").write_text("train: [salsa]")
    half = _check("--dataset=cmu_bvh", f"--manual_dir={tmp_path}")
    assert half.returncode == 1
    assert "missing  salsa/*.bvh, which splits.yaml names" in half.stdout
    assert "The folder must hold <collection>/*.bvh" in half.stdout


def test_the_columns_of_a_csv_are_looked_at(tmp_path):
    flags = ("--dataset=keypoints", f"--manual_dir={tmp_path}")
    (tmp_path / "walk.csv").write_text("frame,joint,x,y\n")
    assert "found  csv: 1 video" in _check(*flags).stdout
    (tmp_path / "walk.csv").write_text("time,joint,x,y\n")
    done = _check(*flags)
    assert done.returncode == 1
    assert "walk.csv, line 1: must name the columns frame" in done.stderr


def test_unknown_names_are_refused():
    done = _check("--dataset=human36")
    assert done.returncode == 1
    assert "Unknown data set `human36`. Known: aistpp" in done.stderr


@pytest.fixture
def datasets_path(monkeypatch):
    monkeypatch.syspath_prepend(str(DATASETS))


@pytest.mark.parametrize("name", NAMES)
def test_made_up_files_are_complete_and_no_files_are_not_built(
    name, datasets_path
):
    import build  # noqa: PLC0415  # needs the path

    module = sys.modules[build.builder_class(name).__module__]
    whole = module.check(DATASETS / name / "dummy_data")
    assert whole.found
    assert not whole.missing
    nothing = module.check(None)
    assert nothing.missing or nothing.notes or name == "deepmimic"
