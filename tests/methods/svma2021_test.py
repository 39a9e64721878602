import dataclasses
import functools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_poselift import metrics
from tf_poselift import schema
from tf_poselift import skeletons
from tf_poselift.data import sampling
from tf_poselift.data import synthetic
from tf_poselift.evaluation import prediction
from tf_poselift.methods import svma2021
from tf_poselift.training import loop

SKELETON = skeletons.load("human36m_17")
SMALL = svma2021.Config(width=16, dropout=0.0)
SECOND_LIFT = {"pose", "camera_equality", "svma"}
CRITIC = {"adversarial", "critic_loss", "criticism", "penalty"}


def make_batch(count: int = 8) -> dict[str, tf.Tensor]:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(2, count, 17, 2)) * 100 + 500
    first, second = tf.constant(points, tf.float32)
    return {
        schema.KEYPOINTS_2D: first,
        schema.SCORES: tf.ones([count, 17]),
        schema.UNPAIRED + schema.KEYPOINTS_2D: second,
        schema.UNPAIRED + schema.SCORES: tf.ones([count, 17]),
        schema.INDEX: tf.range(count, dtype=tf.int64),
        schema.STEP: tf.constant(0, tf.int64),
    }


ALL = np.ones(17, np.float32)


def normalize(points, seen=ALL):
    points = (points - points[:, :1]) * seen[:, None]
    size = np.linalg.norm(points, axis=-1).sum(axis=-1) / seen[1:].sum()
    return points / size[:, None, None] / 10


def lift(method, points, seen=ALL):
    """Eq. 1-4 with the root at [0, 0, 10], which is then taken away."""
    with keras.StatelessScope():
        depth, camera = method.lifter(points.reshape(-1, 34), training=True)
    z = 10 + depth.numpy() - depth.numpy()[:, :1]
    x, y = (points[..., i] * z for i in (0, 1))
    pose = np.stack([x, y, z - 10], axis=-1) * seen[:, None]
    return pose, camera.numpy()


def project(joints, camera):
    return joints @ camera.transpose(0, 2, 1)  # Eq. 6


