"""The `aistpp` builder on made-up dances."""

import importlib
import json
import pathlib
import pickle
import shutil
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds

from tf_poselift import schema
from tf_poselift.geometry import cameras as camera_geometry

DATASETS = pathlib.Path(__file__).parents[2] / "datasets"
sys.path.insert(0, str(DATASETS))
aistpp = importlib.import_module("aistpp.aistpp_dataset_builder")
annotations = importlib.import_module("aistpp.annotations")

DUMMY = DATASETS / "aistpp" / "dummy_data"
ROOT = DUMMY / "aist_plusplus_final"
NAME = "gPO_sBM_cAll_d10_mPO0_ch02"
LATE = "gBR_sBM_cAll_d04_mBR0_ch01"
COUNTS = {"train": 2, "validation": 1, "test": 1}  # one of test is ignored


class AistppTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = aistpp.Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["10hz"]
    EXAMPLE_DIR = str(DUMMY)
    DL_EXTRACT_RESULT = ""
    SPLITS = COUNTS
    SKIP_CHECKSUMS = True


@pytest.fixture(scope="module")
def record():
    return aistpp.clip(ROOT, NAME, stride=1)[1]


def test_words_of_a_clip(record):
    assert record[schema.CLIP_ID] == NAME
    assert record[schema.SUBJECT] == "d10"
    assert record[schema.ACTION] == "gPO"
    assert record[schema.SCENE] == "sBM"
    assert record[schema.FPS] == 60.0
    np.testing.assert_array_equal(record[schema.IMAGE_SIZE], [[1920, 1080]] * 9)


def test_the_cameras_see_the_3d_where_the_detections_are(record):
    cameras = record[schema.CAMERAS]
    pixels = camera_geometry.project(
        record[schema.JOINTS_3D], cameras[schema.INTRINSICS]
    ).numpy()
    both = record[schema.JOINTS_3D_VALID] & (record[schema.SCORES] > 0)
    assert both.mean() > 0.9
    distance = np.abs(pixels - record[schema.KEYPOINTS_2D])[both]
    assert distance.max() < 0.05
    # Dancers stand upright before cameras 4 m away: y down, mm.
    assert 3000 < np.median(record[schema.JOINTS_3D][..., 2]) < 5000


def test_world_is_z_up_in_mm(record):
    cameras = record[schema.CAMERAS]
    world = camera_geometry.camera_to_world(
        record[schema.JOINTS_3D],
        cameras[schema.ROTATION],
        cameras[schema.TRANSLATION],
    ).numpy()
    path = ROOT / "keypoints3d" / f"{NAME}.pkl"
    x, y, z = pickle.loads(path.read_bytes())["keypoints3d_optim"][0, 0] * 10
    for view in range(9):
        np.testing.assert_allclose(world[0, view, 0], [x, -z, y], atol=0.05)
    determinants = np.linalg.det(cameras[schema.ROTATION])
    np.testing.assert_allclose(determinants, 1.0, atol=1e-5)


def test_what_is_not_known_is_marked(record):
    assert record[schema.SCORES][1, 2].max() == 0.0
    assert record[schema.SCORES].max() == 1.0  # 1.05 is cut
    assert not record[schema.JOINTS_3D_VALID][6, :, 3].any()
    valid = [True] * 6 + [False, True]
    np.testing.assert_array_equal(record[schema.FRAME_VALID], valid)


def test_a_view_that_is_not_synchronised_is_missing():
    late = aistpp.clip(ROOT, LATE, stride=1)[1]
    seen = (late[schema.SCORES] > 0).any(axis=(0, 2))
    np.testing.assert_array_equal(np.flatnonzero(~seen), [4])  # c05
    assert late[schema.FLAGS] == "c05_not_synchronised"


def test_every_sixth_frame():
    slow = aistpp.clip(ROOT, NAME, stride=6)[1]
    np.testing.assert_array_equal(slow[schema.FRAME_INDEX], [0, 6])
    assert slow[schema.FPS] == 10.0


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(DUMMY, tmp_path / "aistpp")
    return tmp_path / "aistpp"


def test_check_says_what_is_missing(folder):
    whole = aistpp.check(folder)
    assert whole.found == (
        "train: 2 sequences",
        "validation: 1 sequences",
        "test: 1 sequences",
    )
    assert not whole.missing
    root = annotations.root(folder)
    (root / "keypoints3d" / f"{NAME}.pkl").unlink()
    (root / "cameras" / "setting2.json").unlink()
    assert aistpp.check(folder).missing == (
        f"keypoints3d/{NAME}.pkl",
        "cameras/setting2.json",
    )
    (root / "splits" / "pose_val.txt").unlink()
    (missing,) = aistpp.check(folder).missing
    assert missing.startswith("splits/pose_val.txt, in https://github.com")
    assert aistpp.check(folder / "empty").missing[0].startswith("cameras/map")
    assert not aistpp.check(None).missing


def test_damaged_files_are_named(folder):
    root = annotations.root(folder)
    path = root / "keypoints2d" / f"{NAME}.pkl"
    content = pickle.loads(path.read_bytes())
    short = content["keypoints2d"][:, :5]
    path.write_bytes(pickle.dumps({"keypoints2d": short}))
    with pytest.raises(
        ValueError, match=rf"3d/{NAME}.pkl must .* the 5 frames"
    ):
        aistpp.clip(root, NAME, stride=1)
    path.write_bytes(pickle.dumps({"keypoints2d": short[:8]}))
    with pytest.raises(ValueError, match=rf"2d/{NAME}.pkl must be \[9, T"):
        aistpp.clip(root, NAME, stride=1)
    path.write_bytes(pickle.dumps({}))
    with pytest.raises(ValueError, match=rf"{NAME}.pkl must be a dictionary"):
        aistpp.clip(root, NAME, stride=1)
    path.write_bytes(b"half")
    with pytest.raises(ValueError, match=rf"Cannot read .*{NAME}.pkl"):
        aistpp.clip(root, NAME, stride=1)
    setting = root / "cameras" / "setting1.json"
    setting.write_text(json.dumps(json.loads(setting.read_text())[:8]))
    with pytest.raises(ValueError, match=r"must have 9 cameras. Received: 8"):
        aistpp.clip(root, NAME, stride=1)
    setting.write_text("[{}]")
    with pytest.raises(ValueError, match=r"setting1.json is no camera setting"):
        aistpp.clip(root, NAME, stride=1)


def test_beam_builds_the_same_records(tmp_path):
    pytest.importorskip("apache_beam", reason="needs pip install -e '.[build]'")
    read = []
    for runner in (None, "DirectRunner"):
        builder = aistpp.Builder(config="60hz", data_dir=tmp_path / str(runner))
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
