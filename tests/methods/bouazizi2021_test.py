"""Triangulated input, the four terms, missing views, cameras, refusals."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tf_poselift import schema
from tf_poselift import skeletons
from tf_poselift.data import sampling
from tf_poselift.data import synthetic
from tf_poselift.evaluation import prediction
from tf_poselift.evaluation import scores
from tf_poselift.geometry import cameras
from tf_poselift.losses import bouazizi_input
from tf_poselift.methods import bouazizi2021
from tf_poselift.training import loop

pytestmark = pytest.mark.usefixtures("eagerly")
SKELETON = skeletons.load("human36m_17")
SMALL = bouazizi2021.Config(width=16, blocks=1, batch_size=8)
TERMS = (
    "input_triangulation",
    "reprojection",
    "consistency",
    "output_triangulation",
)


def make_table(**kwargs):
    sizes = {"clips": 2, "frames": 8, "views": 3, "seed": 4}
    return synthetic.table(SKELETON, **(sizes | kwargs))


def make(table, config=SMALL, **kwargs):
    """A method on a table and a sampler of its batches."""
    method = bouazizi2021.Method(
        table.skeleton,
        config,
        statistics=bouazizi2021.statistics(table, config),
        **kwargs,
    )
    sampler = sampling.Sampler(
        table,
        bouazizi2021.batch_spec(config),
        batch_size=config.batch_size,
        seed=0,
        derived=bouazizi2021.derived(table, config),
    )
    return method, sampler


def world_joints(table):
    """[N, J, 3] mm of the truth."""
    calibration = {k: v[table.clip_of_row, 0] for k, v in table.cameras.items()}
    return cameras.camera_to_world(
        table.joints_3d[:, 0],
        calibration[schema.ROTATION],
        calibration[schema.TRANSLATION],
    ).numpy()


def knowing(method, table):
    """Lets the lifter answer with the truth of the rows of the next batch."""
    lift = method._lift

    def answer(keypoints_2d, seen, intrinsics, training):
        _, view = lift(keypoints_2d, seen, intrinsics, training)
        truth = table.joints_3d[method.rows] / 1000.0
        return tf.constant(truth - truth[:, :, :1]), view

    method._lift = answer
    return method


def terms(method, batch):
    losses = method.objectives(batch).losses["lifter"]
    return {name: value.numpy() for name, (_, value) in losses.items()}


def test_no_3d_is_read():
    table = make_table(joints_3d=False)
    method, sampler = make(table)
    batch = sampler.draw(0)
    assert not [name for name in batch if "joints_3d" in name]
    spec = bouazizi2021.batch_spec(SMALL)
    assert not spec.joints_3d and not spec.labelled_share
    assert "no 3D pose" in method.prior_card[0]
    training_loop = loop.Loop(method, sampler)
    logs, bad_step = training_loop.run(
        tf.constant(0, tf.int64), tf.constant(2, tf.int64)
    )
    assert bad_step < 0
    assert all(np.isfinite(value) for value in logs.values())
    assert float(logs["valid"]) == 1.0


def test_exact_keypoints_are_triangulated_to_the_truth():
    table = make_table()
    arrays = bouazizi2021.derived(table, SMALL)
    np.testing.assert_allclose(
        arrays["undistorted_2d"], table.keypoints_2d, atol=1e-3
    )
    assert arrays["triangulated_valid"].all()
    np.testing.assert_allclose(
        arrays["triangulated"], world_joints(table), atol=0.1
    )


def test_chunks_change_nothing(monkeypatch):
    table = make_table()
    whole = bouazizi2021.derived(table, SMALL)["triangulated"]
    monkeypatch.setattr(bouazizi_input, "_CHUNK", 5)
    parts = bouazizi2021.derived(table, SMALL)["triangulated"]
    np.testing.assert_array_equal(whole, parts)


def test_distortion_is_undone_for_what_serves_as_truth():
    table = make_table()
    perfect = table.keypoints_2d
    calibration = dict(table.cameras)
    calibration[schema.DISTORTION] = np.tile(
        np.float32([-0.2, 0.25, -0.001, -0.001, 0.0]), (2, 3, 1)
    )
    at = {k: v[table.clip_of_row] for k, v in calibration.items()}
    distorted = cameras.project(
        table.joints_3d, at[schema.INTRINSICS], at[schema.DISTORTION]
    ).numpy()
    assert np.abs(distorted - perfect).max() > 1.0
    table = dataclasses.replace(
        table, keypoints_2d=distorted, cameras=calibration
    )
    arrays = bouazizi2021.derived(table, SMALL)
    np.testing.assert_allclose(arrays["undistorted_2d"], perfect, atol=0.01)
    np.testing.assert_allclose(
        arrays["triangulated"], world_joints(table), atol=0.1
    )
    method, sampler = make(table)
    batch = sampler.draw(0)
    method.rows = batch[schema.INDEX].numpy()
    reprojection = terms(knowing(method, table), batch)["reprojection"]
    np.testing.assert_allclose(reprojection, 0.0, atol=1e-3)


def test_statistics_are_sizes_and_the_mean_camera():
    table = make_table()
    table.cameras[schema.INTRINSICS][1] *= 1.5
    table.cameras[schema.INTRINSICS][:, :, 2, 2] = 1.0
    values = bouazizi2021.statistics(make_table(), SMALL)
    truth = world_joints(make_table())
    distance = np.linalg.norm(truth[:, 1:] - truth[:, :1], axis=-1)
    assert values["body_size"] == pytest.approx(np.median(distance), rel=1e-3)
    # From 5 m away.
    assert values["ray_size"] == pytest.approx(
        np.median(distance) / 5000.0, rel=0.2
    )
    np.testing.assert_allclose(
        bouazizi2021.statistics(table, SMALL)["intrinsics"][0, 0],
        1.25 * values["intrinsics"][0, 0],
    )


def test_the_truth_has_no_loss():
    table = make_table()
    method, sampler = make(table)
    batch = sampler.draw(0)
    method.rows = batch[schema.INDEX].numpy()
    for name, value in terms(knowing(method, table), batch).items():
        np.testing.assert_allclose(value, 0.0, atol=1e-3, err_msg=name)


def test_a_missing_view_takes_only_its_own_terms_away():
    table = make_table()
    method, sampler = make(table)
    batch = sampler.draw(0)
    method.rows = batch[schema.INDEX].numpy()
    knowing(method, table)
    truth = batch["triangulated"]
    # 30 mm off in x, one joint of 17, in each of three views.
    batch["triangulated"] = (
        truth + 30.0 * tf.one_hot([5], 17, axis=1)[..., None]
    )
    whole = terms(method, batch)["input_triangulation"]
    scores_2d = batch[schema.SCORES].numpy()
    scores_2d[:, 2] = 0.0
    keypoints = batch[schema.KEYPOINTS_2D].numpy()
    keypoints[:, 2] = np.nan
    batch[schema.SCORES] = tf.constant(scores_2d)
    batch[schema.KEYPOINTS_2D] = tf.constant(keypoints)
    left = terms(method, batch)
    assert (left["input_triangulation"] < whole).all()
    for name in TERMS[1:]:
        np.testing.assert_allclose(left[name], 0.0, atol=1e-3, err_msg=name)
    assert method.objectives(batch).valid.numpy().all()


def test_a_joint_that_one_view_sees_is_not_learned_from():
    table = make_table()
    table.scores[:, 1:, 5] = 0.0
    method, sampler = make(table)
    batch = sampler.draw(0)
    assert not batch["triangulated_valid"].numpy()[:, 5].any()
    method.rows = batch[schema.INDEX].numpy()
    table.joints_3d[:, :, 5] += 500.0  # what the lifter answers
    losses = terms(knowing(method, table), batch)
    np.testing.assert_allclose(losses["input_triangulation"], 0.0, atol=1e-3)
    np.testing.assert_allclose(losses["output_triangulation"], 0.0, atol=1e-3)
    # The view that sees it still says where it may be.
    assert (losses["reprojection"] > 0.01).all()


def test_a_frame_whose_root_is_not_triangulated_is_not_valid():
    table = make_table()
    table.scores[:8, 1:, 0] = 0.0
    method, sampler = make(table)
    update = method.gradients(sampler.draw(0))
    valid = float(update.logs["valid"])
    assert 0.0 < valid < 1.0
    assert np.isfinite(update.gradients["lifter"][0]).all()


def test_output_triangulation_joins_in_the_last_tenth():
    config = dataclasses.replace(SMALL, total_steps=100)
    method, sampler = make(make_table(), config)
    batch = sampler.draw(0)
    for step, expected in ((0, 0.0), (89, 0.0), (90, 0.01), (200, 0.01)):
        batch[schema.STEP] = tf.constant(step, tf.int64)
        weight, value = method.objectives(batch).losses["lifter"][
            "output_triangulation"
        ]
        assert float(weight) == pytest.approx(expected)
        assert (value.numpy() > 0.0).all()


def test_the_loss_is_the_weighted_sum():
    config = dataclasses.replace(
        SMALL, reprojection_weight=0.0, consistency_weight=0.5, total_steps=0
    )
    method, sampler = make(make_table(), config)
    logs = {
        k: float(v) for k, v in method.gradients(sampler.draw(0)).logs.items()
    }
    expected = (
        logs["input_triangulation"]
        + 0.5 * logs["consistency"]
        + 0.01 * logs["output_triangulation"]
    )
    assert logs["lifter_loss"] == pytest.approx(expected, rel=1e-5)


def test_focal_lengths_decide_what_the_lifter_sees():
    table = make_table()
    method, _ = make(table)
    inputs = {
        schema.KEYPOINTS_2D: table.keypoints_2d[:, 0],
        schema.SCORES: table.scores[:, 0],
    }
    mean = np.tile(method.statistics["intrinsics"], (16, 1, 1))
    plain = method(inputs)[schema.JOINTS_3D]
    given = method(inputs | {schema.INTRINSICS: mean})[schema.JOINTS_3D]
    np.testing.assert_allclose(plain, given, atol=1e-3)
    # Twice the focal length and twice the pixels: the same person.
    twice = mean * np.float32([[2, 1, 1], [1, 2, 1], [1, 1, 1]])
    inputs[schema.KEYPOINTS_2D] = 2.0 * inputs[schema.KEYPOINTS_2D]
    given = method(inputs | {schema.INTRINSICS: twice})[schema.JOINTS_3D]
    np.testing.assert_allclose(plain, given, atol=1e-3)


def test_a_focal_length_that_is_none_makes_its_row_invalid():
    table = make_table()
    method, _ = make(table)
    intrinsics = np.tile(method.statistics["intrinsics"], (4, 1, 1))
    intrinsics[1, 0, 0] = 0.0
    intrinsics[2, 1, 1] = np.nan
    served = method.serve(
        table.keypoints_2d[:4, 0], table.scores[:4, 0], intrinsics
    )
    assert served["valid"].numpy().tolist() == [True, False, False, True]
    assert np.isfinite(served[schema.JOINTS_3D]).all()


def test_schedules():
    for schedule, end in (("constant", 1e-3), ("cosine", 0.0)):
        config = dataclasses.replace(SMALL, schedule=schedule, total_steps=10)
        optimizer = make(make_table(), config)[0].optimizers["lifter"]
        assert float(optimizer.learning_rate) == pytest.approx(1e-3)
        optimizer.iterations.assign(10)
        assert float(optimizer.learning_rate) == pytest.approx(end, abs=1e-9)


def test_refusals():
    for table, message in (
        (make_table(cameras=False), "needs a data set with `cameras`.*without"),
        (make_table(views=1), "at least 2 .* views .*Received: 1 in synth"),
    ):
        for compute in (bouazizi2021.statistics, bouazizi2021.derived):
            with pytest.raises(ValueError, match=message):
                compute(table, SMALL)
    table = make_table()
    table.scores[:, 1:] = 0.0
    with pytest.raises(ValueError, match="two views see the root.*synthetic"):
        bouazizi2021.statistics(table, SMALL)
    with pytest.raises(ValueError, match="needs `statistics`"):
        bouazizi2021.Method(SKELETON, SMALL)
    body = skeletons.load("human36m_16")
    config = dataclasses.replace(SMALL, facing_weight=1.0)
    statistics = bouazizi2021.statistics(make_table(), SMALL)
    with pytest.raises(ValueError, match="needs a skeleton with a `facing`"):
        bouazizi2021.Method(body, config, statistics=statistics)


@pytest.mark.slow
def test_learns_64_poses_by_heart():
    """In millimetres, from their keypoints and cameras alone."""
    tf.config.run_functions_eagerly(False)
    table = make_table(clips=1, frames=16, views=4)
    config = bouazizi2021.Config(
        width=64, blocks=2, dropout=0.0, batch_size=16, schedule="cosine",
        total_steps=600,
    )  # fmt: skip
    method, sampler = make(table, config)
    training_loop = loop.Loop(method, sampler)
    (first, _), (last, _) = (
        training_loop.run(tf.constant(s, tf.int64), tf.constant(n, tf.int64))
        for s, n in ((0, 10), (10, 590))
    )
    last = method.gradients(sampler.draw(600)).logs
    for name in ("input_triangulation", "reprojection"):
        assert float(last[name]) < 0.1 * float(first[name])
    lifted = scores.score(prediction.predict(method, table), table).overall
    floor = prediction.predict(prediction.DepthZero(SKELETON), table)
    flat = scores.score(floor, table).overall
    assert lifted["pa_mpjpe_reflect"] < 0.5 * flat["pa_mpjpe_reflect"]
    assert lifted["mpjpe"] < 60.0
