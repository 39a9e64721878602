import types

import numpy as np
import pytest
import tensorflow as tf

from tf_poselift import normalization
from tf_poselift import skeletons
from tf_poselift.losses import yu_scale

SKELETON = skeletons.from_dict(
    {
        "name": "cross",
        "joints": {"root": None, "head": "root", "hand": "root"},
        "head": "head",
    }
)


def poses(points, seen=None):
    points = tf.constant(points, tf.float32)
    seen = tf.ones(points.shape[:-1]) if seen is None else tf.constant(seen)
    return normalization.center(points, seen, SKELETON)


def test_universal_unit_by_hand():
    # The head is 30 and 50 pixels from the root.
    centred = poses(
        [[[5, 5], [5, -25], [25, 5]], [[0, 0], [30, -40], [9, 9]]],
        [[1.0, 1.0, 1.0], [1.0, 1.0, 0.0]],
    )
    table = types.SimpleNamespace(skeleton=SKELETON, datasets=("hand:1.0.0",))
    # One joint besides the root is no pose: only the first counts.
    unit = 10.0 * yu_scale.mean_head_distance(centred, table)
    assert unit == pytest.approx(300.0)
    normalized = yu_scale.normalize(centred, SKELETON, unit=unit, step_wise=0.0)
    np.testing.assert_allclose(
        normalized.points[0], [[0, 0], [0, -0.1], [20 / 300, 0]], atol=1e-6
    )
    np.testing.assert_array_equal(normalized.points[1], 0.0)


def test_step_wise_makes_every_head_distance_the_same():
    centred = poses(
        [
            [[5, 5], [5, -25], [25, 5]],
            [[0, 0], [60, -80], [9, 9]],
            [[0, 0], [0, -1], [9, 9]],
            [[0, 0], [0, -1], [9, 9]],
        ],
        [[1.0, 1.0, 1.0]] * 3 + [[1.0, 0.0, 1.0]],
    )
    normalized = yu_scale.normalize(
        centred, SKELETON, unit=500.0, step_wise=10.0
    )
    length = np.linalg.norm(normalized.points[:, 1], axis=-1)
    # A head at 1 pixel counts as one at 5, a tenth of 50.
    np.testing.assert_allclose(length, [0.1, 0.1, 0.02, 0.0], rtol=1e-6)
    np.testing.assert_array_equal(normalized.valid, [True, True, True, False])
    np.testing.assert_allclose(normalized.scale[:3, 0, 0], [300, 1000, 50])


def test_huge_coordinates_make_a_pose_invalid():
    normalized = yu_scale.normalize(
        poses([[[0, 0], [0, -1e30], [9, 9]]]),
        SKELETON,
        unit=100.0,
        step_wise=0.0,
    )
    assert not normalized.valid[0]
    np.testing.assert_array_equal(normalized.points, 0.0)


def test_reference_scale_is_one_for_the_camera_s_own_projection():
    # Head-root distance 1, at 10 in front of a camera of focal length 1.
    joints = np.array([[[0, 0, 0], [0, -0.8, 0.6], [0.5, 0.3, -0.2]]])
    seen = joints[..., :2] / (joints[..., 2:] + 10.0)
    truth = poses(joints * 700.0)  # in mm
    scale = yu_scale.reference_scale(
        truth, poses(seen), SKELETON, distance=10.0
    )
    np.testing.assert_allclose(scale, [1.0], rtol=1e-4)
    # Twice as far away the person is half as large, and S is 2.
    further = poses(seen / 2.0)
    scale = yu_scale.reference_scale(truth, further, SKELETON, distance=10.0)
    np.testing.assert_allclose(scale, [2.0], rtol=1e-4)


def test_reference_scale_by_hand():
    # Eq. 3: widths 3 and 2 (ratio 1.5), heights 1 and 2 (0.5), at depth 10.
    truth = poses([[[0, 0, 0], [0, -1, 0], [3, 0, 0]]])
    seen = poses([[[0, 0], [0, -0.2], [0.2, 0]]])
    scale = yu_scale.reference_scale(truth, seen, SKELETON, distance=10.0)
    np.testing.assert_allclose(scale, [(1.5 + 0.5) / 2], rtol=1e-5)
    unknown = poses([[[0, 0, 0], [0, -1, 0], [3, 0, 0]]], [[0.0, 1.0, 1.0]])
    scale = yu_scale.reference_scale(unknown, seen, SKELETON, distance=10.0)
    np.testing.assert_array_equal(scale, [0.0])


def test_upright_scale_takes_the_largest_head_distance_around():
    # 4 Hz: two frames before and after. Clips of four and of two frames.
    length = np.array([0.1, 0.05, 0.1, 0.2, 0.05, 0.04])
    points = np.zeros((6, 1, 3, 2))
    points[:, 0, 1, 1] = -length
    points[:, 0, 2, 0] = 0.1
    seen = np.ones((6, 1, 3), np.float32)
    seen[2, 0, 1] = 0.0
    table = types.SimpleNamespace(
        skeleton=SKELETON,
        clip_start=np.array([0, 4, 6]),
        fps=np.array([4.0, 4.0], np.float32),
    )
    scale = yu_scale.upright_scale(poses(points, seen), table, distance=10.0)
    np.testing.assert_allclose(
        scale[:, 0], [1.0, 0.5, 0.0, 0.5, 2.0, 2.0], rtol=1e-5
    )
    mean, deviation = yu_scale.moments(scale)
    assert mean == pytest.approx(1.2)
    assert deviation == pytest.approx(np.std([1.0, 0.5, 0.5, 2.0, 2.0]))


def test_refusals():
    headless = skeletons.from_dict({"name": "a", "joints": {"b": None}})
    with pytest.raises(ValueError, match="`head`.*Received: `a`.*one of b"):
        yu_scale.head_of(headless)
    table = types.SimpleNamespace(
        skeleton=SKELETON, datasets=("d:1.0.0",), image_size=np.zeros((1, 1, 2))
    )
    unseen = poses([[[0, 0], [0, -1], [1, 1]]], [[1.0, 0.0, 1.0]])
    with pytest.raises(ValueError, match="head are seen.*none in d:1.0.0"):
        yu_scale.mean_head_distance(unseen, table)
    with pytest.raises(ValueError, match="`image_size`. Received: d:1.0.0"):
        yu_scale.half_image_size(table)
    table.image_size = np.array([[[1000, 0], [800, 600]]])
    assert yu_scale.half_image_size(table) == pytest.approx(400.0)
