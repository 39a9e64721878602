"""The `lsp` builder on made-up files in the three real forms."""

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
lsp = importlib.import_module("lsp.lsp_dataset_builder")

DUMMY = DATASETS / "lsp" / "dummy_data"


class LspTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = lsp.Builder
    EXAMPLE_DIR = str(DUMMY)
    BUILDER_CONFIG_NAMES_TO_TEST = ["lsp"]
    SPLITS = {"train": 9, "validation": 1, "test": 10}


class _Files:
    """As much of a download manager as a builder with local files needs."""

    def __init__(self, folder):
        self.manual_dir = epath.Path(folder)
        self.download_dir = epath.Path(folder).parent / "downloads"


def _splits(config: str, folder=DUMMY) -> dict[str, dict[str, dict]]:
    builder = lsp.Builder(config=config, data_dir="unused")
    splits = builder._split_generators(_Files(folder))
    return {split: dict(clips) for split, clips in splits.items()}


def _joints(folder: str) -> np.ndarray:
    return io.loadmat(DUMMY / folder / "joints.mat")["joints"]


def test_joints_are_in_the_order_of_the_readme():
    assert skeletons.load("lsp_14").joints == (
        "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee",
        "left_ankle", "right_wrist", "right_elbow", "right_shoulder",
        "left_shoulder", "left_elbow", "left_wrist", "neck", "head_top",
    )  # fmt: skip


def test_lsp_is_split_in_the_middle_and_an_occluded_joint_is_there():
    splits = _splits("lsp")
    assert list(splits["test"]) == [f"lsp_{i:05d}" for i in range(11, 21)]
    assert list(splits["validation"]) == ["lsp_00008"]
    joints = _joints("lsp_dataset")
    assert joints.shape == (3, 14, 20)
    clip = splits["train"]["lsp_00004"]
    assert clip[schema.KEYPOINTS_2D].shape == (1, 1, 14, 2)
    np.testing.assert_allclose(
        clip[schema.KEYPOINTS_2D][0, 0], joints[:2, :, 3].T, atol=1e-4
    )
    assert joints[2, 4, 3] == 1.0  # occluded
    assert clip[schema.SCORES].all()


def test_lspet_has_joints_that_nobody_labelled():
    splits = _splits("lspet")
    assert set(splits) == {"train", "validation"}
    clips = splits["train"] | splits["validation"]
    assert len(clips) == 9
    assert "lspet_00006" not in clips  # nothing of this person is labelled
    clip = clips["lspet_00003"]
    joints = _joints("lspet_dataset")
    assert joints.shape == (14, 3, 10)
    np.testing.assert_array_equal(
        clip[schema.SCORES][0, 0], joints[:, 2, 2] == 1.0
    )
    assert clip[schema.SCORES].sum() == 12
    np.testing.assert_array_equal(
        clip[schema.KEYPOINTS_2D][0, 0, [0, 5]], np.zeros((2, 2))
    )
    np.testing.assert_allclose(
        clip[schema.KEYPOINTS_2D][0, 0, 1], joints[1, :2, 2], atol=1e-4
    )


def test_hr_lspet_is_told_from_lspet_by_its_folder():
    clips = _splits("hr_lspet")["train"]
    joints = _joints("hr-lspet")
    np.testing.assert_allclose(
        clips["hr_lspet_00001"][schema.KEYPOINTS_2D][0, 0],
        joints[:, :2, 0],
        atol=1e-4,
    )
    missing = clips["hr_lspet_00005"][schema.SCORES][0, 0] == 0.0
    assert np.flatnonzero(missing).tolist() == [13]


@pytest.fixture
def raw(tmp_path):
    return pathlib.Path(shutil.copytree(DUMMY, tmp_path / "raw"))


def test_check_says_what_is_there_and_what_is_not(raw):
    findings = lsp.check(raw)
    assert sorted(line.partition(":")[0] for line in findings.found) == [
        "hr_lspet", "lsp", "lspet",
    ]  # fmt: skip
    assert not findings.missing
    shutil.rmtree(raw / "lspet_dataset")
    shutil.copytree(raw / "lsp_dataset", raw / "lsp_dataset_original")
    findings = lsp.check(raw)
    assert not findings.missing  # the others can be built
    assert any("lspet_dataset.zip" in note for note in findings.notes)
    assert any("original/joints.mat is not read" in n for n in findings.notes)
    assert len(lsp.check(None).missing) == 3
    # What is not there is missed by the configuration that needs it.
    with pytest.raises(FileNotFoundError, match=r"joints.mat of `lspet`, in a"):
        _splits("lspet", raw)


def test_a_file_in_the_folder_of_another_set_is_refused(raw):
    shutil.copy(raw / "lspet_dataset" / "joints.mat", raw / "lsp_dataset")
    with pytest.raises(
        ValueError,
        match=r"lsp_dataset/joints.mat: `joints` of `lsp` must have shape "
        r"\(3, 14, 'N'\). Received: \(14, 3, 10\)",
    ):
        _splits("lsp", raw)


def test_a_file_right_in_a_folder_of_that_name_is_found(tmp_path):
    folder = tmp_path / "lsp"
    folder.mkdir()
    shutil.copy(DUMMY / "lsp_dataset" / "joints.mat", folder)
    assert len(_splits("lsp", folder)["test"]) == 10


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (b"<html>", FileNotFoundError, "as a MATLAB file: it is damaged"),
        (None, ValueError, "Cannot read .*lsp_dataset/joints.mat"),
    ],
)
def test_a_damaged_file_is_named_and_leaves_nothing(
    tmp_path, raw, content, error, message
):
    path = raw / "lsp_dataset" / "joints.mat"
    path.write_bytes(content or path.read_bytes()[:900])
    builder = lsp.Builder(config="lsp", data_dir=tmp_path / "out")
    with pytest.raises(error, match=message):
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(manual_dir=raw)
        )
    assert not list((tmp_path / "out").rglob("*.tfrecord*"))
