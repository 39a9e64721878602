"""The `humaneva` builder on made-up files in both forms."""

import importlib
import pathlib
import shutil
import sys
import types

import numpy as np
import pytest
import scipy.io
import tensorflow_datasets as tfds
from etils import epath

from tf_poselift import schema
from tf_poselift import skeletons

DATASETS = pathlib.Path(__file__).parents[2] / "datasets"
sys.path.insert(0, str(DATASETS))
humaneva = importlib.import_module("humaneva.humaneva_dataset_builder")
cameras = importlib.import_module("humaneva.cameras")
dummy = importlib.import_module("humaneva.make_dummy_data")
files = importlib.import_module("humaneva.files")
takes = importlib.import_module("humaneva.takes")

DUMMY = DATASETS / "humaneva" / "dummy_data"
SKELETON = skeletons.load("humaneva_15")


class HumanevaTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = humaneva.Builder
    EXAMPLE_DIR = str(DUMMY)
    BUILDER_CONFIG_NAMES_TO_TEST = ["gt", "detectron_calibrated"]
    SPLITS = {"train": 14, "validation": 1, "test": 14}


@pytest.fixture
def converted(tmp_path):
    folder = tmp_path / "raw"
    dummy.write_converted(folder)
    return folder


def _splits(folder, config="gt") -> dict[str, dict[str, dict]]:
    builder = humaneva.Builder(config=config, data_dir="unused")
    manager = types.SimpleNamespace(
        manual_dir=epath.Path(folder), download_dir=epath.Path("downloads")
    )
    splits = builder._split_generators(manager)
    return {split: dict(clips) for split, clips in splits.items()}


def test_official_validation_is_the_test():
    splits = _splits(DUMMY)
    test = splits["test"]
    assert all(clip_id.startswith("Validate_S") for clip_id in test)
    assert {c[schema.SUBJECT] for c in test.values()} == {"S1", "S2", "S3"}
    assert {c[schema.ACTION] for c in test.values()} == set(takes.ACTIONS)
    learned = {**splits["train"], **splits["validation"]}
    assert list(splits["validation"]) == sorted(learned)[7::8]
    # The second of three runs of frames is the one that failed.
    walking = {i for i in learned if i.startswith("Train_S1_Walking")}
    assert walking == {
        "Train_S1_Walking_1_chunk0",
        "Train_S1_Walking_1_chunk2",
    }
    clip = test["Validate_S2_Jog_1_chunk0"]
    assert clip[schema.FPS] == 60.0
    assert clip[schema.IMAGE_SIZE].tolist() == [[640, 480]] * 3
    assert schema.CAMERAS not in clip


def test_both_forms_give_the_same(converted):
    expected, found = _splits(DUMMY), _splits(converted)
    for split, clips in expected.items():
        assert list(found[split]) == list(clips)
        for clip_id, clip in clips.items():
            for key in (schema.KEYPOINTS_2D, schema.JOINTS_3D):
                np.testing.assert_allclose(
                    found[split][clip_id][key], clip[key], atol=2e-3
                )
    second = "Train_S1_Walking_1_chunk2"
    clip = {**found["train"], **found["validation"]}[second]
    assert clip[schema.FRAME_INDEX].tolist() == [4, 5]
    # The npz does not say where a run stood.
    clip = {**expected["train"], **expected["validation"]}[second]
    assert clip[schema.FRAME_INDEX].tolist() == [0, 1]


def test_joints_and_cameras_keep_their_order():
    clip = _splits(DUMMY)["test"]["Validate_S1_Box_1_chunk0"]
    keypoints = clip[schema.KEYPOINTS_2D]
    assert keypoints.shape == (7, 3, 15, 2)
    x = 100.0 + 9.0 * np.arange(15)
    y = 50.0 + 10.0 * np.arange(3)[:, np.newaxis]
    np.testing.assert_allclose(keypoints[..., 0], keypoints[..., 0] * 0 + x)
    np.testing.assert_allclose(keypoints[..., 1], keypoints[..., 1] * 0 + y)


