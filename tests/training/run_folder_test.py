import dataclasses
import json

import numpy as np
import pytest

from tf_poselift.training import checkpoints
from tf_poselift.training import run_folder


def test_load_gives_back_what_was_saved(settings, tmp_path):
    run_folder.create(tmp_path, settings, {})
    method = run_folder.build_method(settings, {})
    changed = [w + 1.0 for w in method.lifter.get_weights()]
    method.lifter.set_weights(changed)
    checkpoints.Checkpoints(method, tmp_path).save(7)

    run = run_folder.load(tmp_path)
    assert run.step == 7
    assert run.settings["config"]["width"] == 16
    assert run.method.skeleton == method.skeleton
    for a, b in zip(run.method.lifter.get_weights(), changed, strict=True):
        np.testing.assert_array_equal(a, b)


def test_statistics_are_kept(settings, tmp_path):
    arrays = {"keypoints_mean": np.arange(4, dtype=np.float32)}
    run_folder.create(tmp_path, settings, arrays)
    with np.load(tmp_path / "statistics.npz", allow_pickle=False) as kept:
        np.testing.assert_array_equal(
            kept["keypoints_mean"], arrays["keypoints_mean"]
        )
    assert not list(tmp_path.glob("*.part"))


def test_same_settings_continue_whatever_the_commit(settings, tmp_path):
    run_folder.create(tmp_path, settings, {})
    later = dataclasses.replace(settings, commit="later", strategy="mirrored")
    assert run_folder.continued_statistics(tmp_path, later) == {}
    kept = json.loads((tmp_path / "config.json").read_text())
    assert kept["commit"] == settings.commit


def test_a_run_from_before_a_field_goes_on_with_its_default(settings, tmp_path):
    run_folder.create(tmp_path, settings, {})
    path = tmp_path / "config.json"
    values = json.loads(path.read_text())
    del values["config"]["joint_drop"]
    path.write_text(json.dumps(values))
    assert run_folder.continued_statistics(tmp_path, settings) == {}
    other = dataclasses.replace(
        settings, config=settings.config | {"joint_drop": 0.1}
    )
    with pytest.raises(ValueError, match=r"config.joint_drop \(there: 0.0,"):
        run_folder.continued_statistics(tmp_path, other)


def test_other_settings_are_refused_by_name(settings, tmp_path):
    run_folder.create(tmp_path, settings, {})
    other = dataclasses.replace(
        settings, batch_size=4, config=settings.config | {"width": 8}
    )
    with pytest.raises(ValueError) as error:
        run_folder.continued_statistics(tmp_path, other)
    assert "batch_size (there: 8, asked for: 4)" in str(error.value)
    assert "config.width (there: 16, asked for: 8)" in str(error.value)
    assert "another `--workdir`" in str(error.value)


def test_no_run_and_no_checkpoint(settings, tmp_path):
    with pytest.raises(
        FileNotFoundError, match="No run in .*trainers/train.py"
    ):
        run_folder.load(tmp_path)
    run_folder.create(tmp_path, settings, {})
    with pytest.raises(FileNotFoundError, match="No checkpoint in"):
        run_folder.load(tmp_path)


def test_checkpoint_of_another_configuration(settings, tmp_path):
    method = run_folder.build_method(settings, {})
    path = checkpoints.Checkpoints(method, tmp_path).save(1)
    wider = dataclasses.replace(
        settings, config=settings.config | {"width": 32}
    )
    other = checkpoints.Checkpoints(
        run_folder.build_method(wider, {}), tmp_path
    )
    with pytest.raises(ValueError, match="is of another configuration"):
        other.restore()
    with pytest.raises(FileNotFoundError, match="No checkpoint at .*-9"):
        other.restore(path.replace("-1", "-9"))


def damage(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def test_damaged_checkpoint_falls_back_to_the_one_before(
    settings, tmp_path, capsys
):
    method = run_folder.build_method(settings, {})
    kept = checkpoints.Checkpoints(method, tmp_path)
    for step in (3, 5):
        method.lifter.last.bias.assign([step] * 17)
        kept.save(step)
    damage(next(tmp_path.glob("checkpoints/checkpoint-5.data*")))
    assert kept.restore() == 3
    np.testing.assert_array_equal(method.lifter.last.bias, [3] * 17)
    assert "checkpoint-5 is damaged" in capsys.readouterr().out
    damage(tmp_path / "checkpoints" / "checkpoint-3.index")
    with pytest.raises(ValueError, match="All checkpoints in .* are damaged"):
        kept.restore()


def test_damaged_files_are_named(settings, tmp_path):
    arrays = {"keypoints_mean": np.arange(4, dtype=np.float32)}
    run_folder.create(tmp_path, settings, arrays)
    checkpoints.Checkpoints(
        run_folder.build_method(settings, {}), tmp_path
    ).save(1)
    (tmp_path / "checkpoints" / "checkpoint").write_text("garbage")
    with pytest.raises(ValueError, match="checkpoint must list"):
        run_folder.load(tmp_path)
    damage(tmp_path / "statistics.npz")
    with pytest.raises(ValueError, match="statistics.npz is damaged"):
        run_folder.load(tmp_path)
    (tmp_path / "config.json").write_text('{"method": "kudo2018"}')
    with pytest.raises(ValueError, match="config.json must have all settings"):
        run_folder.load(tmp_path)
    damage(tmp_path / "config.json")
    with pytest.raises(ValueError, match="config.json is not valid JSON"):
        run_folder.load(tmp_path)


def test_only_the_newest_checkpoints_stay(settings, tmp_path):
    kept = checkpoints.Checkpoints(
        run_folder.build_method(settings, {}), tmp_path, keep=2
    )
    for step in (1, 2, 3):
        kept.save(step)
    names = sorted(p.stem for p in tmp_path.glob("checkpoints/*.index"))
    assert names == ["checkpoint-2", "checkpoint-3"]


def test_json_refuses_what_is_no_number(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        run_folder.write_json(tmp_path / "results.json", {"x": float("nan")})
    assert not (tmp_path / "results.json").exists()
