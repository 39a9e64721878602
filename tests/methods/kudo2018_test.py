import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from tf_poselift import schema
from tf_poselift import skeletons
from tf_poselift.methods import kudo2018

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


def test_rotation_by_hand():
    # Eq. 1: a quarter turn shows the depth, half a turn mirrors x.
    points = tf.constant([[[1.0, 2.0]]] * 4)
    depth = tf.constant([[3.0]] * 4)
    angle = tf.constant([0.0, math.pi / 2, math.pi, 2 * math.pi])
    seen = kudo2018.rotate_and_project(points, depth, angle)
    np.testing.assert_allclose(
        seen[:, 0], [[1, 2], [3, 2], [-1, 2], [1, 2]], atol=1e-5
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
        {"discriminator_accuracy": tf.constant(accuracy)}
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
    scores = np.ones((4, 17), np.float32)
    scores[1, 5] = 0.0
    scores[2, 0] = 0.0  # no root
    points = batch[schema.KEYPOINTS_2D].numpy()
    points[3, 4] = np.nan
    batch |= {
        schema.SCORES: tf.constant(scores),
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