def _rotation(w, x, y, z):
    """The matrix of a unit quaternion, written out."""
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip


def test_3d_stands_in_front_of_each_camera():
    # The first camera of S2 as published: camera to world, and its place.
    to_world = _rotation(0.4214752, -0.4961493, -0.5838273, 0.4851187)
    center = np.array([4112.9121, 626.4929, 1545.2988])
    point = np.array([100.0, 200.0, 900.0])
    seen = cameras.to_cameras(point[np.newaxis, np.newaxis], "S2")
    assert seen.shape == (1, 3, 1, 3)
    np.testing.assert_allclose(
        seen[0, 0, 0], np.linalg.inv(to_world) @ (point - center), atol=0.01
    )
    body = np.array([[[0.0, 0.0, 0.0], [0.0, 0.0, 1700.0]]])
    for subject in takes.SUBJECTS:
        feet, head = np.moveaxis(cameras.to_cameras(body, subject)[0], 1, 0)
        # All look at the middle, 3.9 to 4.5 m away, and y points down.
        assert (3500 < feet[:, 2]).all() and (feet[:, 2] < 4600).all()
        assert (np.abs(feet[:, 0]) < 0.2 * feet[:, 2]).all()
        assert (head[:, 1] < feet[:, 1] - 1500).all()


def test_coco_detections_lack_the_head():
    test = _splits(DUMMY, "detectron")["test"]
    clip = test["Validate_S3_Walking_1_chunk0"]
    names = SKELETON.joints
    expected = np.ones(15)
    expected[names.index("head")] = 0.0
    scores = clip[schema.SCORES]
    np.testing.assert_array_equal(scores, scores * 0 + expected)
    # COCO: 5 and 6 shoulders, 7 left elbow, 11 and 12 hips, 16 right ankle.
    for joint, of_coco in (
        ("pelvis", 11.5), ("thorax", 5.5), ("left_elbow", 7), ("left_hip", 11),
        ("right_hip", 12), ("right_ankle", 16),
    ):  # fmt: skip
        np.testing.assert_allclose(
            clip[schema.KEYPOINTS_2D][:, :, names.index(joint), 0],
            100.0 + 9.0 * of_coco,
        )


def test_check_says_what_is_there():
    findings = humaneva.check(DUMMY)
    assert not findings.missing
    assert findings.found[0].endswith("humaneva15_gt.npz: 28 recordings")
    assert "Validate/S3: no ThrowCatch" in findings.notes
    assert "data_2d_humaneva15_gt.npz" in humaneva.check(None).missing[0]


def test_the_official_layout_is_refused_with_the_reason(tmp_path):
    (tmp_path / "S1" / "Mocap_Data").mkdir(parents=True)
    message = "not complete(.|\n)*official files are there, but not enough"
    with pytest.raises(FileNotFoundError, match=message):
        _splits(tmp_path)


def test_a_half_conversion_is_listed(converted):
    base = converted / "converted_15j"
    (base / "Train" / "S2" / "Jog_1.mat").unlink()
    shutil.rmtree(base / "Validate" / "S3")
    assert humaneva.check(converted).missing == (
        "Train/S2: Jog in converted_15j",
        "Validate/S3: Walking, Jog, Box in converted_15j",
    )
    with pytest.raises(FileNotFoundError, match="Train/S2: Jog"):
        _splits(converted)


def test_detections_need_the_npz(converted):
    missing = humaneva.check(converted, "detectron").missing
    assert "data_2d_humaneva15_detectron_pt_coco.npz, made" in missing[0]


def _cut(path):
    path.write_bytes(path.read_bytes()[:300])


