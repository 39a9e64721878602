"""The `aspset510` builder on made-up people."""

import importlib
import pathlib
import shutil
import sys
import warnings

import c3d
import numpy as np
import pytest
import tensorflow_datasets as tfds

from tf_poselift import schema
from tf_poselift.geometry import triangulation

DATASETS = pathlib.Path(__file__).parents[2] / "datasets"
sys.path.insert(0, str(DATASETS))
aspset = importlib.import_module("aspset510.aspset510_dataset_builder")

DUMMY = DATASETS / "aspset510" / "dummy_data"


class OneViewTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = aspset.Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["one_view"]
    EXAMPLE_DIR = str(DUMMY)
    SPLITS = {"train": 6, "validation": 3, "test": 2}


class ThreeViewsTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = aspset.Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["three_views"]
    EXAMPLE_DIR = str(DUMMY)
    SPLITS = {"train": 2, "validation": 1}


@pytest.fixture(scope="module")
def record():
    files = aspset.find_files(DUMMY)
    clip = aspset.Clip("1e28", "0001", aspset.CAMERAS)
    return aspset.example(files, clip, stride=1)


@pytest.fixture(scope="module")
def points():
    path = DUMMY / "trainval" / "joints_3d" / "1e28" / "1e28-0001.c3d"
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no analog data
        return np.stack([p for _, p, _ in c3d.Reader(file).read_frames()])


def test_the_left_camera_is_the_world_of_the_files(record, points):
    known = record[schema.JOINTS_3D_VALID][:, 0]
    np.testing.assert_allclose(
        record[schema.JOINTS_3D][:, 0][known],
        points[..., :3][known],
        atol=1e-2,
    )
    x, y, z = points[0, 0, :3]
    np.testing.assert_allclose(
        record[schema.KEYPOINTS_2D][0, 0, 0],
        [2600 * x / z + 1920, 2600 * y / z + 1080],
        atol=1e-2,
    )
    assert record[schema.CLIP_ID] == "1e28-0001"


def test_three_views_agree_in_a_world_with_z_up(record, points):
    cameras = record[schema.CAMERAS]
    world, valid = triangulation.triangulate(
        record[schema.KEYPOINTS_2D][0],
        record[schema.SCORES][0],
        triangulation.projection_matrices(
            cameras[schema.INTRINSICS],
            cameras[schema.ROTATION],
            cameras[schema.TRANSLATION],
        ),
    )
    x, y, z = points[0, 0, :3]
    assert np.all(valid)
    np.testing.assert_allclose(world[0], [x, z, -y], atol=1.0)


def test_a_point_that_c3d_marks_is_missing(record):
    scores = record[schema.SCORES]
    np.testing.assert_array_equal(np.argwhere(scores[:, 0] == 0), [[4, 6]])
    assert not record[schema.JOINTS_3D_VALID][4, :, 6].any()


def test_the_test_split_is_evaluated_at_10_hz():
    files = aspset.find_files(DUMMY)
    clip = aspset.Clip("04da", "0004", ("mid",))
    record = aspset.example(files, clip, stride=aspset.TEST_STRIDE)
    assert record[schema.CLIP_ID] == "04da-0004-mid"
    valid = np.flatnonzero(record[schema.FRAME_VALID])
    np.testing.assert_array_equal(valid, [0, 5, 10])


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(DUMMY, tmp_path / "aspset")
    return tmp_path / "aspset"


def test_check_says_what_is_missing_and_where_it_is(folder):
    assert not aspset.check(folder).missing
    assert aspset.check(folder).found[0] == "train: 6 clips and cameras"
    files = aspset.find_files(folder)
    files["1e28-0003.c3d"].unlink()
    files["04da-mid.json"].unlink()
    one, two = aspset.check(folder).missing
    assert one.startswith("1e28-0003.c3d, in https://archive.org")
    assert one.endswith("_trainval-joints_3d.tar.gz")
    assert two.endswith("_test-cameras.tar.gz")
    files["splits.csv"].unlink()
    (missing,) = aspset.check(folder).missing
    assert missing.endswith("_common-splits.tar.gz")
    assert not aspset.check(None).missing


def test_damaged_files_are_named(folder):
    files = aspset.find_files(folder)
    path = files["1e28-0001.c3d"]
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(ValueError, match=r"Cannot read .*1e28-0001.c3d"):
        aspset.read_joints(path)
    files["1e28-left.json"].write_text("{}")
    with pytest.raises(ValueError, match=r"1e28-left.json is no calibration"):
        aspset.read_cameras([files["1e28-left.json"]])
    files["splits.csv"].write_text("subject,clip\r\n1,2\r\n")
    with pytest.raises(ValueError, match=r"columns camera_id.*: subject, clip"):
        aspset.read_splits(files["splits.csv"])
