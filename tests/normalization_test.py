import numpy as np
import pytest
import tensorflow as tf

from tf_poselift import normalization
from tf_poselift import skeletons

# A root with three joints at 3, 4 and 5 from it (in the plane).
STAR = skeletons.from_dict(
    {
        "name": "star",
        "joints": {"root": None, "a": "root", "b": "root", "c": "root"},
    }
)
# The root is the mean of two joints; the third hangs off the first.
VIRTUAL = skeletons.from_dict(
    {
        "name": "virtual",
        "joints": {"left": None, "right": "left", "top": "left"},
        "root": ["left", "right"],
    }
)
POINTS = np.float32([[10, 20], [13, 20], [10, 24], [13, 24]])
SEEN = np.ones(4, np.float32)


def test_root_position():
    root = normalization.root_position(POINTS, STAR)
    np.testing.assert_allclose(root, [[10, 20]])
    virtual = normalization.root_position(POINTS[:3], VIRTUAL)
    np.testing.assert_allclose(virtual, [[11.5, 20]])


def test_mean_distance_leaves_out_the_root_and_the_missing():
    centred = POINTS - POINTS[:1]
    distance = normalization.mean_distance(centred, SEEN, STAR)
    np.testing.assert_allclose(distance, [[(3 + 4 + 5) / 3]])
    mask = np.float32([1, 1, 0, 1])
    distance = normalization.mean_distance(centred, mask, STAR)
    np.testing.assert_allclose(distance, [[4.0]])
    alone = normalization.mean_distance(centred, np.float32([1, 0, 0, 0]), STAR)
    np.testing.assert_allclose(alone, [[0.0]])


def test_mean_of_seen():
    values = np.float32([[9, 1, 2, 6], [9, 1, 2, 6], [9, 1, 2, 6]])
    mask = np.float32([[1, 1, 1, 1], [0, 1, 0, 1], [1, 0, 0, 0]])
    mean = normalization.mean_of_seen(values, mask, STAR)
    np.testing.assert_allclose(mean, [3.0, 3.5, 0.0])


def test_root_mean():
    values = np.float32([[1, 2, 6], [4, 8, 0]])
    right = [[1.5], [6.0]]
    np.testing.assert_allclose(normalization.root_mean(values, VIRTUAL), right)


def test_a_virtual_root_leaves_out_no_joint():
    points = np.float32([[-3, 0], [3, 0], [0, 6]])
    distance = normalization.mean_distance(points, SEEN[:3], VIRTUAL)
    np.testing.assert_allclose(distance, [[4.0]])


def test_center():
    centred = normalization.center(POINTS, SEEN, STAR)
    np.testing.assert_allclose(centred.points, POINTS - [10, 20])
    np.testing.assert_allclose(centred.mask, SEEN)
    np.testing.assert_allclose(centred.root, [[10, 20]])
    np.testing.assert_allclose(centred.scale, [[1.0]])
    assert centred.valid.numpy()


def test_normalize_per_pose():
    normal = normalization.normalize_per_pose(POINTS, SEEN, STAR, size=0.1)
    np.testing.assert_allclose(normal.scale, [[40.0]])
    np.testing.assert_allclose(normal.points, (POINTS - [10, 20]) / 40.0)
    distance = normalization.mean_distance(normal.points, normal.mask, STAR)
    np.testing.assert_allclose(distance, [[0.1]])


def test_missing_joints_are_placed_on_the_root():
    points, scores = POINTS.copy(), np.float32([1, 1, 0, 0.5])
    points[2] = 1e6
    normal = normalization.normalize_per_pose(points, scores, STAR)
    assert normal.valid.numpy()
    np.testing.assert_allclose(normal.mask, [1, 1, 0, 1])
    np.testing.assert_allclose(normal.points[2], [0, 0])
    np.testing.assert_allclose(normal.scale, [[4.0]])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_a_missing_joint_holds_does_not_matter(value):
    points, scores = POINTS.copy(), np.float32([1, 1, 0, 1])
    right = normalization.normalize_per_pose(points, scores, STAR)
    points[2] = value
    normal = normalization.normalize_per_pose(points, scores, STAR)
    assert normal.valid.numpy()
    for a, b in zip(normal, right, strict=True):
        np.testing.assert_array_equal(a, b)


