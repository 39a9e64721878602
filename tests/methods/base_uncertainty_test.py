"""Views of one pose: where they agree and where they cannot."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tf_poselift import config as config_lib
from tf_poselift import methods
from tf_poselift import normalization
from tf_poselift import skeletons
from tf_poselift.data import synthetic
from tf_poselift.geometry import root_camera
from tf_poselift.methods import base_uncertainty

HANDS = skeletons.from_dict(
    {
        "name": "hands",
        "joints": {"hip": None, "left": "hip", "right": "hip"},
        "pairs": [["left", "right"]],
    }
)
ALL = len(base_uncertainty.VIEWS)


def flat(keypoints_2d, scores):
    """Depth 0 for every joint."""
    pose = normalization.normalize_per_pose(keypoints_2d, scores, HANDS)
    depth = tf.zeros_like(pose.points[..., :1])
    joints = tf.concat([pose.points, depth], axis=-1)
    return {"joints_3d": joints, "valid": pose.valid}


def measure(lift, keypoints_2d, scores=None, *, skeleton=HANDS, lifts=ALL):
    keypoints_2d = tf.constant(keypoints_2d, tf.float32)
    if scores is None:
        scores = tf.ones_like(keypoints_2d[..., 0])
    scores = tf.constant(scores, tf.float32)
    answers = lift(keypoints_2d, scores)
    return base_uncertainty.measure(
        lift,
        answers,
        keypoints_2d,
        scores,
        skeleton=skeleton,
        lifts=lifts,
    ).numpy()


def statues(degrees):
    """[N, 3, 3] a body with stretched arms, turned about the vertical."""
    angles = np.deg2rad(np.asarray(degrees, np.float32))
    left = np.stack(
        [
            0.8 * np.cos(angles),
            np.full_like(angles, -0.6),
            -0.8 * np.sin(angles),
        ],
        axis=-1,
    )
    return np.stack([0.0 * left, left, left * [-1, 1, -1]], axis=1)


def image(joints):
    return root_camera.project(tf.constant(joints, tf.float32), distance=10.0)


def of_statues(keypoints_2d, scores):
    """Knows the body and finds the whole degree by which it is turned."""
    known = statues(range(360))
    points = keypoints_2d - keypoints_2d[:, :1]
    points /= tf.reduce_mean(points[:, 1:, 1:], axis=1, keepdims=True)
    images = image(known)
    images /= tf.reduce_mean(images[:, 1:, 1:], axis=1, keepdims=True)
    error = tf.reduce_sum(tf.abs(points[:, None] - images), axis=(2, 3))
    joints = tf.gather(tf.constant(known, tf.float32), tf.argmin(error, axis=1))
    return {"joints_3d": joints, "valid": scores[:, 0] > 0.0}


@pytest.mark.parametrize("lifts", range(1, ALL + 1))
def test_a_lifter_that_is_right_in_every_view_is_certain(lifts):
    keypoints_2d = 700.0 + 150.0 * image(statues([0, 10, 75, 200]))
    found = measure(of_statues, keypoints_2d, lifts=lifts)
    np.testing.assert_allclose(found, 0.0, atol=1e-5)


def test_a_flat_answer_is_wrong_in_every_turned_view():
    # 1 to either side. Turned by 30 degrees, the hands are half a unit behind
    # and before the hip, which its image 10 units away shows as 0.95 and 1.05.
    keypoints_2d = [[[500.0, 300.0], [560.0, 300.0], [440.0, 300.0]]]
    cosine = math.cos(math.pi / 6)
    near, far = (math.hypot(x - cosine, 0.5) for x in (1.05, 0.95))
    for lifts, left, right in (
        (1, 0.0, 0.0),
        (2, near / 2, far / 2),
        (3, (near + far) / 3, (near + far) / 3),
        (5, (near + far) / 2.5, (near + far) / 2.5),
    ):
        found = measure(flat, keypoints_2d, lifts=lifts)
        np.testing.assert_allclose(found, [[0.0, left, right]], atol=1e-6)


def test_the_mirror_image_exchanges_left_and_right():
    def left_is_behind(keypoints_2d, scores):
        points = keypoints_2d - keypoints_2d[:, :1]
        depth = tf.constant([[[0.0], [2.0], [0.0]]])
        depth = tf.tile(depth, [tf.shape(points)[0], 1, 1])
        return {
            "joints_3d": tf.concat([points, depth], axis=-1),
            "valid": scores[:, 0] > 0,
        }

    keypoints_2d = [[[5.0, 3.0], [6.0, 7.0], [3.0, 4.0]]]
    found = measure(left_is_behind, keypoints_2d, lifts=1)
    np.testing.assert_allclose(found, [[0.0, 2.0, 2.0]], atol=1e-5)


def test_a_view_that_cannot_be_lifted_counts_as_the_root_alone():
    def once(keypoints_2d, scores):
        answers = flat(keypoints_2d, scores)
        if keypoints_2d.shape[0] > 1:  # the views
            answers["joints_3d"] *= 0.0
        return answers

    keypoints_2d = [[[0.0, 0.0], [1.0, 0.0], [0.0, 3.0]]]
    found = measure(once, keypoints_2d)
    np.testing.assert_allclose(found, [[0.0, 0.5, 1.5]], atol=1e-6)


def test_rows_that_are_not_valid_are_zeros_and_spoil_no_neighbour():
    rng = np.random.default_rng(0)
    keypoints_2d = rng.normal(500.0, 100.0, (5, 3, 2))
    scores = np.ones((5, 3))
    right = measure(flat, keypoints_2d)
    keypoints_2d[1] = np.nan
    keypoints_2d[2, 1] = np.inf
    scores[3, 2] = 0.0
    found = measure(flat, keypoints_2d, scores)
    assert not found[1:4].any()
    np.testing.assert_allclose(found[[0, 4]], right[[0, 4]], rtol=1e-5)


@pytest.mark.parametrize(
    ("lifts", "message"), [(-1, "from 0 .none. to 5"), (6, "Received: 6")]
)
def test_other_numbers_of_lifts_are_refused(lifts, message):
    with pytest.raises(ValueError, match=message):
        base_uncertainty.check(lifts, HANDS)


def test_a_skeleton_without_pairs_is_refused():
    one = skeletons.from_dict(
        {"name": "tail", "joints": {"hip": None, "mid": "hip", "tip": "mid"}}
    )
    base_uncertainty.check(0, one)
    with pytest.raises(ValueError, match="`pairs`.*Received: `tail`, without"):
        base_uncertainty.check(1, one)


@pytest.mark.parametrize("name", methods.names())
def test_every_method_offers_it(name):
    module = methods.load(name)
    table = synthetic.table(
        skeletons.load("human36m_17"), clips=4, frames=20, views=4
    )
    config = config_lib.override(
        module.Config(), ["width=16", "joint_drop=0.1"]
    )
    statistics = getattr(module, "statistics", lambda *_: {})(table, config)
    method = module.Method(
        table.skeleton, config, statistics=statistics, jit_compile=False
    )
    # A network that has learned nothing fills in nothing.
    method.networks["completion"].last.bias.assign(tf.fill([34], 0.1))
    points = np.copy(table.keypoints_2d[:6, 0])
    scores = np.copy(table.scores[:6, 0])
    points[1], scores[2] = np.nan, 0.0
    points[3, 5], scores[3, 5] = np.nan, 0.0
    points[4, 0], scores[4, 0] = np.nan, 0.0  # the root, which is filled in
    inputs = [tf.constant(points), tf.constant(scores)]
    if method.calibrated:
        matrices = tf.constant(table.cameras["intrinsics"][:1, 0])
        inputs.append(tf.tile(matrices, [6, 1, 1]))
    plain = method.serve(*inputs)
    assert "uncertainty" not in plain
    method.offer_uncertainty(3)
    served = method.serve(*inputs)
    for key, value in plain.items():
        np.testing.assert_array_equal(served[key], value)
    found = served["uncertainty"].numpy()
    assert found.shape == (6, 17)
    assert np.isfinite(found).all()
    assert not found[1:3].any()
    assert (found[[0, 3, 4, 5], 1:].max(axis=1) > 1e-3).all()
    assert (found >= 0.0).all()
    for batch in (0, 1):
        part = method.serve(*(x[:batch] for x in inputs))["uncertainty"]
        np.testing.assert_allclose(part, found[:batch], atol=1e-4)
