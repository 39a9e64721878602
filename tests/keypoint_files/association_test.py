"""Who is who from frame to frame."""

import numpy as np

from tf_poselift.keypoint_files import association

# A person of 100 x 100 pixels, diagonal 141.
POSE = np.array([[0.0, 0.0], [100.0, 100.0], [0.0, 100.0]])


def _follow(detections, seen=None):
    """detections: (frame, x) of people; seen: [N, J]."""
    frames = np.array([frame for frame, _ in detections])
    points = np.stack([POSE + [x, 0.0] for _, x in detections])
    scores = np.ones([len(frames), 3]) if seen is None else np.array(seen)
    return association.follow(frames, points, scores).tolist()


def test_people_keep_their_number_when_their_order_changes():
    people = [(0, 0), (0, 300), (1, 310), (1, 10), (2, 20), (2, 320)]
    assert _follow(people) == [0, 1, 1, 0, 0, 1]


def test_the_sum_of_all_steps_decides():
    # 40 is nearest to 30, but then 0 would have to jump to 90.
    assert _follow([(0, 0), (0, 30), (1, 40), (1, 90)]) == [0, 1, 0, 1]


def test_a_step_beyond_half_the_diagonal_is_somebody_new():
    assert _follow([(0, 0), (1, 70), (2, 141)]) == [0, 0, 1]


def test_a_gap_is_bridged_if_it_is_short():
    last = association.MAX_GAP
    assert _follow([(0, 0), (1, 0), (1 + last, 0)]) == [0, 0, 0]
    assert _follow([(0, 0), (1, 0), (2 + last, 0)]) == [0, 0, 1]
    # Every fifth frame: the gap is five times as long.
    assert _follow([(0, 0), (5, 0), (5 + 5 * last, 0)]) == [0, 0, 0]


def test_the_joints_that_both_show_count():
    people = [(0, 0), (1, 10), (2, 20)]
    assert _follow(people, [[1, 1, 0], [0, 1, 1], [0, 0, 1]]) == [0, 0, 0]
    assert _follow(people, [[1, 1, 0], [0, 0, 1], [0, 1, 1]]) == [0, 1, 1]


def test_short_tracks_stay_and_one_frame_is_all_different_people():
    assert _follow([(0, 0), (1, 0), (1, 400), (2, 0)]) == [0, 0, 1, 0]
    assert _follow([(0, 0), (0, 1)]) == [0, 1]
    assert _follow([(0, 0), (1, 0), (1, 1), (2, 1)]) == [0, 0, 1, 1]