def _swap(path):
    content = scipy.io.loadmat(path)
    content["poses_2d"] = content["poses_2d"].swapaxes(0, 1)
    scipy.io.savemat(path, {k: content[k] for k in ("poses_3d", "poses_2d")})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_cut, "Jog_1.mat must be a MATLAB file with `poses_3d`"),
        (_swap, r"Jog_1.mat: .*\(7, 15, 3\), \(7, 3, 15, 2\)"),
        (lambda path: path.rename(path.with_name("Jog.mat")),
         r"must be ACTION_TRIAL.mat. Received: `Jog.mat`"),
        (lambda path: path.rename(path.with_name("Dance_1.mat")),
         "Unknown action `Dance`"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_named_and_leaves_nothing(
    tmp_path, converted, change, message
):
    change(converted / "converted_15j" / "Validate" / "S1" / "Jog_1.mat")
    builder = humaneva.Builder(data_dir=tmp_path / "out")
    config = tfds.download.DownloadConfig(manual_dir=converted)
    with pytest.raises(ValueError, match=message):
        builder.download_and_prepare(download_config=config)
    assert not list((tmp_path / "out").rglob("*.tfrecord*"))


def _npz(folder, views):
    np.savez_compressed(folder / files.NPZ_2D["gt"], positions_2d=views)


def test_2d_that_does_not_fit_the_3d(tmp_path):
    dummy.write_npz(tmp_path)
    views = {
        subject: {
            name: [np.zeros((len(p), 15, 2))] * 3 for name, p in c.items()
        }
        for subject, c in dummy.chunks().items()
    }
    views["Train/S1"]["Box 1 chunk0"] = [np.zeros((4, 15, 2))] * 3
    _npz(tmp_path, views)
    with pytest.raises(ValueError, match="`Train_S1_Box_1_chunk0`: 3D must"):
        _splits(tmp_path)
    views["Train/S1"].pop("Box 1 chunk0")
    _npz(tmp_path, views)
    with pytest.raises(ValueError, match=r"Missing: Train_S1_Box_1_chunk0 \(1"):
        _splits(tmp_path)
    views["Train/S1"]["Box"] = []
    _npz(tmp_path, views)
    with pytest.raises(ValueError, match="must be ACTION TRIAL chunkNUMBER"):
        _splits(tmp_path)


def test_the_official_calibration():
    plain, calibrated = _splits(DUMMY), _splits(DUMMY, "gt_calibrated")
    clip = calibrated["test"]["Validate_S2_Jog_1_chunk0"]
    found = clip[schema.CAMERAS]
    lens = [[750, 0, 320], [0, 755, 240], [0, 0, 1]]
    np.testing.assert_array_equal(found[schema.INTRINSICS], [lens] * 3)
    distortion = np.array([-0.2, 0.1, 0.001, 0, 0], np.float32)
    np.testing.assert_array_equal(found[schema.DISTORTION], [distortion] * 3)
    # The made-up files say where the cameras stand as VideoPose3D does.
    np.testing.assert_allclose(
        clip[schema.JOINTS_3D],
        plain["test"]["Validate_S2_Jog_1_chunk0"][schema.JOINTS_3D],
        atol=1e-2,
    )


def test_calibration_files_that_are_missing_or_damaged(tmp_path):
    folder = tmp_path / "raw"
    shutil.copytree(DUMMY, folder)
    path = folder / "S2" / "Calibration_Data" / "C3.cal"
    path.write_text("750\n755\n")
    with pytest.raises(ValueError, match="S2/.*C3.cal must have 22 numbers"):
        cameras.read_calibration(folder, "S2")
    path.write_text("x")
    with pytest.raises(ValueError, match="C3.cal must be numbers"):
        cameras.read_calibration(folder, "S2")
    path.unlink()
    (note,) = [n for n in humaneva.check(folder).notes if "calibration" in n]
    assert "1 calibration files are not there (S2/Calibration_Data/C3" in note
    with pytest.raises(
        FileNotFoundError, match="S2/Calibration_Data/C3.cal, of"
    ):
        _splits(folder, "gt_calibrated")
