import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from tf_poselift import schema
from tf_poselift import skeletons
from tf_poselift.data import sampling
from tf_poselift.data import synthetic
from tf_poselift.evaluation import prediction
from tf_poselift.evaluation import scores
from tf_poselift.methods import kudo2018
from tf_poselift.training import checkpoints
from tf_poselift.training import loop

pytestmark = pytest.mark.usefixtures("eagerly")
SKELETON = skeletons.load("human36m_17")
SMALL = kudo2018.Config(width=16)


def make_batch(count: int = 8) -> dict[str, tf.Tensor]:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(count, 17, 2)) * 100 + 500
    return {
        schema.KEYPOINTS_2D: tf.constant(points, tf.float32),
        schema.SCORES: tf.ones([count, 17]),
        schema.INDEX: tf.range(count, dtype=tf.int64),
        schema.STEP: tf.constant(0, tf.int64),
    }


def weights_of(method, name):
    values = [v.numpy() for v in method.networks[name].variables]
    return values + [v.numpy() for v in method.optimizers[name].variables]


def changed(method, name, before) -> bool:
    return any(
        not np.array_equal(a, b)
        for a, b in zip(weights_of(method, name), before, strict=True)
    )


def test_turn_by_hand():
    # Eq. 1: a quarter turn shows the depth, half a turn mirrors x.
    joints = tf.constant([[[1.0, 2.0, 3.0]]] * 4)
    angle = tf.constant([0.0, math.pi / 2, math.pi, 2 * math.pi])
    np.testing.assert_allclose(
        kudo2018.turn(joints, angle)[:, 0],
        [[1, 2, 3], [3, 2, -1], [-1, 2, -3], [1, 2, 3]],
        atol=1e-5,
    )


def test_turn_about_a_tilted_vertical():
    # A camera that looks straight down: the vertical is its z axis.
    joints = tf.constant([[[1.0, 2.0, 3.0]]])
    down = tf.constant([math.pi / 2])
    np.testing.assert_allclose(
        kudo2018.turn(joints, down, tilt=down)[0, 0], [-2, 1, 3], atol=1e-5
    )
    # At any tilt the vertical itself, y turned towards z, stays.
    vertical = tf.constant([[[0.0, math.cos(0.3), math.sin(0.3)]]])
    np.testing.assert_allclose(
        kudo2018.turn(vertical, tf.constant([2.0]), tilt=tf.constant([0.3])),
        vertical,
        atol=1e-6,
    )


def test_losses_equal_the_equations():
    method = kudo2018.Method(SKELETON, SMALL)
    batch = make_batch()
    update = method.gradients(batch)

    pixels = batch[schema.KEYPOINTS_2D].numpy().astype(np.float64)
    points = pixels - pixels[:, :1]
    size = np.linalg.norm(points[:, 1:], axis=-1).mean(axis=-1)
    points /= size[:, None, None]  # Sec. 3.3
    depth = method.lifter(points.reshape(-1, 34)).numpy()
    angle = method.uniform(batch, "view", minval=-math.pi, maxval=math.pi)
    fake = points.copy()
    fake[..., 0] = (
        points[..., 0] * np.cos(angle)[:, None] + depth * np.sin(angle)[:, None]
    )  # Eq. 1
    d = method.networks["discriminator"]
    real_d, fake_d = (
        1 / (1 + np.exp(-d(p.reshape(-1, 34)).numpy())) for p in (points, fake)
    )
    # Eq. 2, and -log D for the lifter.
    expected = -np.mean(np.log(real_d) + np.log(1 - fake_d))
    assert float(update.logs["discrimination"]) == pytest.approx(
        expected, rel=1e-4
    )
    assert float(update.logs["adversarial"]) == pytest.approx(
        -np.mean(np.log(fake_d)), rel=1e-4
    )
    # Eq. 4: the lifter's loss is the sum.
    assert float(update.logs["lifter_loss"]) == pytest.approx(
        float(update.logs["adversarial"] + update.logs["facing"]), rel=1e-5
    )


@pytest.mark.parametrize(
    ("cap", "lifter", "discriminator"),
    [(1.0, True, True), (0.0, False, False)],
)
def test_gate_changes_neither_weights_nor_optimizer(cap, lifter, discriminator):
    # With cap 0 a discriminator that is right at times but not always lets
    # neither network move.
    config = dataclasses.replace(SMALL, accuracy_cap=cap)
    method = kudo2018.Method(SKELETON, config)
    before = {name: weights_of(method, name) for name in method.networks}
    logs = method.train_step(make_batch(64))
    assert 0.0 < float(logs["discriminator_accuracy"]) < 1.0
    assert changed(method, "lifter", before["lifter"]) == lifter
    assert (
        changed(method, "discriminator", before["discriminator"])
        == discriminator
    )


