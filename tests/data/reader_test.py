import dataclasses
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from tf_poselift import skeletons
from tf_poselift.data import reader
from tf_poselift.data import records
from tf_poselift.data import synthetic
from tf_poselift.data import writer

SKELETON = skeletons.load("human36m_17")


@pytest.fixture
def table():
    return synthetic.table(SKELETON, clips=4, frames=6, views=2)


@pytest.fixture
def data_dir(tmp_path, table):
    """One set, `toy`, of one file."""
    writer.write({"train": table}, str(tmp_path), name="toy")
    return str(tmp_path)


def record_file(data_dir):
    (path,) = pathlib.Path(data_dir, "toy", "1.0.0").glob("*tfrecord*")
    return path


def test_what_was_written_comes_back(table, data_dir):
    back = reader.read("toy", "train", data_dir)
    assert back.datasets == ("toy:1.0.0",)
    for field in dataclasses.fields(table):
        value, expected = getattr(back, field.name), getattr(table, field.name)
        if isinstance(expected, np.ndarray):
            np.testing.assert_array_equal(value, expected, field.name)
            assert value.dtype == expected.dtype, field.name
        elif field.name not in ("datasets", "cameras"):
            assert value == expected, field.name
    for key, expected in table.cameras.items():
        np.testing.assert_array_equal(back.cameras[key], expected)


def test_clips_come_in_the_order_of_their_ids(tmp_path, table):
    shuffled = dataclasses.replace(table, clip_id=("b", "d", "a", "c"))
    writer.write({"train": shuffled}, str(tmp_path), name="toy")
    back = reader.read("toy", "train", str(tmp_path))
    assert back.clip_id == ("a", "b", "c", "d")
    np.testing.assert_array_equal(
        back.keypoints_2d[:6], table.keypoints_2d[12:18]
    )
    assert back.clip_action == ("wave", "walk", "walk", "sit")


def test_actions_of_frames_and_of_clips(tmp_path, monkeypatch, table):
    make = records.example

    def example(**arrays):
        arrays["frame_action"] = [-1, -1, 2, 2, -1, -1]
        arrays["action"] = (
            "dance" if arrays["clip_id"] == "clip_0003" else "sit"
        )
        return make(**arrays)

    monkeypatch.setattr(records, "example", example)
    writer.write({"train": table}, str(tmp_path), name="toy")
    back = reader.read("toy", "train", str(tmp_path))
    # An action that the metadata do not list is appended.
    assert back.action_names == ("walk", "sit", "wave", "dance")
    np.testing.assert_array_equal(back.action[:6], [1, 1, 2, 2, 1, 1])
    np.testing.assert_array_equal(back.action[18:], [3, 3, 2, 2, 3, 3])
    assert back.action.dtype == np.int32


def test_sets_without_3d_and_cameras(tmp_path):
    table = synthetic.table(SKELETON, clips=2, joints_3d=False, cameras=False)
    writer.write({"test": table}, str(tmp_path), name="phone")
    back = reader.read("phone", "test", str(tmp_path))
    assert back.joints_3d is None
    assert back.joints_3d_valid is None
    assert back.cameras is None


def test_several_sets_and_parts_of_splits(prepared_dataset, tmp_path):
    both = reader.read(
        f"{prepared_dataset.dataset}, synthetic",
        "test",
        prepared_dataset.data_dir,
    )
    assert both.datasets == ("synthetic:1.0.0", "synthetic:1.0.0")
    assert both.num_clips == 4
    part = reader.read("synthetic", "train[:25%]", prepared_dataset.data_dir)
    assert part.num_clips == 2


def test_unknown_split_lists_the_known_ones(prepared_dataset):
    with pytest.raises(
        ValueError,
        match="Unknown split `dev` of `synthetic:1.0.0`. Known: test, train, "
        "validation. Give one: `--split=validation`",
    ):
        reader.read("synthetic", "dev", prepared_dataset.data_dir)


def cut_off(data):
    return data[:-100]


def cut_off_between_records(data):
    length = int.from_bytes(data[:8], "little")
    return data[: 8 + 4 + length + 4]


def damage(data):
    return data[:500] + bytes(50) + data[550:]


def nonsense(data):
    return b"no TFRecords" * 100


def wrong_content(data):
    return b""


@pytest.mark.parametrize(
    "change",
    [cut_off, cut_off_between_records, damage, nonsense, wrong_content],
)
def test_a_corrupt_file_is_named(change, data_dir):
    path = record_file(data_dir)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ValueError) as error:
        reader.read("toy", "train", data_dir)
    message = str(error.value)
    assert f"Cannot read {path}: it is corrupt or cut off" in message
    assert "`python datasets/build.py --dataset=toy" in message


def test_records_of_something_else_are_named(data_dir):
    path = record_file(data_dir)
    with tf.io.TFRecordWriter(str(path)) as file:
        for _ in range(4):
            file.write(b"anything")
    with pytest.raises(ValueError, match=f"Cannot read {path}"):
        reader.read("toy", "train", data_dir)


def test_a_missing_file_is_named(data_dir):
    path = record_file(data_dir)
    path.unlink()
    with pytest.raises(ValueError, match=f"Cannot read {path}"):
        reader.read("toy", "train", data_dir)


@pytest.mark.parametrize(
    "name", ["features.json", "dataset_info.json", "metadata.json"]
)
@pytest.mark.parametrize("text", [None, "", "{", "{}"])
def test_damaged_metadata_are_named(name, text, data_dir):
    path = pathlib.Path(data_dir, "toy", "1.0.0", name)
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    with pytest.raises((ValueError, FileNotFoundError)) as error:
        reader.read("toy", "train", data_dir)
    assert "python datasets/build.py --dataset=toy" in str(error.value)


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("keypoints_2d", np.nan, "`keypoints_2d` must be finite"),
        ("joints_3d", np.inf, "`joints_3d` must be finite"),
        ("scores", 2.0, r"`scores` must be in \[0, 1\]"),
        ("intrinsics", np.nan, "`intrinsics` must be finite"),
        ("action", 9, "`frame_action` must be below the 3 action names"),
    ],
)
def test_bad_numbers_name_the_clip(
    name, value, message, tmp_path, table, monkeypatch
):
    def spoil(record):
        if record["clip_id"] == "clip_0002":
            key = "frame_action" if name == "action" else name
            array = record.get(key, record["cameras"].get(key))
            array.reshape(-1)[-1] = value

    # As another program would write it: `records` refuses such numbers.
    monkeypatch.setattr(records, "_check", spoil)
    writer.write({"train": table}, str(tmp_path), name="toy")
    with pytest.raises(
        ValueError, match=message + ". Received: clip `clip_0002` of toy:1.0.0"
    ):
        reader.read("toy", "train", str(tmp_path))
