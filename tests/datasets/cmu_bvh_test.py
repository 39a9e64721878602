"""The `cmu_bvh` builder on made-up files, and on the real ones if there."""

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
cmu_bvh = importlib.import_module("cmu_bvh.cmu_bvh_dataset_builder")

DUMMY = DATASETS / "cmu_bvh" / "dummy_data"
SKELETON = skeletons.load("human36m_17")
UNDISTORTED = "human36m_cameras_undistorted"


class CmuBvhTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = cmu_bvh.Builder
    EXAMPLE_DIR = str(DUMMY)
    SPLITS = {"train": 2, "validation": 1, "test": 1}


class _Files:
    """As much of a download manager as a builder with local files needs."""

    def __init__(self, folder):
        self.manual_dir = epath.Path(folder)
        self.download_dir = epath.Path("downloads")


def _splits(folder) -> dict[str, dict[str, dict]]:
    builder = cmu_bvh.Builder(config=UNDISTORTED, data_dir="unused")
    splits = builder._split_generators(_Files(folder))
    return {split: dict(clips) for split, clips in splits.items()}


def test_clips_are_split_by_collection_without_the_rest_pose():
    splits = _splits(DUMMY)
    assert {split: list(clips) for split, clips in splits.items()} == {
        "train": ["dance_01", "dance_02"],
        "validation": ["dance_03"],
        "test": ["fight_01"],
    }
    clip = splits["test"]["fight_01"]
    assert clip[schema.ACTION] == clip[schema.SUBJECT] == "fight"
    assert clip[schema.FRAME_INDEX].tolist() == [8, 12, 16]


def test_a_unit_is_a_centimetre_and_joints_are_where_the_map_says():
    joints = _splits(DUMMY)["test"]["fight_01"][schema.JOINTS_3D]

    def length(a, b):
        a, b = SKELETON.joints.index(a), SKELETON.joints.index(b)
        return np.linalg.norm(joints[..., a, :] - joints[..., b, :], axis=-1)

    np.testing.assert_allclose(length("left_hip", "left_knee"), 400, atol=0.01)
    np.testing.assert_allclose(length("right_hip", "pelvis"), 90, atol=0.01)
    # The eyes' mean is 8 cm above `head` and 8 before it, the head 12 above.
    np.testing.assert_allclose(
        length("nose", "head"), 10 * np.hypot(4.0, 8.0), atol=0.01
    )


def _build(tmp_path, manual_dir):
    builder = cmu_bvh.Builder(config=UNDISTORTED, data_dir=tmp_path / "out")
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=manual_dir)
    )


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_a_folder_that_is_not_there_or_empty_is_refused(tmp_path, name):
    (tmp_path / "empty").mkdir()
    message = rf"{name} does not exist or is empty(.|\n)*<collection>/\*.bvh"
    message += r"(.|\n)*--manual_dir(.|\n)*TF_POSELIFT_DATA"
    with pytest.raises(FileNotFoundError, match=message):
        _build(tmp_path, tmp_path / name)


@pytest.fixture
def raw(tmp_path):
    return pathlib.Path(shutil.copytree(DUMMY, tmp_path / "raw"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: b[: -len(b) // 4], r"fight/01.bvh must have 17 frames x "
         r"60 channels = 1020 numbers. Received: \d+"),
        (lambda b: b.replace(b"lHand", b"lPaw"),
         "01.bvh fits no joint map. Missing for the nearest one: lHand. Write"),
        (lambda b: b.replace(b"0.00833", b"0.01"), "multiple of 30 Hz"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_named_and_leaves_nothing(
    tmp_path, raw, change, message
):
    path = raw / "fight" / "01.bvh"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ValueError, match=message):
        _build(tmp_path, raw)
    assert not list((tmp_path / "out").rglob("*.tfrecord*"))


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("train: [dance, salsa]", FileNotFoundError,
         r"- salsa/\*.bvh, which splits.yaml names"),
        ("learn: [dance]", ValueError, "must name the collections of train an"),
        ("train: [dance", ValueError, "splits.yaml is not valid YAML"),
        *(
            (f"train: {names}", ValueError, "splits.yaml must .* list of text")
            for names in ("5", "dance", "[1]", "{dance: 1}")
        ),
        ("train: [dance]\ntest: [dance]", ValueError, "names `dance` twice"),
        (None, FileNotFoundError,
         "- splits.yaml, which you write\nThe folder must"),
    ],
)  # fmt: skip
def test_splits_that_do_not_fit_are_refused(raw, text, error, message):
    (raw / "splits.yaml").unlink()
    if text:
        (raw / "splits.yaml").write_text(text)
    with pytest.raises(error, match=message):
        _splits(raw)


@pytest.fixture(scope="module")
def real():
    folder = pathlib.Path(os.environ.get("TF_POSELIFT_DATA", "")) / "cmu_bvh"
    if not (folder / "splits.yaml").is_file():
        pytest.skip("needs cmu_bvh in the folder TF_POSELIFT_DATA")
    return _splits(folder)


def _joints_by_collection(splits) -> dict[str, np.ndarray]:
    collections = {}
    for clips in splits.values():
        for clip in clips.values():
            joints = collections.setdefault(clip[schema.ACTION], [])
            joints.append(clip[schema.JOINTS_3D])
    return {name: np.concatenate(j) for name, j in collections.items()}


def test_real_clips_are_all_there(real):
    assert {split: len(clips) for split, clips in real.items()} == {
        "train": 31,
        "validation": 4,
        "test": 8,
    }
    joints = _joints_by_collection(real)
    assert {name: len(j) for name, j in joints.items()} == {
        "indian": 4469,
        "martial": 4454,
        "salsa": 13708,
    }
    assert {clip[schema.ACTION] for clip in real["test"].values()} == {
        "martial"
    }


LIMBS = [
    (SKELETON.joints.index(f"{side}_{upper}"),
     SKELETON.joints.index(f"{side}_{lower}"))
    for side in ("left", "right")
    for upper, lower in (("hip", "knee"), ("knee", "ankle"),
                         ("shoulder", "elbow"), ("elbow", "wrist"))
]  # fmt: skip


def test_real_limbs_keep_their_length_in_every_view(real):
    upper, lower = np.transpose(LIMBS)
    for collection, joints in _joints_by_collection(real).items():
        limbs = joints[..., upper, :] - joints[..., lower, :]
        lengths = np.linalg.norm(limbs, axis=-1)
        assert np.ptp(lengths, axis=(0, 1)).max() < 0.1, collection
        # One skeleton for all, in centimetres in the file.
        np.testing.assert_allclose(
            lengths[0, 0], [368.3, 454.1, 282.3, 236.8] * 2, atol=0.1
        )


def test_real_people_face_where_their_nose_points(real):
    for collection, joints in _joints_by_collection(real).items():
        sine = pose.facing_sine(joints, SKELETON.facing).numpy()
        assert (sine < 0.0).mean() > 0.95, collection


def test_real_clips_begin_with_the_recording(real):
    # The conversion blends from a rest pose for seven frames: whoever jumps
    # more than in the rest of the clip at its start is still in it.
    for clips in real.values():
        for clip_id, clip in clips.items():
            joints = clip[schema.JOINTS_3D][:, 0]
            joints = joints - joints[:, :1]
            speed = np.linalg.norm(np.diff(joints, axis=0), axis=-1)
            assert speed[0].max() <= speed[1:].max(), clip_id
