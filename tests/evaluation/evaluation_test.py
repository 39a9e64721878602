"""From a run folder and prepared records to results.json and a picture."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from tf_poselift import config
from tf_poselift import skeletons
from tf_poselift.data import synthetic
from tf_poselift.data import writer
from tf_poselift.evaluation import evaluation
from tf_poselift.methods import martinez2017
from tf_poselift.training import checkpoints
from tf_poselift.training import run_folder

SCRIPT = pathlib.Path(__file__).parents[2] / "trainers" / "evaluate.py"
SKELETON = skeletons.load("human36m_17")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("data"))
    table = synthetic.table(SKELETON, clips=3, frames=10, views=2)
    writer.write({"test": table}, folder, name="synthetic")
    flat = synthetic.table(SKELETON, clips=1, frames=3, joints_3d=False)
    writer.write({"test": flat}, folder, name="flat")
    writer.write({"train": flat}, folder, name="own")
    other = synthetic.table(skeletons.load("deepmimic_16"), clips=1, frames=3)
    writer.write({"test": other}, folder, name="other")
    short = synthetic.table(skeletons.load("human36m_16"), clips=1, frames=3)
    writer.write({"test": short}, folder, name="short")
    return folder


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    """A run of a supervised method that has learned nothing but the mean."""
    return untrained(tmp_path_factory.mktemp("run"))


def untrained(folder, **fields):
    table = synthetic.table(SKELETON, clips=3, frames=10, views=2)
    settings = run_folder.Settings(
        method="martinez2017",
        config=config.to_json(martinez2017.Config(width=8, **fields)),
        skeleton=SKELETON.to_dict(),
        dataset="synthetic",
        data=table.datasets,
        batch_size=64,
        seed=0,
    )
    statistics = martinez2017.statistics(table, martinez2017.Config())
    run_folder.create(folder, settings, statistics)
    method = run_folder.build_method(settings, statistics)
    checkpoints.Checkpoints(method, folder).save(5)
    return folder


def test_a_run_is_evaluated(workdir, data_dir, capsys):
    returned = evaluation.evaluate(
        workdir, dataset="synthetic", data_dir=data_dir
    )
    folder = workdir / "evaluation" / "synthetic-test"
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["poses.png", "results.json"]
    stored = json.loads((folder / "results.json").read_text("utf-8"))
    assert stored == returned
    assert stored["dataset"] == "synthetic"
    assert stored["data"] == ["synthetic:1.0.0"]
    assert stored["poses"] == 60
    assert stored["step"] == 5
    assert stored["method"] == "martinez2017"
    assert set(stored["by_action"]) == {"walk", "sit", "wave"}
    assert 0 < stored["overall"]["pa_mpjpe"] < stored["overall"]["mpjpe"]
    assert "mpjpe" not in stored["floor"]
    printed = capsys.readouterr().out
    assert "martinez2017 at step 5" in printed
    assert "mean over poses" in printed


def test_another_skeleton_is_mapped_to_the_models(workdir, data_dir, capsys):
    results = evaluation.evaluate(workdir, dataset="other", data_dir=data_dir)
    assert results["skeleton"] == "human36m_17"
    assert results["poses"] > 0
    assert "in the joints of `human36m_17`" in capsys.readouterr().out


def test_noise_on_the_input_changes_the_scores(workdir, data_dir, tmp_path):
    scored = [
        evaluation.evaluate(
            workdir,
            dataset="synthetic",
            data_dir=data_dir,
            noise=noise,
            output_dir=tmp_path,
        )
        for noise in ([], ["pixels=0"], ["pixels=20"])
    ]
    exact, none, noisy = [each["overall"]["pa_mpjpe"] for each in scored]
    assert exact == none
    assert noisy != exact
    assert scored[2]["noise"]["pixels"] == 20.0
    floor = [each["floor"]["pa_mpjpe"] for each in scored]
    assert floor[2] > floor[0]


def test_uncertainty_is_compared_with_the_errors(
    workdir, data_dir, tmp_path, capsys
):
    arguments = {
        "dataset": "synthetic",
        "data_dir": data_dir,
        "output_dir": tmp_path,
    }
    results = evaluation.evaluate(workdir, uncertainty=2, **arguments)
    assert "uncertainty: lifts 2\n" in capsys.readouterr().out
    found = results["uncertainty"]
    assert found["pa_mpjpe"] == pytest.approx(results["overall"]["pa_mpjpe"])
    assert found["pa_mpjpe_best_half"] <= found["pa_mpjpe_most_certain_half"]
    assert "uncertainty" not in evaluation.evaluate(workdir, **arguments)
    with pytest.raises(ValueError, match="from 0 .none. to 5"):
        evaluation.evaluate(workdir, uncertainty=6, **arguments)


def test_averaged_weights_are_scored_beside_the_last(
    data_dir, tmp_path, capsys
):
    workdir = untrained(tmp_path / "run", average_decay=0.9)
    method = run_folder.load(workdir, averaged=False).method
    method.lifter.last.kernel.assign_add(method.lifter.last.kernel * 5.0)
    checkpoints.Checkpoints(method, workdir).save(6)
    results = evaluation.evaluate(
        workdir, dataset="synthetic", data_dir=data_dir
    )
    assert results["weights"] == "averaged"
    assert results["last_weights"]["mpjpe"] != results["overall"]["mpjpe"]
    before = evaluation.evaluate(
        workdir,
        dataset="synthetic",
        data_dir=data_dir,
        checkpoint=str(workdir / "checkpoints" / "checkpoint-5"),
    )
    assert before["overall"]["mpjpe"] == results["overall"]["mpjpe"]
    assert "last weights, poses" in capsys.readouterr().out


def test_names_of_configs_become_folder_names(workdir, data_dir, tmp_path):
    dataset, split = "synthetic:1.0.0", "test[:50%]"
    evaluation.evaluate(
        workdir, dataset=dataset, split=split, data_dir=data_dir
    )
    assert (workdir / "evaluation" / "synthetic_1.0.0-test_50_").is_dir()
    evaluation.evaluate(
        workdir,
        dataset="synthetic",
        data_dir=data_dir,
        noise=["pixels=3", "missing=0.1"],
        checkpoint=str(workdir / "checkpoints" / "checkpoint-5"),
    )
    noisy = "synthetic-test-pixels_3-missing_0.1-checkpoint-5"
    assert (workdir / "evaluation" / noisy / "results.json").is_file()
    evaluation.evaluate(
        workdir, dataset=dataset, data_dir=data_dir, output_dir=tmp_path / "a"
    )
    assert (tmp_path / "a" / "results.json").is_file()


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        ("flat", "must have `joints_3d`. Received: flat:1.0.0.*gallery.py"),
        # Another split would not help.
        ("own", "must have `joints_3d`. Received: own:1.0.0"),
        ("short", "No map from .*`human36m_16` to `human36m_17` for nose"),
    ],
)
def test_what_does_not_fit_leaves_nothing(workdir, data_dir, dataset, words):
    with pytest.raises(ValueError, match=words):
        evaluation.evaluate(workdir, dataset=dataset, data_dir=data_dir)
    assert not (workdir / "evaluation" / f"{dataset}-test").exists()


def test_an_empty_workdir_is_refused(data_dir, tmp_path):
    with pytest.raises(FileNotFoundError, match="No run in .*train.py"):
        evaluation.evaluate(tmp_path, dataset="synthetic", data_dir=data_dir)
    assert not list(tmp_path.iterdir())


def test_the_script_ends_in_one_message(data_dir, tmp_path):
    run = subprocess.run(
        [
            sys.executable,
            SCRIPT,
            f"--workdir={tmp_path}",
            f"--data_dir={data_dir}",
            "--dataset=synthetic",
        ],
        cwd=SCRIPT.parents[1],
        env=os.environ | {"PYTHONPATH": str(SCRIPT.parents[1])},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].startswith("error: No run in")
    assert "Traceback" not in run.stderr
