"""The `mpi_inf_3dhp` builder on made-up files in the real format."""

import importlib
import pathlib
import shutil
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds
from etils import epath

from tf_poselift import schema
from tf_poselift import skeletons

DATASETS = pathlib.Path(__file__).parents[2] / "datasets"
sys.path.insert(0, str(DATASETS))
mpi = importlib.import_module("mpi_inf_3dhp.mpi_inf_3dhp_dataset_builder")
annotations = importlib.import_module("mpi_inf_3dhp.annotations")
calibration = importlib.import_module("mpi_inf_3dhp.calibration")

DUMMY = DATASETS / "mpi_inf_3dhp" / "dummy_data"
SKELETON = skeletons.load("mpi_inf_3dhp_17")
TEST = "mpi_inf_3dhp_test_set/mpi_inf_3dhp_test_set"
# Joint names of the data set's kit, `mpii_get_joint_set.m`.
NAMES_28 = (
    "spine3 spine4 spine2 spine pelvis neck head head_top left_clavicle "
    "left_shoulder left_elbow left_wrist left_hand right_clavicle "
    "right_shoulder right_elbow right_wrist right_hand left_hip left_knee "
    "left_ankle left_foot left_toe right_hip right_knee right_ankle "
    "right_foot right_toe"
).split()


class Mpi3dhpTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = mpi.Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["camera"]
    EXAMPLE_DIR = str(DUMMY)
    SPLITS = {"train": 70, "validation": 10, "test": 6}


class _Files:
    """As much of a download manager as a builder with local files needs."""

    def __init__(self, folder):
        self.manual_dir = epath.Path(folder)
        self.download_dir = epath.Path(folder).parent / "downloads"


def _splits(config: str, folder=DUMMY) -> dict[str, dict[str, dict]]:
    builder = mpi.Builder(config=config, data_dir="unused")
    splits = builder._split_generators(_Files(folder))
    return {split: dict(clips) for split, clips in splits.items()}


@pytest.fixture(scope="module")
def camera():
    return _splits("camera")


def test_every_view_of_a_take_is_a_clip(camera):
    assert sorted(camera["validation"]) == [
        f"S8_Seq{sequence}_camera{number}"
        for sequence in (1, 2)
        for number in (0, 2, 4, 7, 8)
    ]
    clip = camera["train"]["S3_Seq2_camera7"]
    assert clip[schema.KEYPOINTS_2D].shape == (3, 1, 17, 2)
    assert (clip[schema.SUBJECT], clip[schema.ACTION]) == ("S3", "Seq2")
    assert clip[schema.FRAME_ACTION].tolist() == [-1, -1, -1]
    # S1/Seq1 has 6416 frames in four minutes, S3/Seq2 12283.
    assert clip[schema.FPS] == 50.0
    assert camera["train"]["S1_Seq1_camera0"][schema.FPS] == 25.0


def test_joints_are_the_relevant_17_in_the_order_of_the_test_set():
    assert [NAMES_28[j] for j in annotations.RELEVANT] == list(SKELETON.joints)


def _project(clip):
    """Plain pinhole camera; [T, V, J, 2]."""
    joints = clip[schema.JOINTS_3D].astype(np.float64)
    image = np.einsum(
        "vij,tvnj->tvni", clip[schema.CAMERAS][schema.INTRINSICS], joints
    )
    return image[..., :2] / image[..., 2:]


def test_only_the_3d_in_the_camera_projects_onto_the_2d(camera):
    universal = _splits("universal")
    for name in ("S1_Seq1_camera0", "S5_Seq2_camera8"):
        clip = camera["train"][name]
        np.testing.assert_allclose(
            _project(clip), clip[schema.KEYPOINTS_2D], atol=0.01
        )
        other = universal["train"][name]
        np.testing.assert_array_equal(
            other[schema.KEYPOINTS_2D], clip[schema.KEYPOINTS_2D]
        )
        off = _project(other) - other[schema.KEYPOINTS_2D]
        assert np.abs(off).max() > 5.0
        assert (clip[schema.FLAGS], other[schema.FLAGS]) == (
            "",
            "universal_3d",
        )
        # The made-up universal person is 7/8 as tall.
        pelvis = SKELETON.joints.index("pelvis")
        true, scaled = (
            c[schema.JOINTS_3D] - c[schema.JOINTS_3D][..., [pelvis], :]
            for c in (clip, other)
        )
        np.testing.assert_allclose(scaled, 0.875 * true, atol=0.01)


