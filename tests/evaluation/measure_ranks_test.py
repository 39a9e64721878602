"""Whether measures without labels rank checkpoints as their errors do."""

import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

from tf_poselift import config
from tf_poselift import skeletons
from tf_poselift.data import synthetic
from tf_poselift.data import writer
from tf_poselift.evaluation import measure_ranks
from tf_poselift.methods import martinez2017
from tf_poselift.training import checkpoints
from tf_poselift.training import run_folder

SCRIPT = pathlib.Path(__file__).parents[2] / "trainers" / "measure_ranks.py"
SKELETON = skeletons.load("human36m_17")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("data"))
    table = synthetic.table(SKELETON, clips=3, frames=10, views=2)
    writer.write({"validation": table}, folder, name="synthetic")
    flat = synthetic.table(SKELETON, clips=3, frames=5, joints_3d=False)
    writer.write({"validation": flat}, folder, name="flat")
    return folder


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    """A run that answers the mean pose, then more and more of noise."""
    folder = tmp_path_factory.mktemp("run")
    table = synthetic.table(SKELETON, clips=3, frames=10, views=2)
    settings = run_folder.Settings(
        method="martinez2017",
        config=config.to_json(martinez2017.Config(width=8)),
        skeleton=SKELETON.to_dict(),
        dataset="synthetic",
        data=table.datasets,
        batch_size=64,
        seed=0,
    )
    statistics = martinez2017.statistics(table, martinez2017.Config())
    run_folder.create(folder, settings, statistics)
    method = run_folder.build_method(settings, statistics)
    kept = checkpoints.Checkpoints(method, folder)
    kernel = method.lifter.trainable_weights[-2]
    random = np.random.default_rng(0).normal(size=kernel.shape)
    for step, size in ((1, 0.0), (2, 1.0), (3, 4.0)):
        kernel.assign(np.float32(size * random))
        kept.save(step)
    return folder


def test_noise_is_found_by_bones_and_by_the_error(workdir, data_dir, tmp_path):
    content = measure_ranks.compare(
        [workdir], dataset="synthetic", data_dir=data_dir, output_dir=tmp_path
    )
    assert [row["step"] for row in content["checkpoints"]] == [1, 2, 3]
    errors = [row["pa_mpjpe"] for row in content["checkpoints"]]
    assert errors == sorted(errors)
    assert content["spearman"]["label_free"] == pytest.approx(1.0)
    stored = json.loads((tmp_path / "measure_ranks.json").read_text())
    assert stored == content
    assert (tmp_path / "measure_ranks.png").stat().st_size > 5000


def _copies(workdir, folder):
    """Three runs, of which the first has the newest checkpoint 1, ..."""
    for last in (1, 2, 3):
        copy = shutil.copytree(workdir, folder / str(last))
        for step in range(last + 1, 4):
            for path in copy.glob(f"checkpoints/checkpoint-{step}.*"):
                path.unlink()
        yield copy


def test_only_the_last_ones_are_asked_for(workdir, data_dir, tmp_path):
    content = measure_ranks.compare(
        list(_copies(workdir, tmp_path)),
        dataset="synthetic",
        data_dir=data_dir,
        last=True,
        output_dir=tmp_path / "ranks",
    )
    assert [row["step"] for row in content["checkpoints"]] == [1, 2, 3]
    assert content["spearman"]["constancy"] == pytest.approx(1.0)


def test_ranks_are_compared_by_hand():
    measured = [
        {"pa_mpjpe": 50.0, "label_free": 0.1, "symmetry": 3.0},
        {"pa_mpjpe": 60.0, "label_free": 0.5, "symmetry": 2.0},
        {"pa_mpjpe": 90.0, "label_free": 0.6, "symmetry": 1.0},
        {"pa_mpjpe": 70.0, "label_free": 0.7, "symmetry": 0.0},
    ]
    # Ranks 1 2 4 3 against 1 2 3 4: 1 - 6 * (0 + 0 + 1 + 1) / (4 * 15).
    # Against 4 3 2 1: 1 - 6 * (9 + 1 + 4 + 4) / 60.
    values = measure_ranks.spearman(measured)
    assert values == pytest.approx({"label_free": 0.8, "symmetry": -0.8})


@pytest.mark.parametrize(
    "dataset, last, message",
    [("synthetic", True, "at least 3 checkpoints"), ("flat", False, "3D")],
)
def test_too_little_to_compare(
    workdir, data_dir, tmp_path, dataset, last, message
):
    with pytest.raises(ValueError, match=message):
        measure_ranks.compare(
            [workdir],
            dataset=dataset,
            data_dir=data_dir,
            last=last,
            output_dir=tmp_path / "ranks",
        )
    assert not (tmp_path / "ranks").exists()


def test_the_script_says_in_one_line_what_is_missing(tmp_path):
    command = [sys.executable, SCRIPT, f"--workdir={tmp_path}", "--dataset=a"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        "error: There must be at least 3 checkpoints to rank."
    )
