"""The `coco_keypoints` builder on made-up annotations."""

import importlib
import json
import pathlib
import shutil
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds

from tf_poselift import schema

DATASETS = pathlib.Path(__file__).parents[2] / "datasets"
sys.path.insert(0, str(DATASETS))
coco = importlib.import_module("coco_keypoints.coco_keypoints_dataset_builder")

DUMMY = DATASETS / "coco_keypoints" / "dummy_data"
TRAIN = coco.TREE.format("train")


class CocoKeypointsTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = coco.Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["all_people"]
    EXAMPLE_DIR = str(DUMMY)
    DL_EXTRACT_RESULT = ""
    SPLITS = {"train": 3, "validation": 3}
    SKIP_CHECKSUMS = True


def _people(least, path=DUMMY / TRAIN):
    return {p["clip_id"]: p for p in coco.people(path, least=least)}


def test_whole_people_and_all_people():
    whole, everybody = _people(17), _people(1)
    assert list(whole) == ["000000000139_1390", "000000000140_1392"]
    assert list(everybody) == [
        "000000000139_1390", "000000000139_1391", "000000000140_1392"
    ]  # fmt: skip
    half = everybody["000000000139_1391"]
    np.testing.assert_array_equal(half[schema.SCORES], [[[1] * 11 + [0] * 6]])
    # Hidden but annotated (v = 1) counts.
    hidden = whole["000000000140_1392"]
    assert hidden[schema.SCORES].min() == 1.0
    np.testing.assert_array_equal(hidden[schema.IMAGE_SIZE], [[480, 640]])


def test_pixels_are_those_of_the_file():
    content = json.loads((DUMMY / TRAIN).read_text())
    x, y = content["annotations"][0]["keypoints"][:2]
    record = _people(17)["000000000139_1390"]
    np.testing.assert_array_equal(record[schema.KEYPOINTS_2D][0, 0, 0], [x, y])
    assert record[schema.KEYPOINTS_2D].shape == (1, 1, 17, 2)


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(DUMMY, tmp_path / "coco")
    return tmp_path / "coco"


def test_check_says_what_is_missing(folder):
    assert not coco.check(folder).missing
    assert len(coco.check(folder).found) == 2
    (folder / TRAIN).unlink()
    (missing,) = coco.check(folder).missing
    assert missing.startswith(f"{TRAIN}, in http://images.cocodataset.org")
    assert not coco.check(None).missing
    assert "will be downloaded" in coco.check(None).notes[0]


def _change(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_damaged_files_are_named(folder):
    path = folder / TRAIN
    _change(path, lambda c: c["annotations"][0].update(keypoints=[1] * 50))
    with pytest.raises(ValueError, match="annotation 1390: .*Received: 50 num"):
        _people(1, path)
    _change(path, lambda c: c["annotations"].pop(0))
    _change(path, lambda c: c["images"].pop(0))
    with pytest.raises(ValueError, match="annotation 1391: .*Received: 139"):
        _people(1, path)
    path.write_text(path.read_text()[:-30])
    with pytest.raises(
        ValueError, match="train2017.json is not valid JSON, or"
    ):
        _people(1, path)
    path.write_text("[]")
    with pytest.raises(ValueError, match="must have the entries `images`"):
        _people(1, path)
