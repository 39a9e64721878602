"""Finding keypoint files, and the real ones."""

import pytest

from tf_poselift import skeletons
from tf_poselift.keypoint_files import reading

RESULTS = [{"image_id": 1, "keypoints": [1, 2, 0.5, 3, 4, 0.5]}]


def test_sources_are_found_below_and_the_rest_is_left_out(write, tmp_path):
    expected = [
        write("a.csv", "frame,joint,x,y\n"),
        write("b/c.json", RESULTS),
        write("b/op/0.json", {"people": []}).parent,
        write("d.JSON", RESULTS),
    ]
    for name in (".hidden.json", "notes.txt", "cameras.toml", "b/video.mp4"):
        write(name, "not read")
    assert reading.sources(tmp_path) == expected
    assert reading.sources(tmp_path / "b" / "op") == [tmp_path / "b" / "op"]


def test_the_format_may_be_given_and_must_fit(write, skeleton):
    path = write("a.json", [])
    assert reading.read(path, skeleton) == []
    assert reading.read(path, skeleton, format="mmpose") == []
    with pytest.raises(ValueError, match="must be of the format `csv`. Receiv"):
        reading.read(path, skeleton, format="csv")
    with pytest.raises(ValueError, match="must be of the format `openpose`"):
        reading.read(path, skeleton, format="openpose")
    with pytest.raises(ValueError, match="Unknown format `yolo`. Known: alpha"):
        reading.read(path, skeleton, format="yolo")


def test_stills_are_all_different_people(write, skeleton):
    path = write("a.json", [RESULTS[0], RESULTS[0] | {"image_id": 2}])
    assert len(reading.read(path, skeleton)) == 1
    assert len(reading.read(path, skeleton, stills=True)) == 2
    entries = [
        {"image_id": name, "keypoints": [1, 2, 0.5, 3, 4, 0.5]}
        for name in ("anna.jpg", "bert.jpg")
    ]
    path = write("b.json", entries)
    found = reading.read(path, skeleton, stills=True)
    assert [t.frame_index.tolist() for t in found] == [[0], [1]]


def test_people_in_the_real_views_are_followed(raw_data):
    folder = raw_data / "pose2sim_demo"
    if not folder.is_dir():
        pytest.skip("needs pose2sim_demo in the folder TF_POSELIFT_DATA")
    paths = reading.sources(folder)
    assert [path.name for path in paths] == [
        f"cam{n}_json" for n in range(1, 5)
    ]
    skeleton = skeletons.load("body_25b")
    frames = [
        [len(track.frame_index) for track in reading.read(path, skeleton)]
        for path in paths
    ]
    # A second person stands behind in two views; one ghost in a single frame.
    assert frames == [[100, 100, 1], [100, 100], [100], [100]]
