import dataclasses

import numpy as np
import pytest
import tensorflow_datasets as tfds

from tf_poselift import skeletons
from tf_poselift.data import prepared
from tf_poselift.data import reader
from tf_poselift.data import records
from tf_poselift.data import synthetic
from tf_poselift.data import writer


@pytest.fixture
def table():
    skeleton = skeletons.load("human36m_17")
    return synthetic.table(skeleton, clips=3, frames=4, views=1)


def test_name_is_what_the_reader_takes(tmp_path, table):
    name = writer.write(
        {"train": table, "test": table},
        str(tmp_path),
        name="toy",
        config="side",
        version="2.1.0",
    )
    assert name == "toy/side:2.1.0"
    builder = prepared.open_builder(name, str(tmp_path))
    assert prepared.full_name(builder) == name
    counts = {k: v.num_examples for k, v in builder.info.splits.items()}
    assert counts == {"train": 3, "test": 3}


def clip(clip_id="a", joints=17, views=1):
    return records.example(
        clip_id=clip_id, fps=25.0, keypoints_2d=np.ones([2, views, joints, 2])
    )


def test_records_without_3d_and_an_empty_split(tmp_path):
    skeleton = skeletons.load("coco_17")
    name = writer.write_records(
        {"train": [clip("a"), clip("b")], "validation": []},
        str(tmp_path),
        skeleton=skeleton,
        name="mine",
    )
    assert name == "mine:1.0.0"
    table = reader.read(name, "train", str(tmp_path))
    assert table.clip_id == ("a", "b")
    assert table.skeleton == skeleton
    assert table.joints_3d is None and table.cameras is None
    with pytest.raises(ValueError, match="`validation`.*Known: train"):
        reader.read(name, "validation", str(tmp_path))


def test_records_that_do_not_fit_are_named(tmp_path):
    for clips, match in (
        ([], "`splits` must have a clip"),
        ([clip("a", joints=16)], "Clip `a`.*.1, 17. .joints of `coco_17`.*16"),
        ([clip("a"), clip("b", views=2)], "Clip `b`: .*Received: .2, 17"),
        ([clip("a"), clip("b") | {"joints_3d": 0}], "Clip `b`.*, joints_3d."),
    ):
        with pytest.raises(ValueError, match=match):
            writer.write_records(
                {"train": clips},
                str(tmp_path),
                skeleton=skeletons.load("coco_17"),
                name="mine",
            )
    assert list(tmp_path.iterdir()) == []


def test_a_bad_clip_leaves_nothing_behind(tmp_path, table):
    bad = dataclasses.replace(table, scores=np.full_like(table.scores, np.nan))
    with pytest.raises(ValueError, match="Clip `clip_0000`: `scores` must be"):
        writer.write({"train": bad}, str(tmp_path), name="toy")
    assert list(tmp_path.iterdir()) == []


def test_a_version_is_written_once(tmp_path, table):
    writer.write({"train": table}, str(tmp_path), name="toy")
    with pytest.raises(FileExistsError, match="toy/1.0.0 must not be there"):
        writer.write({"train": table}, str(tmp_path), name="toy")


def test_a_version_appears_when_it_is_whole(tmp_path, table, monkeypatch):
    close = tfds.core.SequentialWriter.close_all

    def fail(writer):
        close(writer)
        assert prepared.known(tmp_path) == []
        raise OSError("disk full")

    monkeypatch.setattr(tfds.core.SequentialWriter, "close_all", fail)
    with pytest.raises(OSError, match="disk full"):
        writer.write({"train": table}, str(tmp_path), name="toy")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_stills_do_not_make_a_file_each(tmp_path):
    still = synthetic.table(skeletons.load("human36m_17"), clips=200, frames=1)
    writer.write({"train": still}, str(tmp_path), name="stills")
    folder = tmp_path / "stills" / "1.0.0"
    assert len(list(folder.glob("*.tfrecord-*"))) == 1