def test_views_of_a_take_agree_in_a_world_whose_z_is_up():
    splits = _splits("multi_view")
    assert {s: len(clips) for s, clips in splits.items()} == {
        "train": 14,
        "validation": 2,
    }
    clip = splits["train"]["S2_Seq1"]
    assert clip[schema.KEYPOINTS_2D].shape == (3, 5, 17, 2)
    cameras = clip[schema.CAMERAS]
    world = np.einsum(
        "vji,tvnj->tvni",
        cameras[schema.ROTATION],
        clip[schema.JOINTS_3D] - cameras[schema.TRANSLATION][:, np.newaxis],
    )
    np.testing.assert_allclose(world, world[:, :1] + 0 * world, atol=0.01)
    # The made-up cameras stand upright: down in the image is down.
    np.testing.assert_allclose(
        cameras[schema.ROTATION][:, 1], [[0, 0, -1]] * 5, atol=1e-5
    )
    np.testing.assert_allclose(
        np.linalg.det(cameras[schema.ROTATION]), 1.0, atol=1e-5
    )


def test_a_test_frame_says_what_it_shows_and_whether_it_counts(camera):
    clip = camera["test"]["TS5"]
    assert clip[schema.SCENE] == "outdoor"
    assert clip[schema.FRAME_VALID].tolist() == [True, False, True]
    # The activities of the made-up file are 5, 7, 7, counted from 1.
    assert clip[schema.FRAME_ACTION].tolist() == [4, 6, 6]
    assert mpi.ACTIVITIES[4] == "On The Floor"
    # A joint that is no number is missing.
    assert clip[schema.SCORES].sum() == 3 * 17 - 1
    assert clip[schema.SCORES][1, 0, 3] == 0.0
    assert not clip[schema.JOINTS_3D_VALID][1, 0, 3]
    scenes = {name: c[schema.SCENE] for name, c in camera["test"].items()}
    assert scenes["TS2"] == "studio with green screen"
    assert scenes["TS3"] == "studio without green screen"


@pytest.mark.parametrize(
    ("take", "size", "focal", "center", "origin"),
    [
        # Worked out from the constants in millimetres: 2048 / 10 pixels each,
        # 1920 / 10 and 1080 / 5.625.
        (4, (2048, 2048), (1500.17, 1500.83), (1017.39, 1043.49),
         (3427.28, -309.42, 1387.86)),
        (5, (1920, 1080), (1683.98, 1672.59), (939.86, 556.35),
         (-2104.3074, 4596.6367, 1038.6707)),
    ],
)  # fmt: skip
def test_cameras_of_the_test_set(take, size, focal, center, origin):
    cameras = calibration.test_camera(take)
    intrinsics = cameras.intrinsics[0]
    np.testing.assert_allclose(np.diag(intrinsics)[:2], focal, atol=0.006)
    np.testing.assert_allclose(intrinsics[:2, 2], center, atol=0.006)
    np.testing.assert_array_equal(cameras.image_size, [size])
    # The origin (x, y, z) of the files lies at (x, -z, y).
    np.testing.assert_allclose(cameras.centers, [origin], atol=0.05)
    rotation = cameras.rotation[0]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-4)
    np.testing.assert_allclose(np.linalg.det(rotation), 1.0, atol=1e-4)
    assert rotation[1, 2] < -0.9  # the image's y points down
    assert (cameras.distortion[0, 0] == 0.0) == (take < 5)


def test_rows_beyond_the_video_are_cut(monkeypatch):
    monkeypatch.setitem(mpi.FRAMES, (8, 1), 2)
    clip = _splits("camera")["validation"]["S8_Seq1_camera0"]
    assert clip[schema.FRAME_INDEX].tolist() == [0, 1]


