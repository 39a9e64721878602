"""The `surreal` builder on made-up files in the real format."""

import importlib
import pathlib
import shutil
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds
from etils import epath
from scipy import io

from tf_poselift import schema
from tf_poselift import skeletons

DATASETS = pathlib.Path(__file__).parents[2] / "datasets"
sys.path.insert(0, str(DATASETS))
surreal = importlib.import_module("surreal.surreal_dataset_builder")
clips = importlib.import_module("surreal.clips")

DUMMY = DATASETS / "surreal" / "dummy_data"
CMU = "SURREAL/data/cmu"


class SurrealTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = surreal.Builder
    EXAMPLE_DIR = str(DUMMY)
    BUILDER_CONFIG_NAMES_TO_TEST = ["run0"]
    SPLITS = {"train": 3, "validation": 3, "test": 2}


class _Files:
    """As much of a download manager as a builder with local files needs."""

    def __init__(self, folder):
        self.manual_dir = epath.Path(folder)
        self.download_dir = epath.Path(folder).parent / "downloads"


def _splits(folder=DUMMY, config="run0") -> dict[str, dict[str, dict]]:
    builder = surreal.Builder(config=config, data_dir="unused")
    splits = builder._split_generators(_Files(folder))
    return {split: dict(found) for split, found in splits.items()}


def _save(folder, sequence="01_01", **variables) -> pathlib.Path:
    path = folder / "run1" / sequence / f"{sequence}_c0001_info.mat"
    path.parent.mkdir(parents=True, exist_ok=True)
    io.savemat(path, variables)
    return path


def test_trials_are_split_and_monsters_left_out():
    assert {split: list(found) for split, found in _splits().items()} == {
        "train": ["run0_01_01_c0001", "run0_01_01_c0002", "run0_01_02_c0001"],
        # All of trial 02_01: its clips overlap.
        "validation": [
            "run0_02_01_c0001", "run0_02_01_c0002", "run0_ung_02_01_c0001",
        ],
        "test": ["run0_104_34_c0001", "run0_104_34_c0002"],
    }  # fmt: skip
    assert clips.is_monster("ung_143_21")
    assert clips.is_monster("19_02")
    assert not clips.is_monster("118_19")


def test_the_image_is_mirrored_back_and_nothing_else(tmp_path):
    # A joint 7.2 m before the camera and 0.6 m along z: with the published
    # camera x = -0.6, u = 160 - 600 * 0.6 / 7.2 = 110.
    camera = [7.2, -1.0, 0.0]
    joints = np.tile(np.array([0.0, -1.0, 0.6])[:, None, None], (1, 24, 2))
    pixels = np.tile(np.array([110.0, 120.0])[:, None, None], (1, 24, 2))
    path = _save(
        tmp_path, joints3D=joints, joints2D=pixels, camLoc=np.c_[camera]
    )
    clip_id, clip = clips.clip(path)
    assert clip_id == "run1_01_01_c0001"
    assert clip[schema.KEYPOINTS_2D].shape == (2, 1, 24, 2)
    np.testing.assert_array_equal(
        clip[schema.KEYPOINTS_2D][1, 0, 5], [210, 120]
    )
    np.testing.assert_allclose(
        clip[schema.JOINTS_3D][1, 0, 5], [600.0, 0.0, 7200.0], atol=1e-3
    )
    cameras = clip[schema.CAMERAS]
    rotation = cameras[schema.ROTATION][0]
    np.testing.assert_allclose(np.linalg.det(rotation), 1.0)
    # World: z up, so the camera 1 m above the origin of y looks level.
    np.testing.assert_array_equal(rotation[1], [0.0, 0.0, -1.0])
    center = -rotation.T @ cameras[schema.TRANSLATION][0]
    np.testing.assert_allclose(center, [7200.0, 0.0, 1000.0], atol=1e-3)
    assert clip[schema.SUBJECT] == "01"


def test_records_agree_with_their_camera_up_to_rounding():
    for found in _splits().values():
        for name, clip in found.items():
            joints = clip[schema.JOINTS_3D]
            projected = 600.0 * joints[..., :2] / joints[..., 2:]
            off = clip[schema.KEYPOINTS_2D] - projected - [160.0, 120.0]
            assert np.abs(off).max() <= 0.501, name
            # And the world is that of the file: the same distances.
            cameras = clip[schema.CAMERAS]
            rotation = cameras[schema.ROTATION][0]
            world = (joints - cameras[schema.TRANSLATION][0]) @ rotation
            assert 500.0 < world[..., 2].mean() < 1500.0  # y is about -1 m


