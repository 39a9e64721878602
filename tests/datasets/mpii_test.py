"""The `mpii` builder on made-up files in each of the three real forms."""

import importlib
import json
import pathlib
import shutil
import sys

import h5py
import numpy as np
import pytest
import tensorflow_datasets as tfds
from etils import epath

from tf_poselift import schema
from tf_poselift import skeletons

DATASETS = pathlib.Path(__file__).parents[2] / "datasets"
sys.path.insert(0, str(DATASETS))
mpii = importlib.import_module("mpii.mpii_dataset_builder")
persons = importlib.import_module("mpii.persons")

DUMMY = DATASETS / "mpii" / "dummy_data"
MAT = "mpii_human_pose_v1_u12_2/mpii_human_pose_v1_u12_1.mat"


class MpiiTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = mpii.Builder
    EXAMPLE_DIR = str(DUMMY)
    BUILDER_CONFIG_NAMES_TO_TEST = ["all_persons"]
    SPLITS = {"train": 4, "validation": 2}


class _Files:
    """As much of a download manager as a builder with local files needs."""

    def __init__(self, folder):
        self.manual_dir = epath.Path(folder)
        self.download_dir = epath.Path(folder).parent / "downloads"


def _splits(config: str, folder) -> dict[str, dict[str, dict]]:
    builder = mpii.Builder(config=config, data_dir="unused")
    splits = builder._split_generators(_Files(folder))
    return {split: dict(clips) for split, clips in splits.items()}


@pytest.fixture
def raw(tmp_path):
    return pathlib.Path(shutil.copytree(DUMMY, tmp_path / "raw"))


def _only(raw, pattern):
    for path in raw.rglob("*.*"):
        if not path.match(pattern):
            path.unlink()
    return raw


def test_joints_are_in_the_order_of_the_ids():
    assert skeletons.load("mpii_16").joints == (
        "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee",
        "left_ankle", "pelvis", "thorax", "neck", "head_top", "right_wrist",
        "right_elbow", "right_shoulder", "left_shoulder", "left_elbow",
        "left_wrist",
    )  # fmt: skip


def test_the_mat_form_with_all_that_readers_stumble_over(raw):
    raw = _only(raw, "*.mat")
    splits = _splits("all_persons", raw)
    clips = splits["train"] | splits["validation"]
    scores = {name: c[schema.SCORES][0, 0] for name, c in clips.items()}
    assert {name: int(s.sum()) for name, s in scores.items()} == {
        "015601864_0": 16,  # is_visible 1, 0, "1", "0" and empty
        "015601864_1": 14,  # no right ankle, no left wrist
        "015599452_0": 16,  # without `is_visible`, ids backwards
        "005808361_0": 1,  # the thorax alone
        "086617615_1": 16,  # person 0 has no points
        "090000000_0": 16,
        "090000001_0": 16,
        "090000002_0": 16,
    }
    assert np.flatnonzero(scores["015601864_1"] == 0.0).tolist() == [0, 15]
    assert np.flatnonzero(scores["005808361_0"]).tolist() == [7]
    assert clips["015601864_1"][schema.PERSON] == 1
    assert clips["015601864_0"][schema.ACTION] == "sports"
    assert clips["015599452_0"][schema.ACTION] == ""  # an empty array
    full = _splits("full_body", raw)
    assert sorted(full["train"] | full["validation"]) == [
        name for name in sorted(clips) if scores[name].all()
    ]


def test_pixels_of_the_mat_form_count_from_0(raw):
    clips = _splits("full_body", _only(raw, "*.mat"))["train"]
    release = importlib.import_module("scipy.io").loadmat(raw / MAT)["RELEASE"]
    # Nested struct arrays of [1, N], as MATLAB has them.
    points = release[0, 0]["annolist"][0, 1]["annorect"][0, 0]["annopoints"][
        0, 0
    ]["point"]
    last = points[0, 15]  # ids run backwards: this is joint 0
    assert last["id"].item() == 0
    np.testing.assert_array_equal(
        clips["015599452_0"][schema.KEYPOINTS_2D][0, 0, 0],
        [last["x"].item() - 1.0, last["y"].item() - 1.0],
    )


def test_people_of_an_image_stay_in_one_split(raw):
    splits = _splits("all_persons", _only(raw, "*.mat"))
    # Seven images have people with points: the last one validates.
    assert list(splits["validation"]) == ["090000002_0"]