@pytest.mark.parametrize("missing", [None, 13])  # a wrist
def test_losses_equal_the_equations(missing):
    method = svma2021.Method(SKELETON, SMALL)
    batch = make_batch()
    seen = np.where(np.arange(17) == missing, np.float32(0), ALL)
    batch[schema.SCORES] *= seen
    logs = {
        k: float(v) for k, v in method.traceable_gradients(batch).logs.items()
    }

    real = normalize(batch[schema.KEYPOINTS_2D].numpy(), seen)
    pose, camera = lift(method, real, seen)
    angle = method.uniform(batch, "view", maxval=2 * math.pi).numpy()
    c, s, o, i = np.cos(angle), np.sin(angle), 0 * angle, 0 * angle + 1
    # As Eq. 5 prints it, for rows.
    turn = np.array([[c, o, -s], [o, i, o], [s, o, c]]).transpose(2, 0, 1)
    turned = pose @ turn
    fake = normalize(project(turned, camera), seen)
    turned_again, camera_again = lift(method, fake, seen)
    pose_again = turned_again @ turn.transpose(0, 2, 1)

    def length(a, b):
        return np.linalg.norm(pose[:, a] - pose[:, b], axis=-1)

    def critic(points):
        return method.networks["critic"](points.reshape(-1, 34)).numpy()

    def distance(a, b):
        return np.linalg.norm((a - b).reshape(len(a), -1), axis=-1)

    expected = {
        "pose": distance(turned_again, turned) / seen.sum(),  # Eq. 7
        "camera_equality": np.abs(camera - camera_again).mean((1, 2)),  # Eq. 8
    }
    first, second = (
        [project(j, k) for j in poses for k in (camera, camera_again)]
        for poses in ((pose, pose_again), (turned, turned_again))
    )
    expected["svma"] = sum(  # Eq. 9
        sum(distance(p, q) for j, p in enumerate(group) for q in group[:j])
        / (len(group) * seen.sum())
        for group in ([real, *first], second)
    )
    gram = camera @ camera.transpose(0, 2, 1)
    trace = np.trace(gram, axis1=1, axis2=2)[:, None, None]
    expected["camera"] = distance(2 * gram / trace, np.eye(2)[None])  # Eq. 13
    limbs = [((0, 1), (0, 4)), ((1, 2), (4, 5)), ((2, 3), (5, 6))]
    limbs += [((8, 11), (8, 14)), ((11, 12), (14, 15)), ((12, 13), (15, 16))]
    limbs = [pair for pair in limbs if missing not in pair[0] + pair[1]]
    expected["symmetry"] = np.mean(  # Eq. 14
        [(length(*left) - length(*right)) ** 2 for left, right in limbs], axis=0
    )
    v, w = (pose[:, a, ::2] - pose[:, b, ::2] for a, b in ((9, 8), (11, 14)))
    sine = v[:, 1] * w[:, 0] - v[:, 0] * w[:, 1]  # Eq. 15, (x, z)
    sine /= np.linalg.norm(v, axis=-1) * np.linalg.norm(w, axis=-1)
    expected["facing"] = np.maximum(0, sine)  # Eq. 16, in our axes
    sampled = normalize(batch[schema.UNPAIRED + schema.KEYPOINTS_2D].numpy())
    expected["adversarial"] = -critic(fake)
    expected["criticism"] = critic(fake) - critic(sampled)  # Eq. 10
    for name, value in expected.items():
        assert logs[name] == pytest.approx(value.mean(), rel=1e-3), name
    # Eq. 17 with the weights of Sec. 3.6, by name.
    weights = {"facing": 1, "camera": 1, "camera_equality": 1}
    weights |= {"symmetry": 0.01, "pose": 0.1, "svma": 10, "adversarial": 1}
    assert logs["lifter_loss"] == pytest.approx(
        sum(w * logs[name] for name, w in weights.items()), rel=1e-5
    )
    assert logs["critic_loss"] == pytest.approx(
        logs["criticism"] + 10 * logs["penalty"], rel=1e-5
    )


@functools.cache
def full_logs():
    method = svma2021.Method(SKELETON, SMALL)
    return method.traceable_gradients(make_batch()).logs


@pytest.mark.parametrize(
    ("change", "gone"),
    [
        ({"svma": False}, SECOND_LIFT),
        ({"adversarial_weight": 0.0}, CRITIC),
        ({"symmetry_weight": 0.0}, {"symmetry"}),
        ({"svma": False, "adversarial_weight": 0.0}, SECOND_LIFT | CRITIC),
        ({"facing_weight": 0.0}, set()),
    ],
)
def test_a_term_switched_off_changes_no_other(change, gone):
    config = dataclasses.replace(SMALL, **change)
    batch = make_batch()
    if not svma2021.batch_spec(config).unpaired:
        batch = {k: v for k, v in batch.items() if schema.UNPAIRED not in k}
    full = full_logs()
    method = svma2021.Method(SKELETON, config)
    assert ("critic" in method.networks) == bool(config.adversarial_weight)
    logs = method.traceable_gradients(batch).logs
    assert set(full) - set(logs) == gone
    assert set(method.log_names()) == set(logs)
    for name in set(logs) - {"lifter_loss"}:
        assert float(logs[name]) == pytest.approx(float(full[name]), rel=1e-4)


def test_call_undoes_the_perspective():
    method = svma2021.Method(SKELETON, SMALL)
    batch = make_batch(3)
    joints = method(batch)[schema.JOINTS_3D].numpy()
    np.testing.assert_allclose(joints[:, 0], 0.0, atol=1e-6)
    # Eq. 3 and 4, seen from 10 away.
    np.testing.assert_allclose(
        joints[..., :2] / (joints[..., 2:] + 10),
        normalize(batch[schema.KEYPOINTS_2D].numpy()),
        atol=1e-5,
    )


