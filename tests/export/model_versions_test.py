import os
import shutil

import pytest
import tensorflow as tf

from tf_poselift.export import model_versions
from tf_poselift.export import signatures
from tf_poselift.export import warmup


@pytest.fixture
def base_path(model_dir, tmp_path):
    """A folder of version 2 alone; `publish` adds to it."""
    shutil.copytree(model_dir / "2", tmp_path / "2")
    return tmp_path


@pytest.fixture
def tried(monkeypatch) -> list[int]:
    """The versions that were tried, in order."""
    noted = []
    load = model_versions.loaded_model.load

    def noting(name, version, path):
        noted.append(version)
        return load(name, version, path)

    monkeypatch.setattr(model_versions.loaded_model, "load", noting)
    return noted


def publish(model_dir, base_path, name: str) -> None:
    staging = base_path / "staging-1"
    shutil.copytree(model_dir / "10", staging)
    os.rename(staging, base_path / name)


def states(versions) -> list[tuple[int, str, int]]:
    return [
        (s.version, s.State.Name(s.state), s.status.error_code)
        for s in versions.status("lifter").model_version_status
    ]


def test_the_highest_version_is_served(model_dir):
    versions = model_versions.ModelVersions("lifter", str(model_dir))
    assert versions.find("lifter").version == 10
    assert versions.find("lifter", 10).name == "lifter"
    assert states(versions) == [(10, "AVAILABLE", 0)]


@pytest.mark.parametrize(
    ("asked", "kind", "message"),
    [
        (("other",), tf.errors.NotFoundError, r"request: Latest\(other\)"),
        (("lifter", 2), tf.errors.NotFoundError, r"Specific\(lifter, 2\)"),
        (("lifter", 0), tf.errors.NotFoundError, r"Specific\(lifter, 0\)"),
        (("lifter", None, "c"), tf.errors.InvalidArgumentError, "label: c"),
    ],
)
def test_other_models_are_refused(model_dir, asked, kind, message):
    versions = model_versions.ModelVersions("lifter", str(model_dir))
    with pytest.raises(kind, match=message):
        versions.find(*asked)
    with pytest.raises(kind, match="label: c|Could not find .* of model"):
        versions.status(*asked)


def test_a_new_version_takes_over_and_a_removed_one_goes_back(
    kept_toy, model_dir, base_path
):
    versions = model_versions.ModelVersions("lifter", str(base_path))
    old = versions.find("lifter")
    publish(model_dir, base_path, "0010")
    versions.poll()
    assert versions.find("lifter").version == 10
    assert states(versions) == [(10, "AVAILABLE", 0), (2, "END", 0)]
    with pytest.raises(tf.errors.NotFoundError):
        versions.find("lifter", 2)
    # A request that took the old one before the swap is answered by it.
    inputs = signatures.serving_default(kept_toy).examples(1)
    assert old.predict("serving_default", inputs)["valid"].shape == (1,)
    shutil.rmtree(base_path / "0010")
    versions.poll()
    assert versions.find("lifter").version == 2
    assert states(versions) == [(10, "END", 0), (2, "AVAILABLE", 0)]


def test_an_empty_or_missing_folder_leaves_the_version_in_place(base_path):
    versions = model_versions.ModelVersions("lifter", str(base_path))
    for folder in (base_path / "2", base_path):
        shutil.rmtree(folder)
        versions.poll()
        assert versions.find("lifter").version == 2


def test_half_a_version_is_tried_a_few_times(model_dir, base_path, tried):
    versions = model_versions.ModelVersions(
        "lifter", str(base_path), retry_seconds=0.0
    )
    tried.clear()
    (base_path / "3").mkdir()
    for _ in range(9):
        versions.poll()
    assert tried == [3] * 6
    assert versions.find("lifter").version == 2
    not_found = tf.errors.NOT_FOUND
    assert states(versions) == [(3, "END", not_found), (2, "AVAILABLE", 0)]
    # Once the tries are spent the number stays dead; a higher one does not.
    shutil.copytree(model_dir / "10", base_path / "3", dirs_exist_ok=True)
    versions.poll()
    assert versions.find("lifter").version == 2
    publish(model_dir, base_path, "4")
    versions.poll()
    assert versions.find("lifter").version == 4


def test_half_a_version_that_is_whole_later_is_served(model_dir, base_path):
    versions = model_versions.ModelVersions(
        "lifter", str(base_path), retry_seconds=0.0
    )
    shutil.copytree(
        model_dir / "10", base_path / "3", ignore=lambda *_: ["variables"]
    )
    versions.poll()
    assert versions.find("lifter").version == 2
    shutil.copytree(model_dir / "10", base_path / "3", dirs_exist_ok=True)
    versions.poll()
    assert versions.find("lifter").version == 3


def test_a_version_waits_before_it_is_tried_again(base_path, tried):
    versions = model_versions.ModelVersions("lifter", str(base_path))
    (base_path / "3").mkdir()
    versions.poll()
    versions.poll()
    assert tried == [2, 3]


def test_damaged_warm_up_requests_leave_the_version_in_place(
    model_dir, base_path
):
    versions = model_versions.ModelVersions("lifter", str(base_path))
    staging = base_path / "staging"
    shutil.copytree(model_dir / "10", staging)
    with tf.io.TFRecordWriter(str(staging / warmup.FILE)) as writer:
        writer.write(b"no PredictionLog")
    os.rename(staging, base_path / "3")
    versions.poll()
    assert versions.find("lifter").version == 2
    (newest, _) = versions.status("lifter").model_version_status
    assert "must be a TFRecord file of warm-up" in newest.status.error_message


def test_other_names_are_no_versions(model_dir, base_path):
    versions = model_versions.ModelVersions("lifter", str(base_path))
    for name in ("7tmp", "staging-3", "٣", "+4", "-5"):
        shutil.copytree(model_dir / "10", base_path / name)
    (base_path / "9").touch()
    versions.poll()
    assert versions.find("lifter").version == 2


def test_a_relative_or_an_empty_path_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"be absolute.*Give \$PWD/models\."):
        model_versions.ModelVersions("lifter", "models")
    with pytest.raises(ValueError, match=r"No version in .* serving/export.py"):
        model_versions.ModelVersions("lifter", str(tmp_path))


def test_a_version_is_no_folder_of_versions(model_dir):
    with pytest.raises(ValueError, match=f"the folder above: {model_dir}."):
        model_versions.ModelVersions("lifter", f"{model_dir}/10/")