def test_the_json_form_is_read_first(raw):
    assert mpii.check(raw).found[0].startswith("JSON: ")
    splits = _splits("all_persons", raw)
    rows = json.loads((raw / "annot" / "valid.json").read_text())
    clips = splits["validation"]
    assert list(clips) == ["000000001_0", "000000001_1"]
    np.testing.assert_array_equal(
        clips["000000001_0"][schema.KEYPOINTS_2D][0, 0],
        np.array(rows[0]["joints"]) - 1.0,
    )
    # Occluded (joints_vis 0) but annotated: seen. At (-1, -1): missing.
    assert rows[0]["joints_vis"][0] == 0
    assert clips["000000001_0"][schema.SCORES].all()
    missing = clips["000000001_1"][schema.SCORES][0, 0] == 0.0
    assert np.flatnonzero(missing).tolist() == [0, 9]
    assert not clips["000000001_1"][schema.KEYPOINTS_2D][0, 0, [0, 9]].any()
    assert len(_splits("full_body", raw)["train"]) == 3


def test_the_hdf5_form_with_names_as_bytes_or_codes(raw):
    raw = _only(raw, "*.h5")
    splits = _splits("all_persons", raw)
    assert list(splits["train"]) == [
        "000000001_0", "000000001_1", "000000002_0", "000000003_0",
    ]  # fmt: skip
    assert list(splits["validation"]) == ["000000001_0", "000000001_1"]
    with h5py.File(raw / "annot" / "train.h5") as file:
        part = file["part"][()]
    clip = splits["train"]["000000002_0"]
    np.testing.assert_array_equal(
        clip[schema.KEYPOINTS_2D][0, 0], part[2] - 1.0
    )
    # Of the last person two joints lie at (0, 0).
    assert splits["train"]["000000003_0"][schema.SCORES].sum() == 14


def test_check_says_what_is_there_and_what_is_not(raw):
    notes = mpii.check(raw).notes
    assert "HDF5 is there too and not read" in notes
    (raw / "annot" / "valid.json").unlink()
    (raw / "annot" / "train.h5").unlink()
    findings = mpii.check(raw)
    assert findings.found == (f"MATLAB: {raw / MAT}",)
    assert any("valid.json" in note for note in findings.notes)
    assert any("every eighth image" in note for note in findings.notes)
    (raw / MAT).unlink()
    missing = mpii.check(raw).missing
    assert len(missing) == 2
    assert missing[0].startswith("valid.json (")
    (nothing,) = mpii.check(None).missing
    assert "mpii_human_pose_v1_u12_2.zip" in nothing


def _build(tmp_path, manual_dir):
    builder = mpii.Builder(config="full_body", data_dir=tmp_path / "out")
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=manual_dir)
    )


def _cut(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize(
    ("pattern", "error", "message"),
    [
        ("train.json", ValueError, "train.json must be a list of people, each"),
        ("train.h5", ValueError, "Cannot read .*train.h5"),
        ("*.mat", ValueError, "Cannot read .*mpii_human_pose_v1_u12_1.mat"),
    ],
)
def test_a_damaged_file_is_named_and_leaves_nothing(
    tmp_path, raw, pattern, error, message
):
    raw = _only(raw, f"*{pathlib.PurePath(pattern).suffix}")
    _cut(next(raw.rglob(pattern)))
    with pytest.raises(error, match=message):
        _build(tmp_path, raw)
    assert not list((tmp_path / "out").rglob("*.tfrecord*"))


def test_half_a_form_is_refused(tmp_path, raw):
    _only(raw, "train.json")
    with pytest.raises(FileNotFoundError, match=r"Missing:\n  - valid.json"):
        _build(tmp_path, raw)


def test_people_of_another_form_are_refused(raw):
    path = raw / "annot" / "train.json"
    rows = json.loads(path.read_text())
    rows[1]["joints"] = rows[1]["joints"][:14]
    path.write_text(json.dumps(rows))
    with pytest.raises(ValueError, match=r"`joints` \(16 pairs\)"):
        persons.read_json(path)
    for row in rows:
        row["joints"] = row["joints"][:14]
    path.write_text(json.dumps(rows))
    with pytest.raises(
        ValueError, match=r"16 joints .*4 people, joints \(4, 1"
    ):
        persons.read_json(path)