@pytest.mark.parametrize(
    ("accuracy", "discriminator", "lifter"),
    [(0.95, False, True), (0.5, True, True), (0.05, True, False)],
)
def test_gate_thresholds(accuracy, discriminator, lifter):
    # Sec. 4.2: 0.9 and 0.1.
    method = kudo2018.Method(SKELETON, SMALL)
    decisions = method.updates(
        {"discriminator_accuracy": tf.constant(accuracy)},
        step=tf.constant(0, tf.int64),
    )
    assert bool(decisions["discriminator"]) == discriminator
    assert bool(decisions["lifter"]) == lifter


def test_call_keeps_the_input_and_centres_the_depth():
    method = kudo2018.Method(SKELETON, SMALL)
    batch = make_batch(3)
    joints = method(batch)[schema.JOINTS_3D].numpy()
    np.testing.assert_allclose(joints[:, 0], 0.0, atol=1e-6)
    flat = np.linalg.norm(joints[:, 1:, :2], axis=-1).mean(axis=-1)
    np.testing.assert_allclose(flat, 1.0, rtol=1e-5)
    # Position and size in the image do not matter.
    batch[schema.KEYPOINTS_2D] = batch[schema.KEYPOINTS_2D] * 3.0 + 50.0
    again = method(batch)[schema.JOINTS_3D].numpy()
    np.testing.assert_allclose(joints, again, atol=1e-4)


def test_missing_joints_and_bad_rows():
    method = kudo2018.Method(SKELETON, SMALL)
    batch = make_batch(4)
    seen = np.ones((4, 17), np.float32)
    seen[1, 5] = 0.0
    seen[2, 0] = 0.0  # no root
    points = batch[schema.KEYPOINTS_2D].numpy()
    points[3, 4] = np.nan
    batch |= {
        schema.SCORES: tf.constant(seen),
        schema.KEYPOINTS_2D: tf.constant(points),
    }
    outputs = method(batch)
    np.testing.assert_array_equal(outputs["valid"], [True, True, False, False])
    assert np.isfinite(outputs[schema.JOINTS_3D]).all()
    np.testing.assert_array_equal(outputs[schema.JOINTS_3D][1, 5], 0.0)
    update = method.gradients(batch)
    assert float(update.logs["valid"]) == 0.5
    for gradients in update.gradients.values():
        assert all(np.isfinite(g).all() for g in gradients)


def test_needs_a_facing_rule_unless_switched_off():
    skeleton = skeletons.load("human36m_16")
    with pytest.raises(ValueError, match="--config=facing_weight=0"):
        kudo2018.Method(skeleton, SMALL)
    config = dataclasses.replace(SMALL, facing_weight=0.0)
    method = kudo2018.Method(skeleton, config)
    assert "facing" not in method.log_names()


BEYOND = dataclasses.replace(
    SMALL, tilt=True, perspective=True, renormalize=True, lift_again_weight=2.0
)


def test_lifting_again_by_hand():
    tf.config.run_functions_eagerly(False)  # compiled, with every option
    method = kudo2018.Method(SKELETON, BEYOND)
    batch = make_batch()
    method.networks["tilt"].weights[0].assign([[0.2]])
    update = method.gradients(batch)

    joints = method(batch)[schema.JOINTS_3D].numpy().astype(np.float64)
    angle = method.uniform(batch, "view", minval=-math.pi, maxval=math.pi)
    up, down = (
        np.array(
            [
                [1, 0, 0],
                [0, np.cos(tilt), -np.sin(tilt)],
                [0, np.sin(tilt), np.cos(tilt)],
            ]
        )
        for tilt in (-0.2, 0.2)
    )
    expected = []
    for pose, theta in zip(joints, angle.numpy(), strict=True):
        cosine, sine = np.cos(theta), np.sin(theta)
        about_y = [[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]]
        turned = pose @ (down @ about_y @ up).T
        image = turned[:, :2] * 10.0 / (10.0 + turned[:, 2:])
        size = np.linalg.norm(image[1:], axis=-1).mean()
        # 2D is normalised by `call` itself.
        again = method(
            {
                schema.KEYPOINTS_2D: tf.constant(image[None], tf.float32),
                schema.SCORES: tf.ones([1, 17]),
            }
        )[schema.JOINTS_3D][0].numpy()
        expected.append(np.square(again - turned / size).sum(-1).mean())
    assert float(update.logs["lift_again"]) == pytest.approx(
        np.mean(expected), rel=1e-3
    )
    assert float(update.logs["tilt"]) == pytest.approx(0.2)
    logs = {name: float(value) for name, value in update.logs.items()}
    assert logs["lifter_loss"] == pytest.approx(
        logs["adversarial"] + logs["facing"] + 2 * logs["lift_again"], rel=1e-5
    )


