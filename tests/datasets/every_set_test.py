"""Every data set with 3D, from raw files to the table of its metrics."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
# {data set: its configuration to train on, the one to test on, --by}
SETS = {
    "aistpp": ("60hz", "60hz", "scene"),
    "aspset510": ("one_view", "one_view", "subject"),
    "cmu_bvh": ("trajectories", "trajectories", ""),
    "cmu_mocap": ("trajectories", "trajectories", "subject"),
    "human36m": ("cpn", "gt", "subject"),
    "humaneva": ("gt", "gt", "subject+action"),
    "mpi_inf_3dhp": ("camera", "universal", "scene"),
    "surreal": ("run0", "run0", ""),
}


def _call(script: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / script), *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_built_trained_and_evaluated(name, tmp_path):
    learned, tested, by = SETS[name]
    data_dir, workdir = f"--data_dir={tmp_path}", f"--workdir={tmp_path}/run"
    both = ",".join(f"{name}/{c}" for c in dict.fromkeys([learned, tested]))
    raw = ROOT / "datasets" / name / "dummy_data"
    _call("datasets/build.py", f"--dataset={both}", f"--manual_dir={raw}",
          data_dir)  # fmt: skip
    _call("trainers/train.py", "--method=martinez2017", "--config=width=16",
          f"--dataset={name}/{learned}", data_dir, workdir, "--steps=2",
          "--batch_size=8")  # fmt: skip
    table = _call("trainers/evaluate.py", f"--dataset={name}/{tested}",
                  data_dir, workdir, f"--by={by}")  # fmt: skip
    lines = table.splitlines()
    (head,) = [line for line in lines if line.startswith("action ")]
    for metric in ("pa_mpjpe", "n_mpjpe", "mpjpe", "pck_150", "auc"):
        assert f" {metric} " in head
    starts = {line.split("  ")[0] for line in lines}
    assert {"mean over poses", "mean over actions"} <= starts
    if name == "human36m":
        assert {"Directions", "SittingDown", "S9", "S11"} <= starts
    if name == "humaneva":
        assert {"S1 Walking", "S3 Jog"} <= starts
    if name == "mpi_inf_3dhp":
        assert len([s for s in starts if "studio" in s or "out" in s]) == 3
