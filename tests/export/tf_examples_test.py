import numpy as np
import pytest
import tensorflow as tf

from tf_poselift.export import tf_examples


def _floats(count):
    values = np.arange(1, count + 1)
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))


def _example(**features):
    features = tf.train.Features(feature=features)
    return tf.train.Example(features=features).SerializeToString()


GOOD = _example(keypoints_2d=_floats(6), scores=_floats(3))


@pytest.fixture(scope="module")
def parse():
    return tf.function(
        lambda serialized: tf_examples.parse(serialized, 3),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )


def test_what_is_written_is_read(parse):
    rng = np.random.default_rng(0)
    points = rng.normal(size=[4, 3, 2]).astype(np.float32)
    scores = rng.uniform(size=[4, 3]).astype(np.float32)
    points[2, 1] = np.nan
    read_points, read_scores = parse(tf_examples.serialize(points, scores))
    np.testing.assert_array_equal(read_points, points)
    np.testing.assert_array_equal(read_scores, scores)


def test_no_example_is_no_pose(parse):
    points, scores = parse(tf.constant([], tf.string))
    assert points.shape == (0, 3, 2)
    assert scores.shape == (0, 3)


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        _example(),
        _example(keypoints_2d=_floats(6)),
        _example(keypoints_2d=_floats(5), scores=_floats(3)),
        _example(keypoints_2d=_floats(6), scores=_floats(4)),
        _example(keypoints_2d=tf.train.Feature(), scores=_floats(3)),
    ],
    # Of their own: protobuf writes a map in any order.
    ids=["nothing", "no feature", "no scores", "five", "four", "empty"],
)
def test_a_row_without_its_numbers_leaves_its_neighbours_alone(parse, bad):
    points, scores = parse(tf.constant([GOOD, bad, GOOD]))
    assert not scores[1].numpy().any()
    assert np.isfinite(points).all()
    for row in (0, 2):
        np.testing.assert_array_equal(scores[row], [1.0, 2.0, 3.0])
        np.testing.assert_array_equal(points[row], [[1, 2], [3, 4], [5, 6]])


def test_other_features_are_read_past(parse):
    more = _example(keypoints_2d=_floats(6), scores=_floats(3), name=_floats(9))
    _, scores = parse(tf.constant([more]))
    np.testing.assert_array_equal(scores, [[1.0, 2.0, 3.0]])


_INTEGERS = tf.train.Feature(int64_list=tf.train.Int64List(value=[1, 2, 3]))


@pytest.mark.parametrize(
    "bad",
    [b"hello", _example(keypoints_2d=_floats(6), scores=_INTEGERS)],
    ids=["text", "integers"],
)
def test_what_is_no_example_of_floats_fails_the_batch(parse, bad):
    # The documentation says so: nothing in a graph can catch it.
    with pytest.raises(tf.errors.InvalidArgumentError):
        parse(tf.constant([GOOD, bad]))
