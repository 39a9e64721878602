"""The `cmu_mocap` builder on made-up files, and on the real ones if there."""

import importlib
import os
import pathlib
import shutil
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds
from etils import epath

from tf_poselift import schema
from tf_poselift import skeletons
from tf_poselift.losses import pose

DATASETS = pathlib.Path(__file__).parents[2] / "datasets"
sys.path.insert(0, str(DATASETS))
cmu_mocap = importlib.import_module("cmu_mocap.cmu_mocap_dataset_builder")

DUMMY = DATASETS / "cmu_mocap" / "dummy_data"
SUBJECTS = "all_asfamc/subjects"
SKELETON = skeletons.load("human36m_17")
UNDISTORTED = "human36m_cameras_undistorted"


class CmuMocapTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = cmu_mocap.Builder
    EXAMPLE_DIR = str(DUMMY)
    SPLITS = {"train": 2, "validation": 1, "test": 1}


class _Files:
    """As much of a download manager as a builder with local files needs."""

    def __init__(self, folder):
        self.manual_dir = epath.Path(folder)
        self.download_dir = epath.Path("downloads")


def _splits(folder, config=UNDISTORTED) -> dict[str, dict[str, dict]]:
    builder = cmu_mocap.Builder(config=config, data_dir="unused")
    splits = builder._split_generators(_Files(folder))
    return {split: dict(clips) for split, clips in splits.items()}


def test_clips_are_split_by_subject_and_brought_to_30_hz():
    splits = _splits(DUMMY)
    assert {split: list(clips) for split, clips in splits.items()} == {
        "train": ["01_01", "01_02"],
        "validation": ["60_01"],
        "test": ["02_01"],
    }
    clip = splits["test"]["02_01"]
    assert clip[schema.SUBJECT] == "02"
    assert clip[schema.ACTION] == "02_01"
    assert clip[schema.FRAME_INDEX].tolist() == [0, 4, 8]
    # Subject 60 was captured at 60 Hz.
    half_rate = splits["validation"]["60_01"]
    assert half_rate[schema.FRAME_INDEX].tolist() == [0, 2, 4, 6, 8]


def test_the_nose_is_in_front_of_the_head():
    joints = _splits(DUMMY)["test"]["02_01"][schema.JOINTS_3D]
    nose, head = (SKELETON.joints.index(name) for name in ("nose", "head"))
    # Half of the head bone (1.7 units) down, 0.1 m forward.
    half = 0.5 * 1.7 * 25.4 / 0.45
    np.testing.assert_allclose(
        np.linalg.norm(joints[:, :, nose] - joints[:, :, head], axis=-1),
        np.hypot(half, 100.0),
        atol=0.01,
    )


def test_without_a_folder_the_archive_is_downloaded():
    urls = []

    class Archive(_Files):
        def download_and_extract(self, url):
            urls.append(url)
            return epath.Path(DUMMY)

    manager = Archive("unused")
    manager.manual_dir = manager.download_dir / "manual"
    builder = cmu_mocap.Builder(data_dir="unused")
    assert set(builder._split_generators(manager)) == {
        "train",
        "validation",
        "test",
    }
    assert urls == ["http://mocap.cs.cmu.edu/allasfamc.zip"]


def _build(tmp_path, manual_dir):
    builder = cmu_mocap.Builder(config=UNDISTORTED, data_dir=tmp_path / "out")
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=manual_dir)
    )


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    message = r"nowhere does not exist.*all_asfamc/subjects/NN/NN.asf and"
    message += ".*--manual_dir.*TF_POSELIFT_DATA"
    with pytest.raises(
        FileNotFoundError, match=message.replace(".*", "(.|\n)*")
    ):
        _build(tmp_path, tmp_path / "nowhere")


def test_a_folder_without_motions_is_refused(tmp_path):
    (tmp_path / "raw" / "subjects").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="Missing:\n  - all_asf"):
        _build(tmp_path, tmp_path / "raw")