@pytest.fixture
def raw(tmp_path):
    return pathlib.Path(shutil.copytree(DUMMY, tmp_path / "raw"))


def test_cells_are_found_by_the_cameras_list(raw):
    io = importlib.import_module("scipy.io")
    path = raw / "S1" / "Seq1" / "annot.mat"
    found = io.loadmat(path)
    order = np.roll(np.arange(14), 3)
    found["cameras"] = order[np.newaxis]
    for name in ("annot2", "annot3"):
        found[name] = found[name][order]
    before = annotations.read_training(
        path, annotation="annot3", camera_ids=(2, 8), frames=9
    )
    io.savemat(path, {k: v for k, v in found.items() if k[0] != "_"})
    after = annotations.read_training(
        path, annotation="annot3", camera_ids=(2, 8), frames=9
    )
    np.testing.assert_array_equal(before.joints_3d, after.joints_3d)


def test_check_says_what_is_there_and_what_is_not(raw):
    findings = mpi.check(raw)
    assert len(findings.found) == 16 + 6
    assert not findings.missing
    (raw / "S6" / "Seq2" / "camera.calibration").unlink()
    shutil.rmtree(raw / TEST / "TS1")
    (raw / TEST / "TS2" / "annot_data.mat").write_bytes(b"<html>")
    (raw / "S7" / "Seq1" / "annot.mat").write_bytes(b"<html>")
    assert mpi.check(raw).missing == (
        "S6/Seq2/camera.calibration (get_dataset.sh)",
        "S7/Seq1/annot.mat, which is damaged: get it again (get_dataset.sh)",
        "TS1/annot_data.mat (get_testset.sh)",
        "TS2/annot_data.mat, which is damaged: get it again (get_testset.sh)",
    )
    assert len(mpi.check(None).missing) == 2 * 16 + 6


def _build(tmp_path, manual_dir):
    builder = mpi.Builder(config="camera", data_dir=tmp_path / "out")
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=manual_dir)
    )


def _cut(path, share=0.5):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])


@pytest.mark.parametrize(
    ("harm", "error", "message"),
    [
        (lambda raw: shutil.rmtree(raw / "S4"), FileNotFoundError,
         r"is not complete(.|\n)*S4/Seq1/annot.mat(.|\n)*get_testset.sh"),
        (lambda raw: _cut(raw / "S1/Seq2/annot.mat"), ValueError,
         "Cannot read .*S1/Seq2/annot.mat"),
        (lambda raw: _cut(raw / TEST / "TS3/annot_data.mat"), ValueError,
         "Cannot read .*TS3/annot_data.mat"),
        (lambda raw: _cut(raw / "S2/Seq1/camera.calibration"), ValueError,
         r"S2/Seq1/camera.calibration must hold the cameras .*cut off: \[7\]"),
    ],
)  # fmt: skip
def test_an_incomplete_or_damaged_folder_is_refused(
    tmp_path, raw, harm, error, message
):
    harm(raw)
    with pytest.raises(error, match=message):
        _build(tmp_path, raw)
    assert not list((tmp_path / "out").rglob("*.tfrecord*"))


def test_arrays_of_another_form_are_refused(raw):
    io = importlib.import_module("scipy.io")
    path = raw / "S1" / "Seq1" / "annot.mat"
    found = io.loadmat(path)
    found["annot2"][4, 0] = found["annot2"][4, 0][:, :34]
    io.savemat(path, {k: v for k, v in found.items() if k[0] != "_"})
    with pytest.raises(
        ValueError, match=r"annot2` must have a cell \[frames, "
    ):
        _splits("camera", raw)
    h5py = importlib.import_module("h5py")
    path = raw / TEST / "TS1" / "annot_data.mat"
    with h5py.File(path, "a") as file:
        del file["valid_frame"]
    with pytest.raises(ValueError, match="Missing: valid_frame. Received: act"):
        annotations.read_test(path, annotation="annot3")
