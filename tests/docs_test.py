"""The commands of the documentation, as they are printed."""

import importlib
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "models" / "README.md"]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
PAGES += sorted((ROOT / "datasets").glob("*/README.md"))
RECIPES = sorted((ROOT / "docs" / "recipes").glob("*20*.md"))
# As little training as makes a checkpoint, on clips of a few frames.
# Noise, since batch norm explodes on people who stand still.
TINY = ["--config=width=16", "--config=average_decay=0.5", "--noise=pixels=4"]
TINY_YU = ["--config=motion_frames=1", "--config=bone_frames=1"]


def commands(page: pathlib.Path) -> list[list[str]]:
    """Returns the words of every `python SCRIPT ...` in a page's blocks."""
    blocks = re.findall(r"```\w*\n(.*?)```", page.read_text("utf-8"), re.S)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [
        shlex.split(line, comments=True)[1:]
        for line in lines
        if line.startswith("python ") and ".py" in line.split()[1]
    ]


def _flags(script: pathlib.Path) -> set[str]:
    source = script.read_text("utf-8")
    if "import build" in source:  # whose flags it has, too
        source += (ROOT / "datasets" / "build.py").read_text("utf-8")
    defined = re.findall(r"DEFINE_\w+\(\s*\"(\w+)\"", source)
    return set(defined) | set(re.findall(r"add_argument\(\s*\"--(\w+)", source))


@pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: str(page.relative_to(ROOT))
)
def test_every_flag_is_one_of_its_script(page):
    for words in commands(page):
        if not words[0].endswith(".py"):
            continue
        script = ROOT / words[0]
        assert script.is_file(), words[0]
        given = {
            word[2:].partition("=")[0]
            for word in words[1:]
            if word.startswith("--")
        }
        known = _flags(script)
        known |= {f"no{name}" for name in known} | {"help"}
        assert given <= known, (words[0], given - known)


def test_every_link_leads_to_a_file():
    for page in PAGES:
        targets = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text("utf-8"))
        for target in [t for t in targets if "://" not in t]:
            assert (page.parent / target).exists(), (page.name, target)


def _dry(words: list[str], folder: pathlib.Path) -> list[str]:
    """Makes a recipe's command read made-up files and do two steps."""
    dry = []
    for word in words:
        word = word.replace("=RAW", f"={folder / 'raw'}")
        word = re.sub(r"=runs/", f"={folder}/runs/", word)
        word = re.sub(r"--steps=\d+", "--steps=2", word)
        word = re.sub(r"--batch_size=\d+", "--batch_size=4", word)
        dry.append(re.sub(r"total_steps=\d+", "total_steps=2", word))
    if dry[0].endswith("train.py"):
        dry += TINY + (TINY_YU if "--method=yu2021" in dry else [])
    return dry


@pytest.mark.slow
@pytest.mark.parametrize("page", RECIPES, ids=lambda page: page.stem)
def test_recipes_run_on_made_up_files(page, tmp_path, monkeypatch):
    for dummy in (ROOT / "datasets").glob("*/dummy_data"):
        shutil.copytree(dummy, tmp_path / "raw" / dummy.parent.name)
    monkeypatch.syspath_prepend(str(ROOT / "datasets"))
    human36m = importlib.import_module("human36m.make_dummy_data")
    human36m.write_detections(tmp_path / "raw" / "human36m", "sh")
    for words in commands(page):
        done = subprocess.run(
            [sys.executable, *_dry(words, tmp_path)],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    assert any((tmp_path / "runs").rglob("results.json"))
