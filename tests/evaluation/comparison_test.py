"""Comparisons small enough to know what they must leave behind.

Most of them put a stand-in for `training.train`, which compiles for seconds.
"""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from tf_poselift import config as config_lib
from tf_poselift import skeletons
from tf_poselift.evaluation import comparison
from tf_poselift.evaluation import experiments
from tf_poselift.evaluation import scored_runs
from tf_poselift.methods import kudo2018
from tf_poselift.training import checkpoints
from tf_poselift.training import run_folder
from tf_poselift.training import training

SCRIPT = pathlib.Path(__file__).parents[2] / "trainers" / "reproduce.py"
TEXT = """
ablation:
  claim: Averages help.
  dataset: {dataset}
  input_noise: [pixels=1]
  rows:
    - {{label: plain, method: kudo2018}}
    - label: averaged
      method: kudo2018
      config: [average_decay=0.5]
      noise: [pixels=1]
      flip: true
  scales:
    small: {{steps: 6, batch_size: 16, seeds: 2, config: [width=8]}}
broken:
  claim: It fails.
  dataset: {dataset}
  rows:
    - {{label: plain, method: kudo2018}}
    - {{label: diverges, method: kudo2018, config: [learning_rate=1e30]}}
    - {{label: taught, method: kudo2018, teacher: diverges}}
    - {{label: pupil, method: kudo2018, teacher: plain}}
  scales:
    small: {{steps: 6, batch_size: 16, seeds: 1, config: [width=8]}}
again:
  claim: Rows of another experiment.
  dataset: {dataset}
  rows:
    - {{label: the same, method: kudo2018}}
    - {{label: taught by it, method: kudo2018, teacher: the same}}
  scales:
    small: {{steps: 6, batch_size: 16, seeds: 2, config: [width=8]}}
"""


@pytest.fixture(scope="module")
def described(prepared_dataset, tmp_path_factory):
    path = tmp_path_factory.mktemp("described") / "experiments.yaml"
    path.write_text(TEXT.format(dataset=prepared_dataset.dataset))
    return path


class Trainer:
    """Writes checkpoints of a lifter that is another after every step."""

    def __init__(self):
        self.calls = []
        self.last_step = None  # where it is stopped

    def __call__(self, method, *, workdir, steps, save_every, **options):
        self.calls.append({"method": method, "workdir": workdir, **options})
        config = config_lib.override(kudo2018.Config(), options["overrides"])
        if config.learning_rate > 1:
            raise ValueError("Losses must be finite.")
        settings = run_folder.Settings(
            method=method,
            config=config_lib.to_json(config),
            skeleton=skeletons.load("human36m_17").to_dict(),
            dataset=options["dataset"],
            data=("synthetic:1.0.0",),
            batch_size=options["batch_size"],
            seed=options["seed"],
        )
        run_folder.create(workdir, settings, {})
        lifter = run_folder.build_method(settings, {})
        kept = checkpoints.Checkpoints(lifter, workdir, keep=options["keep"])
        last = self.last_step or steps
        for step in [*range(save_every, last, save_every), last]:
            bias = lifter.lifter.weights[-1]
            bias.assign_add([0.1 * i * step for i in range(17)])
            kept.save(step)


@pytest.fixture
def trainer(monkeypatch):
    stand_in = Trainer()
    monkeypatch.setattr(training, "train", stand_in)
    monkeypatch.setattr(scored_runs, "CHECKPOINTS", 2)
    return stand_in


@pytest.fixture
def compare(described, prepared_dataset, tmp_path):
    def run(name, **options):
        return comparison.compare(
            experiments.read(described)[name],
            scale="small",
            data_dir=prepared_dataset.data_dir,
            workdir=tmp_path,
            **options,
        )

    return run


def test_every_row_and_seed_is_scored_over_its_steps(
    trainer, compare, tmp_path
):
    content = compare("ablation", command="python a.py")
    folder = tmp_path / "small" / "ablation"
    assert json.loads((folder / "results.json").read_text()) == content
    assert content["failures"] == []
    assert content["poses"] == 2 * 40 * 2
    for row in content["rows"]:
        assert [run["seed"] for run in row["runs"]] == [0, 1]
        weights = ["last"] + ["averaged"] * (row["label"] == "averaged")
        for run in row["runs"]:
            assert [(p["step"], p["weights"]) for p in run["points"]] == [
                (step, name) for step in (3, 6) for name in weights
            ]
            errors = [p["metrics"]["pa_mpjpe"] for p in run["points"]]
            # The average of the stand-in never moves.
            assert len(set(errors)) == len(weights) + 1
    assert (folder / "curves.png").stat().st_size > 5000
    table = (folder / "table.md").read_text()
    assert table.startswith("**ablation** (small). Averages help.")
    assert "| averaged | averaged | 2 |" in table
    kept = sorted((folder / "plain" / "0" / "checkpoints").glob("*.index"))
    assert [path.name for path in kept] == ["checkpoint-6.index"]
    first, second, *_ = trainer.calls
    assert first["workdir"] == folder / "plain" / "0"
    assert (first["noise"], first["flip"]) == ((), False)
    assert (second["noise"], second["flip"]) == (("pixels=1",), True)
    assert second["overrides"] == ("width=8", "average_decay=0.5")


