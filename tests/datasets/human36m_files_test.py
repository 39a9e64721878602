"""Incomplete and damaged raw files of Human3.6M; what `check` says."""

import importlib
import pathlib
import shutil
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds

DATASETS = pathlib.Path(__file__).parents[2] / "datasets"
sys.path.insert(0, str(DATASETS))
human36m = importlib.import_module("human36m.human36m_dataset_builder")
detections = importlib.import_module("human36m.detections")
dummy = importlib.import_module("human36m.make_dummy_data")
poses = importlib.import_module("human36m.poses")
takes = importlib.import_module("human36m.takes")

DUMMY = DATASETS / "human36m" / "dummy_data"
TGZ = "Poses_D3_Positions_S7.tgz"
CPN = detections.NPZ["cpn"][0]


@pytest.fixture
def raw(tmp_path):
    """A copy of the made-up files, with S7 unpacked."""
    folder = tmp_path / "raw"
    shutil.copytree(DUMMY, folder)
    (folder / TGZ).unlink()
    dummy.write_official(folder, "S7")
    return folder


def _cdf(folder, name):
    return folder / "S7" / "MyPoseFeatures" / "D3_Positions" / f"{name}.cdf"


def _build(tmp_path, folder, config="gt"):
    builder = human36m.Builder(config=config, data_dir=tmp_path / "out")
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=folder)
    )


def _refused(tmp_path, folder, error, message, config="gt"):
    with pytest.raises(error, match=message):
        _build(tmp_path, folder, config)
    assert not list((tmp_path / "out").rglob("*.tfrecord*"))
    assert not list((tmp_path / "out").rglob("dataset_info.json"))


def test_check_of_a_whole_folder():
    findings = human36m.check(DUMMY)
    assert not findings.missing
    assert findings.found[0] == "3D: official CDF files, 209 takes"
    assert findings.found[1].startswith("2D cpn: ")
    notes = "\n".join(findings.notes)
    assert "S11 Directions is left out" in notes
    assert "s9_offset" in notes
    assert "only the configurations sh and sh_10hz need it" in notes
    # Made-up archives are not the official ones: said, not refused.
    assert "Poses_D3_Positions_S1.tgz differs from the archive" in notes


def test_check_without_a_folder():
    missing = human36m.check(None, "cpn").missing
    assert "Poses_D3_Positions_S*.tgz" in missing[0]
    assert CPN in missing[1]


def test_a_half_download_is_listed(tmp_path, raw):
    name = dummy.names("S7")[3]
    _cdf(raw, name).unlink()
    (raw / "Poses_D3_Positions_S9.tgz").unlink()
    assert human36m.check(raw).missing == (
        "S7: 29 of 30 takes in official CDF files (officially in "
        "Poses_D3_Positions_S7.tgz)",
        "S9: 0 of 30 takes in official CDF files (officially in "
        "Poses_D3_Positions_S9.tgz)",
    )
    _refused(tmp_path, raw, FileNotFoundError, r"S9: 0 of 30(.|\n)*academic")


def test_a_folder_of_something_else(tmp_path):
    (tmp_path / "raw" / "videos").mkdir(parents=True)
    message = r"not complete. Missing:\n  - 3D: Poses_D3_Positions_S\*.tgz"
    _refused(tmp_path, tmp_path / "raw", FileNotFoundError, message)


def test_detections_that_are_not_there(tmp_path):
    _refused(tmp_path, DUMMY, FileNotFoundError, "2D sh: data_2d_h36m_sh", "sh")


def test_cdf_without_its_reader(tmp_path, monkeypatch):
    monkeypatch.setattr(poses.importlib.util, "find_spec", lambda name: None)
    assert human36m.check(DUMMY).missing == (
        "the package cdflib: pip install -e '.[formats]'",
    )


def test_the_fullest_form_is_read(raw):
    (raw / "Poses_D3_Positions_S9.tgz").unlink()
    dummy.write_npz(raw)
    findings = human36m.check(raw)
    assert findings.found[0].startswith("3D: VideoPose3D's data_3d_h36m.npz")
    assert "official CDF files: there too, not read" in findings.notes
    assert not findings.missing


