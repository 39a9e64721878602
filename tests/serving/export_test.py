import os
import pathlib
import subprocess
import sys

import pytest

from tf_poselift import config as config_lib
from tf_poselift import methods
from tf_poselift import skeletons
from tf_poselift.export import model_card
from tf_poselift.training import checkpoints
from tf_poselift.training import run_folder

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def workdir(tmp_path) -> pathlib.Path:
    """A run folder with a checkpoint at step 7."""
    kudo2018 = methods.load("kudo2018")
    settings = run_folder.Settings(
        method="kudo2018",
        config=config_lib.to_json(kudo2018.Config(width=16)),
        skeleton=skeletons.load("human36m_17").to_dict(),
        dataset="toy",
        data=("toy:1.0.0",),
        batch_size=16,
        seed=0,
    )
    folder = tmp_path / "run"
    run_folder.create(folder, settings, {})
    method = run_folder.build_method(settings, {})
    checkpoints.Checkpoints(method, folder).save(7)
    return folder


def _run(*arguments):
    return subprocess.run(
        [sys.executable, str(ROOT / "serving" / "export.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def test_script_exports_a_run_and_names_the_next_command(workdir, tmp_path):
    model_dir = tmp_path / "models" / "lifter"
    done = _run(f"--workdir={workdir}", f"--model_dir={model_dir}")
    assert done.returncode == 0, done.stderr
    assert "kudo2018 at step 7" in done.stdout
    assert "[-1, 17, 3]" in done.stdout
    assert done.stdout.rstrip().endswith(
        f"--model_name=lifter --model_base_path={model_dir}"
    )
    card = model_card.read(model_dir / "1")
    assert card["training"]["data"] == ["toy:1.0.0"]
    assert card["training"]["step"] == 7
    assert card["method"] == "kudo2018"


@pytest.mark.parametrize("kind", ["litert", "onnx"])
def test_script_exports_to_other_runtimes(workdir, tmp_path, kind):
    pytest.importorskip("ai_edge_litert", reason="needs the extra `edge`")
    pytest.importorskip("tf2onnx", reason="needs the extra `edge`")
    done = _run(
        f"--workdir={workdir}", f"--model_dir={tmp_path}", f"--format={kind}"
    )
    assert done.returncode == 0, done.stderr
    card = model_card.read(tmp_path / f"{kind}-1")
    assert card["training"]["step"] == 7
    for name in card["files"]:
        assert f"{name}: " in done.stdout
    assert "Serve it" not in done.stdout


def test_script_refuses_an_uncertainty_of_too_many_lifts(workdir, tmp_path):
    model_dir = tmp_path / "models"
    done = _run(
        f"--workdir={workdir}", f"--model_dir={model_dir}", "--uncertainty=6"
    )
    assert done.returncode == 1
    assert "error: `uncertainty` must be from 0 (none) to 5" in done.stderr
    assert not model_dir.exists()


def test_script_ends_in_one_message_without_a_run(tmp_path):
    model_dir = tmp_path / "models"
    done = _run(f"--workdir={tmp_path}", f"--model_dir={model_dir}")
    assert done.returncode == 1
    assert "error: No run in" in done.stderr
    assert "Traceback" not in done.stderr
    assert not model_dir.exists()


def test_script_refuses_arguments_without_a_flag(tmp_path):
    model_dir = tmp_path / "models"
    done = _run(f"--workdir={tmp_path}", f"--model_dir={model_dir}", "more")
    assert done.returncode == 1
    assert "Unknown arguments: more." in done.stderr
