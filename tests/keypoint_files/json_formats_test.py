"""Every JSON format, written by hand."""

import json

import numpy as np
import pytest

from tf_poselift.keypoint_files import reading

# Two frames of one person who moves by 1 to the right, hip and head.
FIRST, SECOND = [10, 90, 0.5, 10, 20, 0.9], [11, 90, 0.5, 11, 20, 0.9]


def _points(row):
    return {
        "keypoints": [row[0:2], row[3:5]],
        "keypoint_scores": [row[2], row[5]],
    }


def _landmarks(row):
    """Of an image of 100 x 200."""
    return [
        {"x": x / 100, "y": y / 200, "z": 0.1, "visibility": score}
        for x, y, score in (row[:3], row[3:])
    ]


FORMS = {
    "coco": [
        {"image_id": 4, "category_id": 1, "keypoints": FIRST, "score": 0.9},
        {"image_id": 5, "category_id": 1, "keypoints": SECOND, "score": 0.9},
    ],
    "alphapose": [
        {"image_id": "5.jpg", "keypoints": SECOND, "score": 2.1, "idx": [3.0]},
        {"image_id": "4.jpg", "keypoints": FIRST, "score": 2.1, "idx": [3.0]},
    ],
    "mmpose": [
        {"frame_id": 3, "instances": []},
        {"frame_id": 4, "instances": [_points(FIRST)]},
        {"frame_id": 5, "instances": [_points(SECOND)]},
    ],
    "mmpose demo": {
        "meta_info": {"dataset_name": "two"},
        "instance_info": [
            {"frame_id": 4, "instances": [_points(FIRST)]},
            {"frame_id": 5, "instances": [_points(SECOND)]},
        ],
    },
    "mediapipe": [
        None,
        None,
        {"landmarks": []},
        {"landmarks": None},
        {"landmarks": [_landmarks(FIRST)]},
        {"landmarks": [_landmarks(SECOND)]},
    ],
    "mediapipe message": {
        "frames": [
            {"frame": 4, "pose_landmarks": {"landmark": _landmarks(FIRST)}},
            {"frame": 5, "pose_landmarks": {"landmark": _landmarks(SECOND)}},
        ]
    },
    "mediapipe bare": [[], [], [], [], _landmarks(FIRST), _landmarks(SECOND)],
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_track(form, write, skeleton):
    path = write("walk.json", FORMS[form])
    assert reading.detect(path) == form.split()[0]
    (track,) = reading.read(path, skeleton, image_size=(100.0, 200.0))
    assert track.name == "walk"
    assert track.person == (3 if form == "alphapose" else 0)
    assert track.frame_index.tolist() == [4, 5]
    np.testing.assert_allclose(
        track.keypoints_2d, [[[10, 90], [10, 20]], [[11, 90], [11, 20]]], 1e-6
    )
    np.testing.assert_allclose(track.scores, [[0.5, 0.9]] * 2, 1e-6)
    assert track.image_size == (100.0, 200.0)


def test_openpose_is_a_folder_of_frames(write, skeleton):
    for frame, row in ((9, FIRST), (10, SECOND), (11, None)):
        people = [{"person_id": [-1], "pose_keypoints_2d": row}] if row else []
        content = {"version": 1.3, "people": people}
        write(f"walk/walk_{frame:012d}_keypoints.json", content)
    # Pose2Sim names frames so; nobody else is in them.
    path = write("walk/cam.0012.json", {"people": []}).parent
    assert reading.sources(path.parent) == [path]
    (track,) = reading.read(path, skeleton)
    assert (track.name, track.image_size) == ("walk", None)
    assert track.frame_index.tolist() == [9, 10]
    assert track.keypoints_2d[:, 0].tolist() == [[10, 90], [11, 90]]


def test_openposes_identity_counts_where_it_tells_people_apart(write, skeleton):
    for frame in (0, 1):
        people = [
            {"person_id": [number], "pose_keypoints_2d": row}
            for number, row in ((6, FIRST), (2, SECOND))
        ]
        write(f"v/{frame}_keypoints.json", {"people": people[:: 1 - 2 * frame]})
    two, six = reading.read(write("v/2.json", {"people": []}).parent, skeleton)
    assert (two.person, six.person) == (2, 6)
    assert six.keypoints_2d[:, 0, 0].tolist() == [10.0, 10.0]


def test_missing_joints_have_score_0_and_scores_end_at_1(write, skeleton):
    rows = [
        [0, 0, 0, 10, 20, 5.8],
        [10, None, 0.9, 11, 20, 0.9],
        [float("nan"), 1, 0.9, 11, 20, 0.9],
        [10, 90, -0.2, 11, 20, 0.9],
        [0] * 6,
    ]
    entries = [
        {"image_id": f"{i}.jpg", "keypoints": row, "idx": 1}
        for i, row in enumerate(rows)
    ]
    (track,) = reading.read(write("a.json", entries), skeleton)
    assert track.frame_index.tolist() == [0, 1, 2, 3]  # nobody in the last
    assert track.scores[:, 0].tolist() == [0.0] * 4
    assert not track.keypoints_2d[:, 0].any()
    assert track.scores[0, 1] == 1.0


def test_annotations_are_stills_with_sizes_and_without_crowds(write, skeleton):
    content = {
        "images": [
            {"id": 7, "width": 640, "height": 480, "file_name": "b.jpg"},
            {"id": 3, "file_name": "a.jpg"},
        ],
        "annotations": [
            {"id": 1, "image_id": 7, "keypoints": [9, 9, 2, 0, 0, 0]},
            {"id": 2, "image_id": 7, "keypoints": [5, 5, 1, 6, 6, 2]},
            {"id": 3, "image_id": 7, "keypoints": [1] * 6, "iscrowd": 1},
            {"id": 4, "image_id": 3, "keypoints": [0] * 6, "num_keypoints": 0},
            {"id": 5, "image_id": 3, "keypoints": [8, 8, 2, 8, 9, 2]},
        ],
    }
    path = write("people.json", content)
    assert reading.detect(path) == "coco"
    found = reading.read(path, skeleton)
    assert [t.person for t in found] == [0, 1, 2]
    assert [t.frame_index.tolist() for t in found] == [[3], [7], [7]]
    assert [t.image_size for t in found] == [None, (640, 480), (640, 480)]
    assert found[1].scores.tolist() == [[1.0, 0.0]]
    assert found[2].scores.tolist() == [[1.0, 1.0]]
    content["annotations"][0]["image_id"] = 8
    message = "annotation 1: `image_id` must be among the images. Received: 8"
    with pytest.raises(ValueError, match=message):
        reading.read(write("people.json", content), skeleton)


def test_without_tracking_alphaposes_idx_says_nothing(write, skeleton):
    far = [300, 90, 0.5, 300, 20, 0.9]
    entries = [
        {"image_id": f"{frame}.jpg", "keypoints": row, "idx": 0}
        for frame, rows in ((0, (FIRST, far)), (1, (far, SECOND)))
        for row in rows
    ]
    near, other = reading.read(write("a.json", entries), skeleton)
    assert near.keypoints_2d[:, 0, 0].tolist() == [10.0, 11.0]
    assert other.keypoints_2d[:, 0, 0].tolist() == [300.0, 300.0]


def _with(form, change):
    content = json.loads(json.dumps(FORMS[form]))
    change(content)
    return content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (_with("coco", lambda c: c[1]["keypoints"].append(1)),
         r"a.json, result 1: the keypoints must be .* Received: 7 numbers"),
        (_with("coco", lambda c: c[1].pop("keypoints")),
         r"a.json, result 1: must have the entry `keypoints`"),
        (_with("coco", lambda c: c[1].update(image_id="x")),
         "entry 1: `image_id` must be a number. Received: x"),
        (_with("coco", lambda c: c[1].update(keypoints=[1] * 51)),
         r"result 1: must have the 2 joints of the skeleton `two`. Received: "
         r"17 joints. Skeletons with 17: .*coco_17.*human36m_17"),
        (_with("alphapose", lambda c: c[1]["keypoints"].__setitem__(2, "x")),
         r"a.json, entry 1: must hold numbers"),
        (_with("alphapose", lambda c: c[1].update(image_id="a.jpg")),
         r"must end in the frame's number. Received: `a.jpg`"),
        (_with("alphapose", lambda c: c[1].update(image_id="b_5.jpg")),
         r"differ in their last number. Received: `5.jpg` and `b_5.jpg`"),
        (_with("mmpose", lambda c: c[2]["instances"][0]["keypoints"].pop()),
         r"frame 5, instance 0: `keypoints` must be \[J, 2\]"),
        (_with("mmpose", lambda c: c[2]["instances"].append(3)),
         r"frame 5, instance 1: must have the entry `keypoints`"),
        (_with("mediapipe", lambda c: c[5]["landmarks"][0][1].pop("x")),
         r"frame 5, person 0: landmark 1 must have x, y and visibility"),
        (_with("mediapipe", lambda c: c[5]["landmarks"][0].pop()),
         r"frame 5, person 0: must have the 2 joints .* Received: 1 joints. "
         r"Skeletons with 1: none; write a YAML file"),
        (_with("mediapipe", lambda c: c.__setitem__(5, 3)), "`mediapipe`"),
        ('[{"image_id": 1, "keyp', "is not valid JSON, or only the start"),
        ({"people": []}, "one frame of OpenPose: every video must be a folder"),
        ({"hello": 1}, "must be JSON of coco, alphapose, .* another form"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(content, message, write, skeleton):
    path = write("a.json", content)
    with pytest.raises(ValueError, match=message):
        reading.read(path, skeleton, image_size=(100.0, 200.0))


def test_mediapipe_needs_the_images_size(write, skeleton):
    with pytest.raises(ValueError, match="Received: no `image_size`"):
        reading.read(write("a.json", FORMS["mediapipe"]), skeleton)


def test_an_openpose_frame_that_is_wrong_is_named(write, skeleton):
    folder = write("v/v_1.json", {"people": []}).parent
    write("v/v_2.json", {"people": [{"pose_keypoints_2d": FIRST + FIRST}]})
    with pytest.raises(ValueError, match="v_2.json, person 0: must have the 2"):
        reading.read(folder, skeleton)
    write("v/v_2.json", {"version": 1})
    with pytest.raises(ValueError, match="v_2.json: must have the entry `peop"):
        reading.read(folder, skeleton)
