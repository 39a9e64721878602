"""What is written: read again, or byte by byte; and whole or not at all."""

import csv
import dataclasses
import errno
import json

import numpy as np
import pytest

from tf_poselift import skeletons
from tf_poselift.keypoint_files import lifted
from tf_poselift.keypoint_files import on_disk
from tf_poselift.keypoint_files import write_csv
from tf_poselift.keypoint_files import writing

SKELETON = skeletons.from_dict(
    {"name": "two", "joints": {"hip": None, "head": "hip"}}
)


def person(number=0, frames=(8, 9, 11)) -> lifted.Person:
    count = len(frames)
    joints_3d = np.zeros((count, 2, 3), np.float32)
    joints_3d[:, 1] = [[0.0, -0.5, 0.25 * i] for i in range(count)]
    joints_3d[1:2, 1] = np.nan
    scores = np.array([[1.0, 0.5]] * count, np.float32)
    scores[1:2, 1] = 0.0
    return lifted.Person(
        number=number,
        frame_index=np.array(frames, np.int64),
        keypoints_2d=np.full((count, 2, 2), 7.0, np.float32),
        scores=scores,
        joints_3d=joints_3d,
        size=np.ones(count, np.float32),
    )


def video(*people, **changes) -> lifted.Video:
    values = {
        "name": "walk",
        "skeleton": SKELETON,
        "people": people or (person(),),
        "fps": 25.0,
        "unit": "m",
    }
    return lifted.Video(**values | changes)


def write(tmp_path, given, *formats):
    paths, notes = writing.write(given, tmp_path, formats)
    return {path.name: path for path in paths}, notes


def test_npz(tmp_path):
    files, _ = write(tmp_path, video(person(), person(3, (5,))), "npz")
    with np.load(files["walk.npz"], allow_pickle=False) as arrays:
        content = dict(arrays)
    assert content["joints_3d"].shape == (4, 2, 3)
    assert content["person"].tolist() == [0, 0, 0, 3]
    assert content["frame_index"].tolist() == [8, 9, 11, 5]
    assert content["valid"].tolist() == [[1, 1], [1, 0], [1, 1], [1, 1]]
    assert np.isnan(content["joints_3d"][~content["valid"]]).all()
    assert content["joints"].tolist() == ["hip", "head"]
    assert content["parents"].tolist() == [-1, 0]
    assert str(content["unit"]) == "m: metres"
    assert str(content["axes"]).startswith("x right, y down, z forward")
    assert content["fps"] == 25.0


def test_csv(tmp_path):
    files, _ = write(tmp_path, video(), "csv")
    with files["walk.csv"].open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    assert rows[1] == {
        "frame": "8", "person": "0", "joint": "head", "x": "0.000000",
        "y": "-0.500000", "z": "0.000000", "score": "0.5000", "unit": "m",
    }  # fmt: skip
    assert rows[3]["x"] == rows[3]["z"] == "" and rows[3]["score"] == "0.0000"


def test_json(tmp_path):
    given = video(person(), person(3, (5,)), unit="model", level=True)
    files, _ = write(tmp_path, given, "json")
    content = json.loads(files["walk.json"].read_text())
    assert content["unit"] == "model" and "nobody" in content["unit_meaning"]
    assert content["axes"].endswith("turned upright")
    assert skeletons.from_dict(content["skeleton"]) == SKELETON
    zero, three = content["people"]
    assert (zero["person"], three["person"]) == (0, 3)
    assert [frame["frame"] for frame in zero["frames"]] == [8, 9, 11]
    assert zero["frames"][0]["joints_3d"] == [[0, 0, 0], [0, -0.5, 0]]
    assert zero["frames"][1]["joints_3d"] == [[0, 0, 0], None]
    assert zero["frames"][1]["scores"] == [1.0, 0.0]


def unsure(given: lifted.Person, head: list[float]) -> lifted.Person:
    uncertainty = [[0.0, value] for value in head]
    return dataclasses.replace(
        given, uncertainty=np.array(uncertainty, np.float32)
    )


def test_uncertainty(tmp_path, monkeypatch):
    """Of two people, in parts of two frames, with a gap."""
    monkeypatch.setattr(on_disk, "CHUNK", 2)
    nan = float("nan")
    zero = unsure(person(), [0.125, nan, 0.5])
    three = unsure(person(3, (5,)), [0.0625])
    files, _ = write(tmp_path, video(zero, three), "npz", "csv", "json")
    with np.load(files["walk.npz"], allow_pickle=False) as arrays:
        found = arrays["uncertainty"]
        assert found.dtype == np.float32
        np.testing.assert_array_equal(
            found, [[0, 0.125], [0, nan], [0, 0.5], [0, 0.0625]]
        )
        np.testing.assert_array_equal(np.isnan(found), ~arrays["valid"])
    lines = files["walk.csv"].read_text().splitlines()
    assert lines[0] == "frame,person,joint,x,y,z,score,unit,uncertainty"
    assert lines[2::2] == [
        "8,0,head,0.000000,-0.500000,0.000000,0.5000,m,0.125000",
        "9,0,head,,,,0.0000,m,",
        "11,0,head,0.000000,-0.500000,0.500000,0.5000,m,0.500000",
        "5,3,head,0.000000,-0.500000,0.000000,0.5000,m,0.062500",
    ]
    people = json.loads(files["walk.json"].read_text())["people"]
    assert [
        [frame["uncertainty"] for frame in one["frames"]] for one in people
    ] == [[[0, 0.125], [0, None], [0, 0.5]], [[0, 0.0625]]]


