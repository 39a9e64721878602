"""`datasets/build.py` as a user calls it, on the made-up clips."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest
import tensorflow_datasets as tfds

DATASETS = pathlib.Path(__file__).parents[2] / "datasets"
DUMMY = DATASETS / "deepmimic" / "dummy_data"
PREPARED = pathlib.Path("deepmimic") / "1.0.0"
# Several calls in one process, which takes seconds to start.
CALLS = """
import build
def call(*arguments, **own):
    try:
        build.build(*arguments, **own)
    except build.ERRORS as error:
        print(error)
"""


def _python(*arguments: str, **environment: str):
    paths = [DATASETS, DATASETS.parent, environment.pop("path", DATASETS)]
    return subprocess.run(
        [sys.executable, *arguments],
        env=os.environ
        | {"TF_POSELIFT_DATA": "", **environment}
        | {"PYTHONPATH": os.pathsep.join(map(str, paths))},
        capture_output=True,
        text=True,
        timeout=300,
    )


def _build(*arguments: str, **environment: str):
    return _python(str(DATASETS / "build.py"), *arguments, **environment)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A finished run without Beam, its raw files and its data_dir."""
    folder = tmp_path_factory.mktemp("build")
    # Importing apache_beam fails, as it does where it is not installed.
    (folder / "apache_beam.py").write_text("raise ImportError('no Beam')")
    shutil.copytree(DUMMY, folder / "raw" / "deepmimic")
    data_dir = folder / "data"
    done = _build(
        "--dataset=deepmimic",
        f"--data_dir={data_dir}",
        TF_POSELIFT_DATA=str(folder / "raw"),
        path=str(folder),
    )
    return done, folder / "raw", data_dir


def test_builds_without_beam_from_the_folder_of_raw_data(built):
    done, _, data_dir = built
    assert done.returncode == 0, done.stderr
    assert f"deepmimic/1.0.0 -> {data_dir / PREPARED}" in done.stdout
    first, *notes = done.stdout.splitlines()
    assert first.startswith("deepmimic/1.0.0 -> ")
    assert notes[0].startswith("  clips: train 10, validation 1, test 4; ")
    # One bar, and nothing of TensorFlow's or TFDS's.
    bars = done.stderr.replace("\r", "\n").split("\n")
    assert [line for line in bars if line and "deepmimic: " not in line] == []
    assert "deepmimic: 15 clips" in done.stderr
    info = tfds.builder_from_directory(str(data_dir / PREPARED)).info
    assert info.splits["test"].num_examples == 4
    assert info.description.startswith("DeepMimic")
    assert "Peng" in info.citation
    assert info.metadata["units"]["joints_3d"] == "mm"


def test_a_second_call_reuses_and_wrong_arguments_are_named(built, tmp_path):
    _, raw, data_dir = built
    (tmp_path / "empty").mkdir()
    calls = [
        ("deepmimic", str(data_dir), str(raw), False),
        ("deepmimic", str(data_dir), str(raw), True),
        ("deepmimic/large", str(data_dir), None, False),
        ("deepmimic", str(data_dir), str(tmp_path / "empty"), False),
        ("deepmimic", str(tmp_path / "new"), str(DATASETS), False),
    ]
    code = CALLS + "\n".join(f"call{call}; print('---')" for call in calls)
    done = _python("-c", code)
    assert done.returncode == 0, done.stderr
    again, overwritten, config, empty, other = done.stdout.split("---\n")[:5]
    assert "already built" in again
    assert "clips: train 10" in overwritten and "already" not in overwritten
    expected = "Unknown configuration of `deepmimic` `large`. Known: (none)."
    assert expected in config
    assert "`--manual_dir` must be a folder with the raw files" in empty
    assert "is not complete. Missing:\n  - humanoid/humanoid" in other


def test_an_unknown_data_set_lists_the_known_ones():
    done = _build("--dataset=deepmimik")
    assert done.returncode == 1
    assert "error: Unknown data set `deepmimik`. Known: " in done.stderr
    assert "deepmimic" in done.stderr.split("Known: ")[1]


