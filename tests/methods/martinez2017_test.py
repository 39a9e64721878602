import dataclasses
import types

import numpy as np
import pytest
import tensorflow as tf

from tf_poselift import schema
from tf_poselift import skeletons
from tf_poselift.methods import martinez2017

SKELETON = skeletons.from_dict(
    {"name": "three", "joints": {"a": None, "b": "a", "c": "b"}}
)
SMALL = martinez2017.Config(width=8)


def make_table():
    """Two frames; joint c is missing in the second."""
    keypoints = [[[10, 20], [12, 20], [10, 26]], [[0, 0], [4, 2], [99, 99]]]
    joints = [
        [[0, 0, 1000], [100, 0, 1000], [0, 0, 1400]],
        [[0, 0, 2000], [300, 0, 2000], [7, 7, 7]],
    ]
    seen = np.array([[True, True, True], [True, True, False]])
    return types.SimpleNamespace(
        datasets=("hand:1.0.0",),
        skeleton=SKELETON,
        keypoints_2d=np.array(keypoints, np.float32)[:, None],
        scores=seen[:, None].astype(np.float32),
        joints_3d=np.array(joints, np.float32)[:, None],
        joints_3d_valid=seen[:, None],
    )


def make_method(config=SMALL, statistics=None):
    statistics = statistics or martinez2017.statistics(make_table(), config)
    return martinez2017.Method(SKELETON, config, statistics=statistics)


def make_batch(table):
    return {
        schema.KEYPOINTS_2D: tf.constant(table.keypoints_2d[:, 0]),
        schema.SCORES: tf.constant(table.scores[:, 0]),
        schema.JOINTS_3D: tf.constant(table.joints_3d[:, 0]),
        schema.JOINTS_3D_VALID: tf.constant(table.joints_3d_valid[:, 0]),
        schema.INDEX: tf.range(2, dtype=tf.int64),
        schema.STEP: tf.constant(0, tf.int64),
    }


def test_statistics_by_hand():
    values = martinez2017.statistics(make_table(), SMALL)
    # b: (2, 0) and (4, 2); c: (0, 6), seen once; the root has no deviation.
    np.testing.assert_allclose(
        values["keypoints_mean"], [[0, 0], [3, 1], [0, 6]], atol=1e-6
    )
    np.testing.assert_allclose(
        values["keypoints_std"], [[1, 1], [1, 1], [1, 1]], atol=1e-6
    )
    np.testing.assert_allclose(
        values["joints_mean"], [[0, 0, 0], [200, 0, 0], [0, 0, 400]]
    )
    np.testing.assert_allclose(
        values["joints_std"], [[1, 1, 1], [100, 1, 1], [1, 1, 1]]
    )


def test_a_network_of_zeros_answers_the_mean_pose_in_mm():
    method = make_method()
    weights = method.lifter.last.get_weights()
    method.lifter.last.set_weights([np.zeros_like(w) for w in weights])
    batch = make_batch(make_table())
    joints = method(batch)[schema.JOINTS_3D].numpy()
    np.testing.assert_allclose(
        joints[0], [[0, 0, 0], [200, 0, 0], [0, 0, 400]], atol=1e-4
    )
    # One deviation of b's x is 100 mm.
    bias = np.zeros(9, np.float32)
    bias[3] = 1.0
    method.lifter.last.bias.assign(bias)
    joints = method(batch)[schema.JOINTS_3D].numpy()
    np.testing.assert_allclose(joints[0, 1], [300, 0, 0], atol=1e-4)
    served = method.serve(batch[schema.KEYPOINTS_2D], batch[schema.SCORES])
    # b and c are 300 and 400 mm from the root.
    assert float(served["scale"][0]) == pytest.approx(350.0)


@pytest.mark.parametrize(("loss", "expected"), [("l2", 1.0), ("l1", 1.0)])
def test_loss_by_hand(loss, expected):
    method = make_method(dataclasses.replace(SMALL, loss=loss))
    weights = method.lifter.last.get_weights()
    method.lifter.last.set_weights([np.zeros_like(w) for w in weights])
    table = make_table()
    batch = make_batch(table)
    update = method.gradients(batch)
    # Frame 0: b is -1 deviation off, a and c are right: 1/3. Frame 1 shows
    # one joint besides the root, too few for a pose.
    assert float(update.logs["valid"]) == 0.5
    assert float(update.logs["supervision"]) == pytest.approx(expected / 3 / 2)


def test_learns_a_tiny_set_by_heart():
    method = make_method(
        dataclasses.replace(SMALL, width=64, dropout=0.0, batch_norm=False)
    )
    batch = make_batch(make_table())
    batch[schema.SCORES] = tf.ones([2, 3])
    batch[schema.JOINTS_3D_VALID] = tf.ones([2, 3], tf.bool)
    for _ in range(300):
        logs = method.train_step(batch)
    truth = batch[schema.JOINTS_3D] - batch[schema.JOINTS_3D][:, :1]
    error = tf.norm(method(batch)[schema.JOINTS_3D] - truth, axis=-1)
    assert np.isfinite(float(logs["lifter_loss"]))
    assert float(tf.reduce_mean(error)) < 20.0


def test_schedules():
    exponential = make_method(
        martinez2017.Config(width=8, decay_steps=10, decay_rate=0.5)
    ).optimizers["lifter"]
    cosine = make_method(
        martinez2017.Config(width=8, decay_steps=10, schedule="cosine")
    ).optimizers["lifter"]
    for optimizer in (exponential, cosine):
        assert float(optimizer.learning_rate) == pytest.approx(1e-3)
        optimizer.iterations.assign(10)
    assert float(exponential.learning_rate) == pytest.approx(5e-4)
    assert float(cosine.learning_rate) == pytest.approx(0.0, abs=1e-9)


def test_needs_truth():
    table = make_table()
    table.joints_3d = None
    with pytest.raises(ValueError, match="supervised.*Received: hand:1.0.0"):
        martinez2017.statistics(table, SMALL)
    with pytest.raises(ValueError, match="needs `statistics`"):
        martinez2017.Method(SKELETON, SMALL)
