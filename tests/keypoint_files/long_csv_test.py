"""Long CSV: a row per joint."""

import numpy as np
import pytest

from tf_poselift.keypoint_files import long_csv
from tf_poselift.keypoint_files import on_disk
from tf_poselift.keypoint_files import reading

ROWS = """\
Frame,person,joint,x,y,score
8,1,hip,10,90,0.5
8,1,head,10,20,0.9
8,0,head,70,20,0.8

9,1,1,11,20,1e0
9,1,0,,,0
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_rows_become_tracks(newline, write, skeleton):
    path = write("walk.csv", ROWS.replace("\n", newline))
    assert reading.detect(path) == "csv"
    zero, one = reading.read(path, skeleton)
    assert (zero.person, one.person) == (0, 1)
    assert zero.frame_index.tolist() == [8]
    assert zero.keypoints_2d.tolist() == [[[0.0, 0.0], [70.0, 20.0]]]
    assert one.frame_index.tolist() == [8, 9]
    np.testing.assert_array_equal(
        one.keypoints_2d, [[[10, 90], [10, 20]], [[0, 0], [11, 20]]]
    )
    np.testing.assert_allclose(one.scores, [[0.5, 0.9], [0.0, 1.0]], 1e-6)


def test_person_and_score_may_be_left_out(write, skeleton):
    text = "x,y,frame,joint,note\n10,20,3,head,seen\n10,,3,hip,lost\n"
    (track,) = reading.read(write("walk.csv", text), skeleton)
    assert track.person == 0 and track.frame_index.tolist() == [3]
    assert track.scores.tolist() == [[0.0, 1.0]]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("10,90,0.5", "ten,90,0.5",
         "walk.csv, line 2: `x` must be a number. Received: `ten`"),
        ("9,1,1,11", "9.5,1,1,11",
         "line 6: `frame` must be a whole number. Received: `9.5`"),
        ("8,0,head", "8,0,tail",
         "line 4: `joint` must be 0 to 1 or a joint of `two`: hip, head. Rec"),
        ("9,1,1,11", "9,1,2,11", "line 6: `joint` must be .* Received: `2`"),
        ("70,20,0.8", "70,20", "line 4: must have the 6 cells .* Received: 5"),
        ("9,1,0", "9,1,head", "line 7: this joint of this person and frame"),
        ("Frame", "time", "line 1: must name the columns frame, joint, x, y"),
        (ROWS, "", "line 1: must name the columns .* Received: nothing"),
        ("head", "h\0ead", "walk.csv"),
    ],
)  # fmt: skip
def test_a_wrong_row_is_named(old, new, message, write, skeleton):
    path = write("walk.csv", ROWS.replace(old, new, 1))
    with pytest.raises(ValueError, match=message):
        reading.read(path, skeleton)


@pytest.mark.parametrize("block", [1, 2, 5])
def test_rows_in_any_order_and_block(block, write, skeleton, monkeypatch):
    """A pose may begin in one block of rows and go on in another."""
    header, *rows = [line for line in ROWS.splitlines() if line]
    expected = reading.read(write("walk.csv", ROWS), skeleton)
    monkeypatch.setattr(long_csv, "_BLOCK", block)
    monkeypatch.setattr(on_disk, "CHUNK", 1)
    for order in (rows, rows[::-1]):
        path = write("walk.csv", "\n".join([header, *order, ""]))
        for store in (on_disk.MEMORY, on_disk.Store()):
            found = reading.read(path, skeleton, store=store)
            assert [t.person for t in found] == [0, 1]
            for one, other in zip(found, expected, strict=True):
                for name in ("frame_index", "keypoints_2d", "scores"):
                    np.testing.assert_array_equal(
                        getattr(one, name)[:], getattr(other, name)
                    )
    twice = write("walk.csv", "\n".join([header, *rows, rows[0], ""]))
    with pytest.raises(ValueError, match="line 7: this joint of this person"):
        reading.read(twice, skeleton)


def test_the_header_alone_is_checked(write):
    long_csv.check_header(write("a.csv", "x,y,frame,joint\nno,number,,\n"))
    with pytest.raises(ValueError, match="b.csv, line 1: must name the colum"):
        long_csv.check_header(write("b.csv", "time,joint,x,y\n"))


def test_only_a_header_is_nobody(write, skeleton):
    path = write("walk.csv", "frame,joint,x,y\n")
    assert reading.read(path, skeleton) == []
