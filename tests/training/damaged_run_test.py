"""Files of a run that are lost or damaged: what goes on, what is said."""

import dataclasses
import json

import numpy as np
import pytest

from tf_poselift.training import best as best_lib
from tf_poselift.training import checkpoints
from tf_poselift.training import run_folder
from tf_poselift.training import training


@pytest.fixture
def method(settings):
    return run_folder.build_method(settings, {}, jit_compile=False)


def save(method, folder, *steps) -> None:
    kept = checkpoints.Checkpoints(method, folder)
    for step in steps:
        method.lifter.last.bias.assign([step] * 17)
        kept.save(step)


@pytest.mark.parametrize("content", [None, b"", b"\0\0\0\0"])
def test_without_their_list_the_files_count(method, tmp_path, capsys, content):
    save(method, tmp_path, 5, 20, 100)
    listing = tmp_path / "checkpoints" / "checkpoint"
    listing.unlink() if content is None else listing.write_bytes(content)
    kept = checkpoints.Checkpoints(method, tmp_path)
    assert kept.restore() == 100
    np.testing.assert_array_equal(method.lifter.last.bias, [100] * 17)
    assert "is lost or empty" in capsys.readouterr().out
    kept.save(105)  # and the oldest goes, as if nothing had been
    names = {p.stem for p in tmp_path.glob("checkpoints/*.index")}
    assert names == {f"checkpoint-{step}" for step in (20, 100, 105)}
    assert checkpoints.Checkpoints(method, tmp_path).restore() == 105
    assert "lost" not in capsys.readouterr().out


def test_a_first_checkpoint_that_was_never_finished(method, tmp_path, capsys):
    save(method, tmp_path, 5)
    folder = tmp_path / "checkpoints"
    (folder / "checkpoint").unlink()
    (folder / "checkpoint-5.index").write_bytes(b"half")
    assert checkpoints.Checkpoints(method, tmp_path).restore() == 0
    assert "the first, never finished" in capsys.readouterr().out


@pytest.mark.parametrize("content", ["null", "[]", '{"config": 3}', "{"])
def test_settings_that_are_none_are_refused(settings, tmp_path, content):
    run_folder.create(tmp_path, settings, {})
    path = tmp_path / "config.json"
    path.write_text(content)
    with pytest.raises(ValueError, match="config.json .*bring it back, or"):
        run_folder.continued_statistics(tmp_path, settings)
    assert path.read_text() == content


def test_a_run_stays_a_table_or_a_stream(settings, tmp_path):
    run_folder.create(tmp_path, settings, {})
    path = tmp_path / "config.json"
    values = json.loads(path.read_text())
    del values["stream"]  # as before there was the field
    path.write_text(json.dumps(values))
    assert run_folder.continued_statistics(tmp_path, settings) == {}
    streamed = dataclasses.replace(settings, stream=True)
    with pytest.raises(ValueError, match=r"stream \(there: False, asked for: "):
        run_folder.continued_statistics(tmp_path, streamed)


def test_lost_statistics_are_named(settings, tmp_path):
    run_folder.create(tmp_path, settings, {})
    (tmp_path / "statistics.npz").unlink()
    with pytest.raises(FileNotFoundError, match="statistics.npz is missing: "):
        run_folder.continued_statistics(tmp_path, settings)


@pytest.mark.parametrize(
    "content", ["{", "null", "{}", '{"label_free": {"2": "x"}}']
)
def test_damaged_measures_count_as_none(method, tmp_path, capsys, content):
    path = tmp_path / "best" / "label_free.json"
    path.parent.mkdir()
    path.write_text(content)
    best = best_lib.Best(method, None, tmp_path)
    best.restore(0)
    assert best.step is None
    assert f"WARNING: {path} is damaged" in capsys.readouterr().out


def test_a_run_folder_must_be_a_folder(settings, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    for workdir in (file, file / "run"):
        with pytest.raises(NotADirectoryError, match="is a file. Give another"):
            training.train(
                "kudo2018", dataset="a", data_dir="b", workdir=workdir, steps=1
            )
    with pytest.raises(OSError, match="not be written.*where you may write"):
        run_folder.create(file, settings, {})