def test_a_clip_of_one_frame_keeps_its_axes():
    clip = _splits()["train"]["run0_01_01_c0002"]
    path = DUMMY / CMU / "train/run0/01_01/01_01_c0002_info.mat"
    assert io.loadmat(path)["joints2D"].shape == (2, 24)
    assert clip[schema.KEYPOINTS_2D].shape == (1, 1, 24, 2)


def test_joints_outside_the_image_stay_unless_the_person_is_lost(tmp_path):
    joints = np.zeros((3, 24, 3))
    joints[0] = -7.0  # 14 m from the camera, but in the last frame
    joints[0, 3, 2] = 6.9
    pixels = np.full((2, 24, 3), 100.0)
    pixels[0, 7, 0] = 400.0  # a hand, say
    pixels[0, 0, 1] = 400.0  # the pelvis
    path = _save(
        tmp_path,
        joints3D=joints,
        joints2D=pixels,
        camLoc=np.array([[7.0], [0.0], [0.0]]),
    )
    _, clip = clips.clip(path)
    assert clip[schema.FRAME_VALID].tolist() == [True, False, False]
    assert clip[schema.SCORES].sum(axis=(1, 2)).tolist() == [24.0, 0.0, 0.0]
    np.testing.assert_array_equal(
        clip[schema.KEYPOINTS_2D][0, 0, 7], [-80.0, 100.0]
    )


def test_joints_are_those_of_smpl():
    names = skeletons.load("smpl_24").joints
    assert names[:4] == ("pelvis", "left_hip", "right_hip", "spine1")
    assert names[-2:] == ("left_hand", "right_hand")


@pytest.fixture
def raw(tmp_path):
    return pathlib.Path(shutil.copytree(DUMMY, tmp_path / "raw"))


def test_check_says_what_is_there_and_what_is_not(raw):
    findings = surreal.check(raw)
    assert findings.found == ("run0: clips train 6, test 2",)
    assert not findings.missing  # the other runs are others' sets
    assert any("not there: test/run1" in note for note in findings.notes)
    assert len(surreal.check(None).missing) == 6
    shutil.rmtree(raw / CMU / "test")
    assert "test/run0/*/*_info.mat (download_surreal.sh)" in (
        surreal.check(raw).missing
    )


def _build(tmp_path, manual_dir, config="run0"):
    builder = surreal.Builder(config=config, data_dir=tmp_path / "out")
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=manual_dir)
    )


def test_a_run_that_is_not_there_is_refused(tmp_path, raw):
    with pytest.raises(FileNotFoundError, match=r"Missing:\n  - train/run2/"):
        _build(tmp_path, raw, "run2")


def test_a_damaged_file_is_named_and_leaves_nothing(tmp_path, raw):
    path = raw / CMU / "test/run0/104_34/104_34_c0001_info.mat"
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(ValueError, match="Cannot read .*104_34_c0001_info.mat"):
        _build(tmp_path, raw)
    assert not list((tmp_path / "out").rglob("*.tfrecord*"))


def test_arrays_that_do_not_fit_are_refused(tmp_path):
    path = _save(
        tmp_path,
        joints3D=np.zeros((3, 24, 2)),
        joints2D=np.zeros((2, 24, 1)),
        camLoc=np.zeros(3),
    )
    with pytest.raises(ValueError, match=r"_info.mat: `joints2D` \[2, 24, T\]"):
        clips.clip(path)


def test_beam_builds_the_same_records(tmp_path):
    pytest.importorskip("apache_beam", reason="needs pip install -e '.[build]'")
    read = []
    for runner in (None, "DirectRunner"):
        builder = surreal.Builder(
            config="run0", data_dir=tmp_path / str(runner)
        )
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(
                manual_dir=DUMMY, beam_runner=runner
            )
        )
        assert builder._beam == bool(runner)
        examples = builder.as_dataset(split="train").as_numpy_iterator()
        read.append({e[schema.CLIP_ID]: e for e in examples})
    assert set(read[0]) == set(read[1])
    for name, example in read[0].items():
        for key in (schema.KEYPOINTS_2D, schema.JOINTS_3D, schema.SCORES):
            np.testing.assert_array_equal(example[key], read[1][name][key])