def test_a_bad_clip_ends_in_one_line_and_leaves_nothing(tmp_path):
    raw = tmp_path / "raw"
    shutil.copytree(DUMMY, raw)
    clip = raw / "data" / "motions" / "humanoid3d_walk.txt"
    clip.write_text(clip.read_text()[:500])
    done = _build(
        "--dataset=deepmimic",
        f"--data_dir={tmp_path / 'data'}",
        f"--manual_dir={raw}",
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    last_line = done.stderr.strip().splitlines()[-1]
    assert last_line.startswith(f"error: {clip} must be JSON")
    # TFDS makes `downloads` for all data sets.
    left = {p.name for p in (tmp_path / "data").rglob("*")}
    assert left <= {"downloads", "extracted"}


def test_the_options_of_keypoints_are_for_keypoints(tmp_path):
    raw = DATASETS / "keypoints" / "dummy_data" / "views"
    flags = [f"--data_dir={tmp_path}", "--name=session"]
    done = _build("--dataset=deepmimic", *flags)
    assert done.returncode == 1
    assert "error: --name: for --dataset=keypoints alone." in done.stderr
    done = _build("--dataset=keypoints", f"--manual_dir={raw}", *flags)
    assert done.returncode == 0, done.stderr
    assert "keypoints/session/1.0.0 -> " in done.stdout
    assert "note: a single clip: its last 1 of 10 frames" in done.stdout
    folder = tmp_path / "keypoints" / "session" / "1.0.0"
    info = tfds.builder_from_directory(str(folder)).info
    assert info.metadata["skeleton"]["name"] == "body_25b"
    assert info.description.startswith("Your own 2D keypoints")
    done = _build("--dataset=keypoints/session", *flags)
    assert "error: `--manual_dir` must name the folder" in done.stderr
    again = (f"--manual_dir={raw}", "--fps=50", *flags)
    done = _build("--dataset=keypoints", *again)
    assert "error: keypoints/session/1.0.0 was built with other" in done.stderr


def test_a_refused_folder_of_keypoints_leaves_no_folder(tmp_path):
    raw, data_dir = tmp_path / "raw", tmp_path / "data"
    shutil.copytree(DATASETS / "keypoints" / "dummy_data" / "views", raw)
    flags = [f"--manual_dir={raw}", f"--data_dir={data_dir}"]
    keypoints = ("--dataset=keypoints", "--skeleton=body_25b", *flags)
    good = _build(*keypoints, "--name=good")
    assert good.returncode == 0, good.stderr
    next((raw / "cam1_json").glob("*.json")).write_text("{")
    done = _build(*keypoints, "--name=bad")
    assert done.returncode == 1 and "is not valid JSON" in done.stderr
    there = {p.name for p in (data_dir / "keypoints").iterdir()}
    assert there == {".config", "good"}


def test_a_wrong_layout_is_doubted(tmp_path):
    data = pathlib.Path(os.environ.get("TF_POSELIFT_DATA") or "nowhere")
    if not (data / "pose2sim_demo").is_dir():
        pytest.skip("TF_POSELIFT_DATA names no folder with pose2sim_demo")
    flags = ["--dataset=keypoints", f"--data_dir={tmp_path}", "--name=a"]
    flags.append(f"--manual_dir={data / 'pose2sim_demo' / 'pose'}")
    done = _build(*flags, "--skeleton=body_25")
    assert "note: WARNING: are these the joints of `body_25`?" in done.stdout
    done = _build(*flags, "--skeleton=body_25b", "--overwrite")
    assert done.returncode == 0 and "WARNING" not in done.stdout


def test_beam_is_for_large_data_sets():
    done = _build("--dataset=deepmimic", "--beam")
    assert done.returncode == 1
    assert "--beam: `deepmimic` is too small" in done.stderr


def test_number_of_shards(tmp_path):
    done = _build(
        "--dataset=surreal",
        f"--data_dir={tmp_path}",
        f"--manual_dir={DATASETS / 'surreal' / 'dummy_data'}",
        "--num_shards=2",
    )
    assert done.returncode == 0, done.stderr
    files = tmp_path.glob("surreal/run0/1.0.0/surreal-train.tfrecord-*")
    assert len(list(files)) == 2