def test_denormalize_undoes_it_for_any_leading_axes():
    points = tf.random.stateless_normal([2, 5, 4, 3], (0, 1), 500.0, 100.0)
    normal = normalization.normalize_per_pose(
        points, tf.ones([2, 5, 4]), STAR, size=0.1
    )
    assert normal.valid.shape == (2, 5)
    back = normalization.denormalize(normal.points, normal)
    np.testing.assert_allclose(back, points, rtol=1e-5)


def invalid_poses():
    """[7, 4, 2] points and [7, 4] scores, none of them a pose."""
    points, scores = np.stack([POINTS] * 7), np.stack([SEEN] * 7)
    scores[0, 0] = 0  # no root
    scores[1, 2:] = 0  # one joint beside the root
    points[2, 1, 0] = np.nan
    points[3, 2, 1] = np.inf
    scores[4, 1] = np.nan
    points[5] = POINTS[0]  # no size
    points[6] *= 1e25  # its squares overflow
    return points, scores


def test_invalid_poses_come_out_as_zeros():
    normal = normalization.normalize_per_pose(*invalid_poses(), STAR)
    np.testing.assert_array_equal(normal.valid, [False] * 7)
    np.testing.assert_array_equal(normal.points, np.zeros((7, 4, 2)))
    np.testing.assert_array_equal(normal.mask, np.zeros((7, 4)))
    back = normalization.denormalize(normal.points, normal)
    assert np.isfinite(back).all()


def test_a_virtual_root_needs_all_its_joints():
    scores = np.float32([[1, 1, 1], [1, 0, 1]])
    points = np.stack([POINTS[:3]] * 2)
    normal = normalization.center(points, scores, VIRTUAL)
    assert normal.valid.numpy().tolist() == [True, False]


@pytest.mark.parametrize("jit", [False, True])
def test_values_and_gradients_are_finite(jit):
    points, scores = invalid_poses()

    @tf.function(
        jit_compile=jit,
        input_signature=[tf.TensorSpec([None, 4, 2]), tf.TensorSpec([None, 4])],
    )
    def normalize(points, scores):
        with tf.GradientTape() as tape:
            tape.watch(points)
            normal = normalization.normalize_per_pose(points, scores, STAR)
        return normal, tape.gradient(normal.points, points)

    normal, gradient = normalize(points, scores)
    assert np.isfinite(gradient).all()
    for value in normal:
        assert np.isfinite(tf.cast(value, tf.float32)).all()


def test_refuses_another_skeleton():
    with pytest.raises(ValueError, match=r"`points` must .* \[..., 4, \*\]"):
        normalization.center(POINTS[:3], SEEN[:3], STAR)
    with pytest.raises(ValueError, match=r"`scores` must .* \[..., 4\]"):
        normalization.normalize_per_pose(POINTS, SEEN[:3], STAR)


def test_normalize_by_maximum():
    # The furthest coordinates are 3 right and 4 down of the root.
    scores = np.stack([SEEN, [1, 1, 0, 0], [1, 0, 0, 0]]).astype(np.float32)
    points = np.stack([POINTS] * 3) * [[[2.0]], [[1.0]], [[1.0]]]
    normalized = normalization.normalize_by_maximum(
        np.float32(points), scores, STAR
    )
    np.testing.assert_array_equal(normalized.valid, [True, False, False])
    np.testing.assert_allclose(
        normalized.points[0], [[0, 0], [0.75, 0], [0, 1], [0.75, 1]]
    )
    np.testing.assert_allclose(normalized.scale[0], [[8.0]])
    np.testing.assert_allclose(
        normalization.denormalize(normalized.points, normalized)[0], points[0]
    )
    missing = normalization.normalize_by_maximum(
        POINTS, np.float32([1, 1, 0, 1]), STAR
    )
    np.testing.assert_allclose(missing.points[2], [0, 0])
    np.testing.assert_allclose(missing.scale, [[4.0]])