def test_a_cut_off_archive(tmp_path, raw):
    path = raw / "Poses_D3_Positions_S9.tgz"
    path.write_bytes(path.read_bytes()[:5000])
    _refused(tmp_path, raw, ValueError, "S9.tgz is no archive, or only the sta")
    (raw / poses.BASELINE_ZIP).write_bytes(b"PK\3\4 and no more")
    path.unlink()
    with pytest.raises(ValueError, match="h36m.zip is no archive"):
        human36m.check(raw)


def test_a_cut_off_cdf(tmp_path, raw):
    path = _cdf(raw, dummy.names("S7")[0])
    path.write_bytes(path.read_bytes()[:700])
    _refused(tmp_path, raw, ValueError, f"Cannot read .*{path.name}")


def test_a_pose_that_is_no_number(tmp_path, raw):
    name = dummy.names("S7")[4]
    pose = np.zeros((3, 32, 3), np.float32)
    pose[1, 2, 0] = np.nan
    dummy.write_cdf(_cdf(raw, name), pose)
    clip_id = takes.Take("S7", name).clip_id
    _refused(tmp_path, raw, ValueError, f"`{clip_id}`: .*must be finite")


def test_a_name_that_is_no_action(raw):
    shutil.copy(_cdf(raw, dummy.names("S7")[0]), _cdf(raw, "Dancing 1"))
    with pytest.raises(ValueError, match="Unknown action of `S7 Dancing 1`"):
        human36m.check(raw)


def test_a_take_that_is_there_twice():
    with pytest.raises(ValueError, match="`S1 Photo 1` must be there once"):
        takes.index([("S1", "Photo_1", "a"), ("S1", "TakingPhoto 1", "b")])


def _detections(raw, change):
    made = dummy.detected(17)
    metadata = {"num_joints": 17, "layout_name": "h36m"}
    change(made, metadata)
    np.savez_compressed(raw / CPN, positions_2d=made, metadata=metadata)


def _shorten(made, metadata):
    views = made["S5"]["Eating 1"]
    views[2] = views[2][:1]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (_shorten, ValueError,
         "`S5 Eating 1`: the 2D must be at least as long.* 1 and 2 frames"),
        (lambda made, _: made["S9"].pop("Greeting"), FileNotFoundError,
         r"Missing: S9_Greeting \(1 in all\)"),
        (lambda made, _: made["S5"]["Eating 1"].pop(), ValueError,
         "for each of 4 cameras. Received: "),
        (lambda _, metadata: metadata.update(layout_name="coco"), ValueError,
         "17 joints in the layout `h36m`. Received: 17 in `coco`"),
        (lambda made, _: made.update(S1=[]), ValueError,
         "must have `positions_2d`, a dictionary"),
    ],
)  # fmt: skip
def test_detections_that_do_not_fit(tmp_path, raw, change, error, message):
    _detections(raw, change)
    _refused(tmp_path, raw, error, message, "cpn")


def test_surplus_detections_are_cut_and_counted(raw):
    source = detections.find(raw, "cpn")
    keypoints, surplus = source.read(takes.Take("S9", "Greeting"), 2)
    assert keypoints.shape == (2, 4, 17, 2)
    assert surplus == 3  # 0, 1, 2 and 0 frames of the four cameras


def test_fine_tuned_hourglass_detections_go_first(tmp_path):
    dummy.write_baseline(tmp_path)
    plain = tmp_path / "h36m" / "S9" / "StackedHourglass"

    def found():
        return detections.find(tmp_path, "sh").where

    assert found().endswith("S*/StackedHourglass/*.h5")
    tuned, pretrained = detections.NPZ["sh"]
    (tmp_path / pretrained).touch()
    assert found().endswith(pretrained)
    plain.rename(plain.with_name("StackedHourglassFineTuned240"))
    assert found().endswith("S*/StackedHourglassFineTuned240/*.h5")
    (tmp_path / tuned).touch()
    assert found().endswith(tuned)


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"Received: float64 \(5, 17, 3\)"):
        poses._shaped(np.zeros((5, 17, 3)), "file")