def test_perspective_lifts_along_the_rays():
    method = kudo2018.Method(SKELETON, BEYOND)
    batch = make_batch(3)
    joints = method(batch)[schema.JOINTS_3D].numpy()
    pixels = batch[schema.KEYPOINTS_2D].numpy()
    points = pixels - pixels[:, :1]
    points /= np.linalg.norm(points[:, 1:], axis=-1).mean(-1)[:, None, None]
    np.testing.assert_allclose(joints[:, 0], 0.0, atol=1e-6)
    np.testing.assert_allclose(
        10.0 * joints[..., :2] / (10.0 + joints[..., 2:]), points, atol=1e-5
    )
    config = dataclasses.replace(BEYOND, distance=1.0)
    with pytest.raises(ValueError, match="`distance` must be above 1"):
        kudo2018.Method(SKELETON, config)(batch)


@pytest.mark.parametrize("cap", [1.0, 0.0])
def test_tilt_moves_with_the_lifter_and_is_kept(cap, tmp_path):
    config = dataclasses.replace(BEYOND, accuracy_cap=cap)
    method = kudo2018.Method(SKELETON, config)
    before = weights_of(method, "tilt")
    logs = method.train_step(make_batch(64))
    assert set(logs) == set(method.log_names())
    assert changed(method, "tilt", before) == bool(cap)
    angle = np.array(method.networks["tilt"].weights[0])
    assert abs(angle) <= 1.01e-3  # Adam's step

    checkpoints.Checkpoints(method, tmp_path).save(1)
    again = kudo2018.Method(SKELETON, config)
    checkpoints.Checkpoints(again, tmp_path).restore()
    np.testing.assert_array_equal(again.networks["tilt"].weights[0], angle)


def test_beyond_the_paper_survives_bad_rows_and_flat_poses():
    method = kudo2018.Method(SKELETON, BEYOND)
    batch = make_batch(4)
    points = batch[schema.KEYPOINTS_2D].numpy()
    points[0, 4] = np.nan
    points[1, :, 1] = 500.0  # all on one line: from the side, nothing
    seen = np.ones((4, 17), np.float32)
    seen[2, 5] = 0.0
    update = method.gradients(
        batch
        | {
            schema.KEYPOINTS_2D: tf.constant(points),
            schema.SCORES: tf.constant(seen),
        }
    )
    assert np.isfinite(float(update.logs["lifter_loss"]))
    for gradients in update.gradients.values():
        assert all(np.isfinite(g).all() for g in gradients)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "most"),
    [(SMALL, 0.95), (BEYOND, 0.75)],
    ids=["paper", "beyond"],
)
def test_learns_64_poses(options, most):
    """From 2D alone: better than flat, and few are mirrored.

    A discriminator that knows 64 poses by heart says little about others.
    """
    tf.config.run_functions_eagerly(False)
    table = synthetic.table(SKELETON, clips=4, frames=4, views=4, seed=2)
    config = dataclasses.replace(
        options,
        width=64,
        batch_size=64,
        learning_rate=1e-3,
        average_decay=0.99,
        facing_weight=10.0,
    )
    method = kudo2018.Method(SKELETON, config, jit_compile=False)
    sampler = sampling.Sampler(
        table, kudo2018.batch_spec(config), batch_size=64, seed=0
    )
    training_loop = loop.Loop(method, sampler)
    _, (last, _) = (
        training_loop.run(tf.constant(s, tf.int64), tf.constant(n, tf.int64))
        for s, n in ((0, 1150), (1150, 50))
    )
    assert float(last["facing"]) < 0.02
    # The gate: neither network wins.
    assert 0.1 < float(last["discriminator_accuracy"]) < 0.9
    method.use_averages()
    lifted = scores.score(prediction.predict(method, table), table).overall
    floor = prediction.predict(prediction.DepthZero(SKELETON), table)
    flat = scores.score(floor, table).overall
    assert lifted["pa_mpjpe"] < most * flat["pa_mpjpe"]
    assert lifted["mirror_rate"] < 0.3
