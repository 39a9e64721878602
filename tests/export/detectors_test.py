import numpy as np
import pytest
import tensorflow as tf

from tf_poselift import normalization
from tf_poselift import skeletons
from tf_poselift.export import detectors


@pytest.fixture
def matrix():
    return detectors.matrices(skeletons.load("human36m_17"))["coco_17"]


def _poses(joints, batch=3):
    rng = np.random.default_rng(0)
    points = rng.normal(500.0, 100.0, [batch, joints, 2]).astype(np.float32)
    scores = rng.uniform(0.1, 1.0, [batch, joints]).astype(np.float32)
    return points, scores


@pytest.mark.parametrize(
    ("model", "names"),
    [
        ("human36m_17", {"coco_17", "body_25", "mediapipe_33"}),
        ("human36m_16", {"coco_17", "body_25", "mediapipe_33"}),
        ("coco_17", {"body_25", "mediapipe_33"}),
        ("smpl_24", set()),
    ],
)
def test_a_detector_is_offered_where_it_has_every_joint(model, names):
    assert set(detectors.matrices(skeletons.load(model))) == names


@pytest.mark.parametrize("name", detectors.NAMES)
def test_equals_the_map_of_arrays(name):
    matrix = detectors.matrices(skeletons.load("human36m_17"))[name]
    points, scores = _poses(matrix.shape[1])
    scores[1, 4] = 0.0
    want_points, want_scores = skeletons.map_points(points, scores, matrix)
    got_points, got_scores = detectors.map_points(points, scores, matrix)
    np.testing.assert_allclose(got_scores, want_scores)
    seen = want_scores > 0.0
    np.testing.assert_allclose(
        got_points.numpy()[seen], want_points[seen], rtol=1e-5
    )


def test_the_pelvis_lies_between_the_hips_and_has_the_lower_score(matrix):
    points, scores = _poses(17, batch=1)
    points[0, 11:13] = [[10.0, 20.0], [30.0, 60.0]]
    scores[0, 11:13] = [0.75, 0.25]
    mapped, mapped_scores = detectors.map_points(points, scores, matrix)
    np.testing.assert_allclose(mapped[0, 0], [20.0, 40.0], rtol=1e-6)
    assert mapped_scores[0, 0] == 0.25


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38])
def test_a_missing_source_costs_only_the_joints_made_of_it(matrix, bad):
    points, scores = _poses(17)
    whole, _ = detectors.map_points(points, scores, matrix)
    points[1, 9], scores[1, 9] = bad, 0.0  # the left wrist
    mapped, mapped_scores = detectors.map_points(points, scores, matrix)
    wrist = skeletons.load("human36m_17").joints.index("left_wrist")
    assert mapped_scores[1, wrist] == 0.0
    assert np.count_nonzero(mapped_scores == 0.0) == 1
    others = np.arange(17) != wrist
    np.testing.assert_array_equal(
        mapped.numpy()[1, others], whole.numpy()[1, others]
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_seen_source_that_is_not_finite_spoils_its_row_alone(matrix, bad):
    points, scores = _poses(17)
    points[1, 9] = bad
    scores[2, 12] = bad
    mapped, mapped_scores = detectors.map_points(points, scores, matrix)
    assert np.isfinite(mapped).all()
    pose = normalization.normalize_per_pose(
        mapped, mapped_scores, skeletons.load("human36m_17")
    )
    assert pose.valid.numpy().tolist() == [True, False, False]


def test_a_source_that_no_joint_is_made_of_may_hold_anything():
    matrix = detectors.matrices(skeletons.load("human36m_17"))["body_25"]
    points, scores = _poses(25)
    points[0, 24], scores[1, 24] = np.nan, np.nan  # the right heel
    mapped, mapped_scores = detectors.map_points(points, scores, matrix)
    assert np.isfinite(mapped).all()
    assert (mapped_scores.numpy() > 0.0).all()


def test_other_joint_counts_are_refused(matrix):
    points, scores = _poses(16)
    with pytest.raises(ValueError, match=r"`points` must have shape"):
        detectors.map_points(tf.constant(points), tf.constant(scores), matrix)