def test_missing_joints_and_bad_rows():
    method = svma2021.Method(SKELETON, SMALL)
    batch = make_batch(4)
    scores = np.ones((4, 17), np.float32)
    scores[1, 5] = 0.0
    scores[2, 0] = 0.0  # no root
    sampled = batch[schema.UNPAIRED + schema.KEYPOINTS_2D].numpy()
    sampled[3, 4] = np.nan
    batch |= {
        schema.SCORES: tf.constant(scores),
        schema.UNPAIRED + schema.KEYPOINTS_2D: tf.constant(sampled),
    }
    outputs = method(batch)
    np.testing.assert_array_equal(outputs["valid"], [True, True, False, True])
    assert np.isfinite(outputs[schema.JOINTS_3D]).all()
    np.testing.assert_array_equal(outputs[schema.JOINTS_3D][1, 5], 0.0)
    update = method.traceable_gradients(batch)
    assert float(update.logs["valid"]) == 0.5
    assert all(np.isfinite(value) for value in update.logs.values())
    for gradients in update.gradients.values():
        assert all(np.isfinite(g).all() for g in gradients)


def test_refuses_skeletons_that_lack_what_a_term_needs():
    skeleton = skeletons.load("human36m_16")
    with pytest.raises(ValueError, match="--config=facing_weight=0"):
        svma2021.Method(skeleton, SMALL)
    config = dataclasses.replace(SMALL, facing_weight=0.0)
    method = svma2021.Method(skeleton, config)
    assert "facing" not in method.log_names()
    skeleton = dataclasses.replace(SKELETON, pairs=())
    with pytest.raises(ValueError, match="--config=symmetry_weight=0"):
        svma2021.Method(skeleton, SMALL)


def test_refuses_a_camera_at_the_root():
    with pytest.raises(ValueError, match="`distance` must be above 0. Rec.*0"):
        svma2021.Config(distance=0.0)


def test_works_without_a_pelvis():
    table = synthetic.table(
        skeletons.load("coco_17"), clips=1, frames=8, views=2
    )
    method = svma2021.Method(table.skeleton, SMALL)
    sampler = sampling.Sampler(
        table, svma2021.batch_spec(SMALL), batch_size=8, seed=0
    )
    logs = method.traceable_gradients(sampler.draw(0)).logs
    assert all(np.isfinite(value) for value in logs.values())


@pytest.mark.slow
def test_learns_64_poses():
    table = synthetic.table(SKELETON, clips=4, frames=4, views=4, seed=2)
    # One run in four finds poses with some limbs to the wrong side; which one
    # is a matter of rounding. Most do not.
    errors = [_error_after_training(table, seed) for seed in range(3)]
    flat = prediction.DepthZero(SKELETON)
    assert np.median(errors) < _error(flat, table), errors


def _error(lifter, table):
    lifted = prediction.predict(lifter, table)
    truth = table.joints_3d[lifted.rows, lifted.views]
    truth = truth - truth[:, :1]
    return metrics.pa_mpjpe_reflect(lifted.joints_3d, truth).numpy().mean()


def _error_after_training(table, seed):
    config = svma2021.Config(width=64, learning_rate=1e-3, dropout=0.0)
    method = svma2021.Method(SKELETON, config, seed=seed)
    sampler = sampling.Sampler(
        table, svma2021.batch_spec(config), batch_size=64, seed=seed
    )
    training_loop = loop.Loop(method, sampler)

    def run(first, count):
        logs, _ = training_loop.run(*tf.constant([first, count], tf.int64))
        return logs

    before = run(0, 10)
    run(10, 780)
    after = run(790, 10)
    for name in ("svma", "pose"):
        assert float(after[name]) < 0.5 * float(before[name]), name
    return _error(method, table)
