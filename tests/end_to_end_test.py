"""The commands of the README, one after the other, on a small data set."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

ROOT = pathlib.Path(__file__).parents[1]


def run(script: str, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(ROOT / script), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.slow
def test_train_evaluate_export_by_command(prepared_dataset, tmp_path):
    source = [
        f"--dataset={prepared_dataset.dataset}",
        f"--data_dir={prepared_dataset.data_dir}",
    ]
    workdir = f"--workdir={tmp_path / 'run'}"
    trained = run(
        "trainers/train.py",
        "--method=martinez2017",
        *source,
        workdir,
        "--steps=600",
        "--config=width=64",
        "--config=dropout=0",
        "--flip",
    )
    assert trained.returncode == 0, trained.stderr
    assert "Trained to step 600" in trained.stdout
    assert "lifter_loss" in trained.stderr  # the progress bar

    evaluated = run("trainers/evaluate.py", workdir, *source, "--split=train")
    assert evaluated.returncode == 0, evaluated.stderr
    results = next(tmp_path.glob("run/evaluation/*/results.json"))
    results = json.loads(results.read_text())
    assert results["overall"]["pa_mpjpe"] < results["floor"]["pa_mpjpe"]
    assert {"mpjpe", "pck_150"} <= set(results["overall"])  # it is metric

    exported = run(
        "serving/export.py", workdir, f"--model_dir={tmp_path / 'lifter'}"
    )
    assert exported.returncode == 0, exported.stderr
    lifter = tf.saved_model.load(str(tmp_path / "lifter" / "1"))
    pose = lifter.signatures["serving_default"](
        keypoints_2d=tf.constant(
            np.random.default_rng(0).normal(500, 100, (3, 17, 2)), tf.float32
        ),
        scores=tf.ones([3, 17]),
    )
    assert pose["joints_3d"].shape == (3, 17, 3)
    assert (pose["scale"].numpy() > 0).all()


@pytest.mark.slow
def test_errors_are_one_line_and_exit_code_one(prepared_dataset, tmp_path):
    source = [
        f"--dataset={prepared_dataset.dataset}",
        f"--data_dir={prepared_dataset.data_dir}",
    ]
    good = ["--method=kudo2018", *source, f"--workdir={tmp_path / 'run'}"]
    file = tmp_path / "file"
    file.write_text("not a folder")
    for script, arguments, message in (
        ("trainers/train.py", [*good, "--method=kudo"], "Known: kudo2018"),
        ("trainers/train.py", [*good, "--config=widht=8"], "Unknown field"),
        ("trainers/train.py", [*good, "--dataset=none"], "datasets/build.py"),
        ("trainers/train.py", [*good, f"--workdir={file}"], "file"),
        (
            "trainers/train.py",
            [
                *good,
                "--strategy=mirrored",
                "--virtual_devices=2",
                "--batch_size=9",
            ],
            "multiple of the 2 replicas. Received: 9",
        ),
        (
            "trainers/evaluate.py",
            [*source, f"--workdir={tmp_path / 'run'}"],
            "No run in",
        ),
        (
            "serving/export.py",
            [f"--workdir={tmp_path}", f"--model_dir={tmp_path / 'm'}"],
            "No run in",
        ),
        (
            "serving/server.py",
            ["--model_name=m", f"--model_base_path={tmp_path / 'm'}"],
            "m",
        ),
    ):
        result = run(script, *arguments)
        assert result.returncode == 1, (script, arguments, result.stderr)
        assert "Traceback" not in result.stderr, result.stderr
        assert message in result.stderr + result.stdout
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file"]


@pytest.mark.slow
def test_list_names_methods_and_data_sets(prepared_dataset):
    listed = run(
        "trainers/train.py", "--list", f"--data_dir={prepared_dataset.data_dir}"
    )
    assert listed.returncode == 0
    assert "kudo2018: " in listed.stdout
    assert "synthetic" in listed.stdout