def _rewrite(path, change):
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("02/02_01.amc", lambda b: b[: len(b) // 2], "02_01.amc: .*must"),
        ("02/02_01.amc", lambda b: b.replace(b"head ", b"head nan "),
         "02_01.amc: `head`"),
        ("02/02.asf", lambda b: b.replace(b"lwrist", b"lpaw"),
         "02.asf must have the bones lwrist. Received: root"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_named_and_leaves_nothing(
    tmp_path, file, change, message
):
    raw = tmp_path / "raw"
    shutil.copytree(DUMMY, raw)
    _rewrite(raw / SUBJECTS / file, change)
    with pytest.raises(ValueError, match=message):
        _build(tmp_path, raw)
    assert not list((tmp_path / "out").rglob("*.tfrecord*"))


def test_a_motion_without_its_skeleton_is_refused(tmp_path):
    raw = tmp_path / "raw"
    shutil.copytree(DUMMY, raw)
    (raw / SUBJECTS / "02" / "02.asf").unlink()
    with pytest.raises(FileNotFoundError, match="02.asf, the skeleton of its"):
        _splits(raw)


def test_check_says_what_is_there():
    assert cmu_mocap.check(DUMMY).found == ("4 trials of 3 subjects",)
    assert "will be downloaded" in cmu_mocap.check(None).notes[0]


@pytest.fixture(scope="module")
def real():
    folder = pathlib.Path(os.environ.get("TF_POSELIFT_DATA", "")) / "cmu_mocap"
    if not (folder / SUBJECTS / "01").is_dir():
        pytest.skip("needs cmu_mocap in the folder TF_POSELIFT_DATA")
    return _splits(folder)


def _by_subject(splits) -> dict[str, list[dict]]:
    subjects = {}
    for clips in splits.values():
        for clip in clips.values():
            subjects.setdefault(clip[schema.SUBJECT], []).append(clip)
    return subjects


def test_real_clips_are_all_there(real):
    frames = {
        split: sum(len(c[schema.FRAME_INDEX]) for c in clips.values())
        for split, clips in real.items()
    }
    assert {split: len(clips) for split, clips in real.items()} == {
        "train": 16,
        "validation": 2,
        "test": 10,
    }
    assert set(_by_subject(real)) == {"01", "02", "03"}
    assert {clip[schema.SUBJECT] for clip in real["test"].values()} == {"02"}
    assert frames["test"] == 3208
    assert sum(frames.values()) == 19451
    for clips in real.values():
        for clip in clips.values():
            assert clip[schema.FRAME_VALID].all()
            assert (clip[schema.SCORES] == 1.0).all()


LIMBS = [
    (SKELETON.joints.index(f"{side}_{upper}"),
     SKELETON.joints.index(f"{side}_{lower}"))
    for side in ("left", "right")
    for upper, lower in (("hip", "knee"), ("knee", "ankle"),
                         ("shoulder", "elbow"), ("elbow", "wrist"))
]  # fmt: skip


def test_real_limbs_keep_their_length_in_every_view(real):
    upper, lower = np.transpose(LIMBS)
    for subject, clips in _by_subject(real).items():
        joints = np.concatenate([clip[schema.JOINTS_3D] for clip in clips])
        limbs = joints[..., upper, :] - joints[..., lower, :]
        lengths = np.linalg.norm(limbs, axis=-1)
        assert np.ptp(lengths, axis=(0, 1)).max() < 0.1, subject
        assert 270.0 < lengths.min() and lengths.max() < 440.0, subject


def test_real_people_face_where_their_nose_points(real):
    for subject, clips in _by_subject(real).items():
        joints = np.concatenate([clip[schema.JOINTS_3D] for clip in clips])
        sine = pose.facing_sine(joints, SKELETON.facing).numpy()
        assert (sine < 0.0).mean() > 0.95, subject


def test_real_people_stand_on_the_floor(real):
    heads, feet = [], []
    for clips in real.values():
        for clip in clips.values():
            cameras = clip[schema.CAMERAS]
            heights = np.einsum(
                "j,tnj->tn",
                cameras[schema.ROTATION][0, :, 2],
                clip[schema.JOINTS_3D][:, 0] - cameras[schema.TRANSLATION][0],
            )
            heads.append(heights[:, SKELETON.head])
            feet.append(heights.min(axis=1))
    assert abs(np.percentile(np.concatenate(feet), 5)) < 10.0
    assert 1400.0 < np.median(np.concatenate(heads)) < 1700.0