def test_a_second_call_computes_nothing(trainer, compare):
    content = compare("ablation", seeds=1)
    assert len(trainer.calls) == 2
    assert compare("ablation", seeds=1) == content
    assert len(trainer.calls) == 2
    more = compare("ablation", seeds=2)
    assert more["rows"][0]["runs"][:1] == content["rows"][0]["runs"]
    assert len(trainer.calls) == 4


def test_experiments_share_their_runs(trainer, compare, tmp_path):
    content = compare("broken")
    again = compare("again")
    assert [call["seed"] for call in trainer.calls].count(1) == 2
    first, second = again["rows"][0]["runs"]
    assert first == content["rows"][0]["runs"][0]
    assert first["workdir"] == "broken/plain/0"
    assert second["workdir"] == "again/the_same/1"
    (taught,) = again["rows"][1]["runs"][:1]
    assert taught == content["rows"][3]["runs"][0]


def test_other_steps_go_into_another_folder(trainer, compare, tmp_path):
    content = compare("ablation", seeds=1, steps=4)
    assert (tmp_path / "small-4" / "ablation" / "table.md").is_file()
    (run,) = content["rows"][0]["runs"]
    assert [point["step"] for point in run["points"]] == [2, 4]


def test_an_unknown_scale_is_refused(described, tmp_path):
    with pytest.raises(ValueError, match="Unknown scale of `ablation` `huge`"):
        comparison.compare(
            experiments.read(described)["ablation"],
            scale="huge",
            data_dir=None,
            workdir=tmp_path,
        )


def test_a_failing_row_does_not_stop_the_others(trainer, compare, tmp_path):
    content = compare("broken")
    plain, diverges, taught, pupil = content["rows"]
    assert diverges["runs"] == taught["runs"] == []
    assert len(plain["runs"]) == len(pupil["runs"]) == 1
    failed = {f["row"]: f["error"] for f in content["failures"]}
    assert failed["diverges"] == "Losses must be finite."
    assert "teacher of `taught` must be trained" in failed["taught"]
    folder = tmp_path / "small" / "broken"
    assert "Failed: diverges, seed 0" in (folder / "table.md").read_text()
    assert trainer.calls[-1]["teacher"] == str(folder / "plain" / "0")


def test_a_stopped_training_goes_on(trainer, compare):
    trainer.last_step = 4
    with pytest.raises(scored_runs.Stopped, match="not at step 6 yet"):
        compare("ablation", seeds=1)
    trainer.last_step = None
    content = compare("ablation", seeds=1)
    (run,) = content["rows"][0]["runs"]
    # Without the checkpoint at which it was stopped.
    assert [point["step"] for point in run["points"]] == [3, 6]
    assert run["minutes"] is None


def script(*flags):
    return subprocess.run(
        [sys.executable, SCRIPT, *flags],
        env=os.environ | {"PYTHONPATH": str(SCRIPT.parents[1])},
        capture_output=True,
        text=True,
    )


def test_the_script_lists_and_refuses(described):
    listed = script("--list")
    assert listed.returncode == 0
    assert "kudo_facing: Kudo 2018, Sec. 3.4" in listed.stdout
    unknown = script(f"--file={described}", "--experiments=ablation,nothing")
    assert unknown.returncode == 1
    assert unknown.stderr.splitlines()[-1] == (
        "error: Unknown experiment `nothing`. Known: ablation, again, broken."
    )


@pytest.mark.slow
def test_the_script_trains_and_says_what_failed(
    described, prepared_dataset, tmp_path
):
    run = script(
        f"--file={described}",
        "--experiments=broken",
        f"--data_dir={prepared_dataset.data_dir}",
        f"--workdir={tmp_path}",
    )
    assert run.returncode == 1
    end = run.stderr[run.stderr.index("error: not all went well:\n") :]
    assert "broken, diverges, seed 0: " in end
    assert "broken, taught, seed 0: The teacher of `taught` must be" in end
    folder = tmp_path / "small" / "broken"
    content = json.loads((folder / "results.json").read_text())
    (plain,) = content["rows"][0]["runs"]
    assert [point["step"] for point in plain["points"]] == list(range(1, 7))