@pytest.mark.parametrize(
    "people",
    [(person(), person(3, (5,))), (unsure(person(), [0, 0, 0]), person(3))],
    ids=["nobody's", "not everybody's"],
)
def test_no_uncertainty_no_place_for_it(people, tmp_path):
    files, _ = write(tmp_path, video(*people), "npz", "csv", "json")
    with np.load(files["walk.npz"]) as arrays:
        assert set(arrays) == {
            "frame_index", "joints_3d", "valid", "keypoints_2d", "scores",
            "size", "person", "joints", "parents", "fps", "unit", "axes",
            "skeleton",
        }  # fmt: skip
    lines = files["walk.csv"].read_bytes().splitlines(keepends=True)
    assert lines[0] == b"frame,person,joint,x,y,z,score,unit\n"
    assert lines[1] == b"8,0,hip,0.000000,0.000000,0.000000,1.0000,m\n"
    assert lines[4] == b"9,0,head,,,,0.0000,m\n"
    for one in json.loads(files["walk.json"].read_text())["people"]:
        for frame in one["frames"]:
            assert list(frame) == ["frame", "joints_3d", "scores"]


def test_trc(tmp_path):
    files, _ = write(tmp_path, video(), "trc")
    lines = files["walk_0.trc"].read_text().splitlines()
    assert lines[0] == "PathFileType\t4\t(X/Y/Z)\twalk_0.trc"
    assert dict(
        zip(lines[1].split("\t"), lines[2].split("\t"), strict=True)
    ) == {
        "DataRate": "25", "CameraRate": "25", "NumFrames": "4",
        "NumMarkers": "2", "Units": "m", "OrigDataRate": "25",
        "OrigDataStartFrame": "8", "OrigNumFrames": "4",
    }  # fmt: skip
    assert lines[3].split("\t") == ["Frame#", "Time", "hip", "", "", "head",
                                    "", ""]  # fmt: skip
    assert lines[4].split("\t") == ["", "", "X1", "Y1", "Z1", "X2", "Y2", "Z2"]
    rows = [line.split("\t") for line in lines[5:]]
    assert {len(row) for row in rows} == {8}
    assert [row[0] for row in rows] == ["8", "9", "10", "11"]
    assert rows[0][1] == "0.320000"
    # y is up and z comes towards the camera.
    assert rows[3][5:] == ["0.000000", "0.500000", "-0.500000"]
    assert rows[1][5:] == ["", "", ""]
    assert rows[2][2:] == [""] * 6


def test_names_stay_inside_the_folder():
    assert writing.file_name("a/b c/d.1") == "a/b_c/d.1"
    assert writing.file_name("../../etc/passwd") == "etc/passwd"
    assert writing.file_name("/x") == "x"
    assert writing.file_name("..") == "video"


def test_folders_are_made_and_files_replaced(tmp_path):
    given = video(name="day/walk")
    for _ in range(2):
        paths, _ = writing.write(given, tmp_path / "out", ["npz", "csv"])
    assert [str(p.relative_to(tmp_path)) for p in paths] == [
        "out/day/walk.csv",
        "out/day/walk.npz",
    ]
    assert len(list((tmp_path / "out" / "day").iterdir())) == 2


def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch):
    write(tmp_path, video(), "npz", "csv")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}

    def full(path, given):
        path.write_text("frame,pers")
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(write_csv, "write", full)
    with pytest.raises(OSError, match="No space left on device"):
        write(tmp_path, video(unit="mm"), "npz", "csv")
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_older_files_of_a_video_stay_and_are_named(tmp_path):
    two = video(person(), person(1))
    assert not write(tmp_path, two, "trc", "npz")[1]
    for other in ("walk_a.trc", "walk_2.txt", "walk_1_0.trc", "run_1.trc"):
        (tmp_path / other).touch()
    _, notes = write(tmp_path, video(), "trc", "csv")
    assert notes == ["older files, not of this run, stay: walk.npz, walk_1.trc"]
    assert (tmp_path / "walk_1.trc").is_file()


def test_a_folder_in_the_way_changes_nothing(tmp_path):
    write(tmp_path, video(), "npz", "csv")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    (tmp_path / "walk_0.trc").mkdir()
    with pytest.raises(OSError, match=r"walk_0\.trc must be a file or nothing"):
        write(tmp_path, video(unit="mm"), "npz", "csv", "trc")
    (tmp_path / "walk_0.trc").rmdir()
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_where_files_can_be_written(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    writing.check_folder("out", tmp_path)
    writing.check_folder("out", tmp_path / "new" / "folder")
    for name in ("file", "file/below", "dangling"):
        with pytest.raises(
            ValueError, match="`out` must be a folder.* is no f"
        ):
            writing.check_folder("out", tmp_path / name)
    assert {p.name for p in tmp_path.iterdir()} == {"file", "dangling"}
    with pytest.raises(OSError, match="cannot be made a folder") as caught:
        write(tmp_path / "file", video(), "npz")
    assert caught.value.filename == str(tmp_path / "file")


@pytest.mark.parametrize("formats", [(), ("npz", "npz"), ("fbx",)])
def test_unknown_formats_are_refused(formats, tmp_path):
    with pytest.raises(ValueError, match="Known: bvh|must be some of npz"):
        write(tmp_path, video(), *formats)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["bvh", "trc"])
def test_what_is_no_video_is_refused(name, tmp_path):
    far = person(frames=(1, 2, 581_929))
    with pytest.raises(ValueError, match="a fair share of the frames 1 to 5"):
        write(tmp_path, video(far), name)
    stills = video(*(person(i, (i,)) for i in range(3)))
    with pytest.raises(ValueError, match="one frame each"):
        write(tmp_path, stills, name)
    assert not list(tmp_path.iterdir())
    assert len(write(tmp_path, video(person(0, (4,))), name)[0]) == 1
