"""People on a common row of frames."""

import numpy as np
import pytest

from tf_poselift import skeletons
from tf_poselift.visualization import scene

SKELETON = skeletons.from_dict(
    {"name": "two", "joints": {"hip": None, "head": "hip"}}
)


def person(frames, *, x=100.0, size=50.0):
    """Stands at pixel x; the head is one unit, `size` pixels, above."""
    count = len(frames)
    points = np.tile([[x, 200.0], [x, 200.0 - size]], (count, 1, 1))
    joints = np.tile([[0.0, 0.0, 0.0], [0.0, -1.0, 0.0]], (count, 1, 1))
    return np.array(frames), points, joints


def make(*people, **options):
    return scene.make(people, skeleton=SKELETON, fps=10.0, **options)


def test_who_is_not_there_is_nan():
    made = make(person([4, 5, 8]), person([6]))
    assert made.frames.tolist() == [4, 5, 6, 7, 8]
    seen = np.isfinite(made.joints_3d).all(axis=(2, 3))
    assert seen.tolist() == [[1, 1, 0, 0, 1], [0, 0, 1, 0, 0]]
    assert made.keypoints_2d.shape == (2, 5, 2, 2)


def test_one_person_stays_at_the_root_and_two_stand_apart():
    alone = make(person([0, 1], x=700.0))
    np.testing.assert_array_equal(alone.joints_3d[0, :, 0], 0.0)
    both = make(person([0], x=100.0), person([0], x=300.0))
    # 200 pixels at 50 pixels a unit.
    np.testing.assert_allclose(both.joints_3d[:, 0, 0, 0], [-2.0, 2.0])
    np.testing.assert_allclose(both.joints_3d[:, 0, :, 2], 0.0)


def test_a_part_and_every_nth():
    long = person(range(5, 105))
    assert make(long, seconds=2.0).frames.tolist() == list(range(5, 25))
    assert make(long, most_frames=40).frames.tolist() == list(range(5, 105, 3))
    assert len(make(long, seconds=0.01).frames) == 1


def test_limits_enclose_everything():
    made = make(person([0], x=100.0), image_size=(640.0, 480.0))
    np.testing.assert_array_equal(made.limits_2d(), [[0, 0], [640, 480]])
    low, high = make(person([0])).limits_2d()
    assert (low < [100, 150]).all() and (high > [100, 200]).all()
    low, high = made.limits_3d()
    assert low[1] < -1.0 and high[1] > 0.0


def test_nobody_seen_has_limits_all_the_same():
    frames, points, joints = person([0])
    made = make((frames, points * np.nan, joints * np.nan))
    for limits in (made.limits_2d(), made.limits_3d()):
        assert np.isfinite(limits).all()
    with pytest.raises(ValueError, match="must have somebody"):
        make()
