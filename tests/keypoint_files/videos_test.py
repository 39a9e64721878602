"""Which videos a path holds, and how their output is called."""

import numpy as np
import pytest

from tf_poselift import skeletons
from tf_poselift.keypoint_files import on_disk
from tf_poselift.keypoint_files import reading
from tf_poselift.keypoint_files import videos

ROW = "frame,joint,x,y\n3,head,1,2\n"


def frame(*people):
    return {"people": [{"pose_keypoints_2d": p} for p in people]}


def names(path, skeleton, **options):
    found = videos.sources(path)
    return [
        (name, len(tracks))
        for name, tracks in videos.read(found, skeleton, **options)
    ]


def test_a_file_is_a_video(write, skeleton):
    assert names(write("day/walk.v2.csv", ROW), skeleton) == [("walk.v2", 1)]


def test_a_folder_of_openpose_is_a_video(write, skeleton, tmp_path):
    person = [1, 2, 1, 3, 4, 1]
    # Out of order, and one without people.
    for i, people in ((10, [person]), (2, [person]), (11, [])):
        write(f"cam 1/f_{i}_keypoints.json", frame(*people))
    assert names(tmp_path / "cam 1", skeleton) == [("cam_1", 1)]
    found = videos.sources(tmp_path / "cam 1")
    ((_, (track,)),) = videos.read(found, skeleton)
    assert track.frame_index.tolist() == [2, 10]


def test_openpose_on_disk_is_as_in_memory(
    write, skeleton, tmp_path, monkeypatch
):
    for i in range(9):  # two people, of whom one leaves
        people = [[i, 2, 1, 3, 4, 1]] + [[500, i, 1, 503, 4, 1]] * (i < 6)
        write(f"cam/{i}_keypoints.json", frame(*people))
    expected = reading.read(tmp_path / "cam", skeleton)
    monkeypatch.setattr(on_disk, "CHUNK", 2)
    ((_, found),) = videos.read(videos.sources(tmp_path / "cam"), skeleton)
    assert len(found) == len(expected) == 2
    for one, other in zip(found, expected, strict=True):
        assert isinstance(one.scores, on_disk.Array)
        for name in ("frame_index", "keypoints_2d", "scores"):
            np.testing.assert_array_equal(
                getattr(one, name)[:], getattr(other, name)
            )


def test_images_of_several_sizes(write, skeleton):
    """Everybody keeps the size of their own image; a video has none then."""
    sizes = {1: (640, 480), 2: (1920, 1080)}
    content = {
        "images": [
            {"id": i, "width": w, "height": h} for i, (w, h) in sizes.items()
        ],
        "annotations": [
            {"image_id": i, "keypoints": [1, 2, 2, 3, 4, 2]} for i in sizes
        ],
    }
    path = write("people.json", content)
    ((_, found),) = videos.read(videos.sources(path), skeleton)
    assert [track.image_size for track in found] == list(sizes.values())


def test_a_folder_keeps_its_tree(write, skeleton, tmp_path):
    write("a/one.csv", ROW)
    write("b/one.csv", ROW)
    write("b/cam/0_keypoints.json", frame([1, 2, 1, 3, 4, 1]))
    write("b/nobody/0_keypoints.json", frame())
    assert names(tmp_path, skeleton) == [
        ("a/one", 1), ("b/cam", 1), ("b/nobody", 0), ("b/one", 1),
    ]  # fmt: skip


def test_a_file_of_videopose3d_holds_several(skeleton, tmp_path):
    array = np.ones((2, 2, 2), np.float32)
    positions = {
        "../walk": {"custom": [array, array]},
        "run": {"fast": [array]},
    }
    np.savez(
        tmp_path / "all.npz", positions_2d=np.array(positions, dtype=object)
    )
    assert names(tmp_path / "all.npz", skeleton) == [
        ("all/walk", 2),
        ("all/run/fast", 1),
    ]


def test_names_must_differ(write, skeleton, tmp_path):
    write("walk.csv", ROW)
    write("walk.json", [])
    with pytest.raises(ValueError, match="would both be written as `walk`"):
        videos.sources(tmp_path)


@pytest.mark.parametrize(
    "positions",
    [
        {"a b": ["custom"], "a_b": ["custom"]},
        {"walk": ["a b", "a_b"]},
        {"a b/c": ["custom"], "a_b": ["c"]},
    ],
    ids=str,
)
def test_no_video_of_a_file_replaces_another(skeleton, tmp_path, positions):
    array = np.ones((2, 2, 2), np.float32)
    content = {
        video: {action: [array] for action in actions}
        for video, actions in positions.items()
    }
    path = tmp_path / "all.npz"
    np.savez(path, positions_2d=np.array(content, dtype=object))
    found = videos.read(videos.sources(path), skeleton)
    with pytest.raises(
        ValueError,
        match=r"Received: `all/.*a b.*` of .*all\.n"
        r"pz and `all/.*a_b.*` of .* as `all/.*a_b",
    ):
        next(found)


def test_no_video_of_a_folder_replaces_another(write, skeleton, tmp_path):
    array = np.ones((2, 2, 2), np.float32)
    content = {name: {"custom": [array]} for name in ("walk", "run")}
    np.savez(tmp_path / "all.npz", positions_2d=np.array(content, dtype=object))
    write("all/walk.csv", ROW)
    with pytest.raises(ValueError, match="both be written as `all/walk`"):
        names(tmp_path, skeleton)


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="No file or folder at"):
        videos.sources(tmp_path / "none")
    with pytest.raises(ValueError, match="must hold keypoint files"):
        videos.sources(tmp_path)


def test_sizes_are_parsed():
    assert videos.parse_size(None) is None
    assert videos.parse_size(["1920", "1080"]) == (1920.0, 1080.0)
    for texts in (["1920"], ["a", "b"], ["0", "2"], ["nan", "2"], ["1"] * 3):
        with pytest.raises(ValueError, match="must be WIDTH,HEIGHT"):
            videos.parse_size(texts)


def test_real_files_of_openpose(raw_data):
    folder = raw_data / "pose2sim_demo" / "pose"
    if not folder.is_dir():
        pytest.skip("TF_POSELIFT_DATA names no folder with pose2sim_demo")
    skeleton = skeletons.load("body_25b")
    found = dict(names(folder, skeleton))
    assert sorted(found) == [f"cam{i}_json" for i in range(1, 5)]
    assert all(found.values())
