import dataclasses
import math

import keras
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
from tf_poselift.methods import tipsy_gan2022
from tf_poselift.training import loop

pytestmark = pytest.mark.usefixtures("eagerly")
SKELETON = skeletons.load("human36m_17")
LEGS = [1, 2, 3, 4, 5, 6]
TORSO = [7, 8, 9, 10, 11, 12, 13, 14, 15, 16]
SMALL = tipsy_gan2022.Config(width=8, blocks=1, batch_size=8)


def make(teacher=None, skeleton=SKELETON, **fields):
    config = dataclasses.replace(SMALL, **fields)
    return tipsy_gan2022.Method(
        skeleton, config, teacher=teacher, seed=3, jit_compile=False
    )


def make_batch(count: int = 8, skeleton=SKELETON) -> dict[str, tf.Tensor]:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(count, skeleton.num_joints, 2)) * 100 + 500
    return {
        schema.KEYPOINTS_2D: tf.constant(points, tf.float32),
        schema.SCORES: tf.ones([count, skeleton.num_joints]),
        schema.INDEX: tf.range(count, dtype=tf.int64),
        schema.STEP: tf.constant(0, tf.int64),
    }


def normalized(batch) -> np.ndarray:
    """Sec. 3 in NumPy."""
    points = batch[schema.KEYPOINTS_2D].numpy()
    points = points - points[:, :1]
    return points / np.abs(points).max(axis=(1, 2), keepdims=True)


def test_each_generator_sees_its_own_part():
    # Sec. 3.1: wrists, elbows, shoulders, neck, spine, head and crown; ankles,
    # knees and hips; the root is left out.
    method = make()
    assert method.served == ("legs", "torso")
    shapes = {
        name: (network.hidden[0].kernel.shape[0], network.last.units)
        for name, network in method.networks.items()
    }
    assert shapes == {
        "legs": (12, 6),
        "torso": (20, 10),
        "discriminator": (32, 1),
    }
    blocks = {
        name: (len(network.hidden) - 1) // 2
        for name, network in make(blocks=4).networks.items()
    }
    assert blocks == {"legs": 4, "torso": 4, "discriminator": 3}

    batch = make_batch(4)
    before = method(batch)[schema.JOINTS_3D].numpy()
    moved = batch[schema.KEYPOINTS_2D].numpy()
    moved[:, 13] += (moved[:, 13] - moved[:, 0]) * 1e-2  # a wrist
    after = method(batch | {schema.KEYPOINTS_2D: tf.constant(moved)})
    after = after[schema.JOINTS_3D].numpy()
    same_size = np.isclose(after[:, 1, 0], before[:, 1, 0])
    assert same_size.any()  # the wrist is not what fills the box
    change = np.abs(after - before)[same_size][..., 2]
    np.testing.assert_allclose(change[:, LEGS], 0.0, atol=1e-6)
    assert (change[:, TORSO] > 1e-6).any()


def test_losses_equal_the_equations():
    # Layer norm, so that training and NumPy see the same lifts.
    method = make(norm="layer", continuous_weight=2.0)
    batch = make_batch()
    logs = {k: float(v) for k, v in method.gradients(batch).logs.items()}
    assert set(logs) == set(method.logged)

    def lift(points):
        legs = method.networks["legs"](points[:, LEGS].reshape(-1, 12))
        torso = method.networks["torso"](points[:, TORSO].reshape(-1, 20))
        root = np.zeros([len(points), 1])
        return np.concatenate([root, np.tanh(legs), np.tanh(torso)], axis=1)

    points = normalized(batch)
    x, y = points[..., 0], points[..., 1]
    z = lift(points)
    azimuth = method.uniform(batch, "azimuth", minval=-math.pi, maxval=math.pi)
    bound = math.pi / 18
    elevation = method.uniform(batch, "elevation", minval=-bound, maxval=bound)
    again = []
    for pose, a, e in zip(
        np.stack([x, y, z], -1), azimuth.numpy(), elevation.numpy(), strict=True
    ):
        about_y = [
            [np.cos(a), 0, np.sin(a)],
            [0, 1, 0],
            [-np.sin(a), 0, np.cos(a)],
        ]
        about_x = [
            [1, 0, 0],
            [0, np.cos(e), -np.sin(e)],
            [0, np.sin(e), np.cos(e)],
        ]
        rotation = np.array(about_x) @ np.array(about_y)
        view = (pose @ rotation.T)[:, :2]
        lifted = np.c_[view, lift(view[None].astype(np.float32))[0]]
        again.append((lifted @ rotation)[:, :2])
    reprojection = ((points - np.array(again)) ** 2).sum(-1)
    turns = [
        lift(np.stack([z, y], -1).astype(np.float32)) + x,
        lift(np.stack([-z, y], -1).astype(np.float32)) - x,
        lift(np.stack([-x, y], -1).astype(np.float32)) + z,
    ]
    quarter_turn = sum(turn**2 for turn in turns)
    step = 1e-2
    slope = (
        lift(np.stack([x + step * z, y], -1).astype(np.float32))
        - lift(np.stack([x - step * z, y], -1).astype(np.float32))
    ) / (2 * step)
    continuous = (x + slope) ** 2
    for part, joints in {"legs": LEGS, "torso": TORSO}.items():
        for term, value in {
            "reprojection": reprojection,
            "quarter_turn": quarter_turn,
            "continuous": continuous,
        }.items():
            assert logs[f"{part}_{term}"] == pytest.approx(
                value[:, joints].mean(), rel=1e-3
            ), (part, term)
    # Eq. 7 and 8.
    for part, weight in {"legs": 0.05, "torso": 0.08}.items():
        assert logs[f"{part}_loss"] == pytest.approx(
            weight * logs["adversarial"]
            + 10 * logs[f"{part}_reprojection"]
            + 3 * logs[f"{part}_quarter_turn"]
            + 2 * logs[f"{part}_continuous"],
            rel=1e-4,
        )


def test_a_part_s_consistency_moves_only_its_own_generator():
    # Without the adversary the legs learn nothing from the torso.
    method = make(legs_adversarial_weight=0.0, torso_adversarial_weight=0.0)
    batch = make_batch()
    before = method.gradients(batch).gradients
    for variable in method.networks["torso"].trainable_variables:
        variable.assign(variable * 1.5)
    after = method.gradients(batch).gradients
    for a, b in zip(before["legs"], after["legs"], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert not np.allclose(before["torso"][0], after["torso"][0])


def test_terms_with_weight_0_are_left_out():
    # Table 6: Drover's losses alone.
    method = make(stage="solo", reprojection_weight=0, quarter_turn_weight=0)
    logs = method.gradients(make_batch()).logs
    assert float(logs["lifter_loss"]) == pytest.approx(
        0.08 * float(logs["adversarial"])
    )
    assert set(logs) == set(method.logged)
    assert not any("reprojection" in name for name in logs)


def test_labels_flip_at_their_rate():
    method = make(label_flip=1.0)
    flipped = method.gradients(make_batch()).logs
    straight = make(label_flip=0.0).gradients(make_batch()).logs
    assert float(flipped["discriminator_accuracy"]) == pytest.approx(
        float(straight["discriminator_accuracy"])
    )
    # softplus(x) - softplus(-x) = x: what the flip adds.
    assert float(flipped["discrimination"]) != pytest.approx(
        float(straight["discrimination"])
    )
    many = {
        schema.STEP: tf.constant(0, tf.int64),
        schema.INDEX: tf.range(20_000, dtype=tf.int64),
    }
    share = np.mean(method.uniform(many, "flip").numpy() < 0.05)
    assert share == pytest.approx(0.05, abs=0.005)


def test_facing_rule_is_an_option():
    off = make().gradients(make_batch()).logs
    on = make(facing_weight=2.0).gradients(make_batch()).logs
    assert float(on["facing"]) == pytest.approx(float(off["facing"]))
    for part in ("legs_loss", "torso_loss"):
        assert float(on[part]) == pytest.approx(
            float(off[part]) + 2 * float(off["facing"]), rel=1e-5
        )
    with pytest.raises(ValueError, match="facing_weight=0"):
        make(skeleton=skeletons.load("human36m_16"), facing_weight=1.0)


def test_distillation_by_hand():
    # Eq. 6: the student learns the depths of both generators.
    teacher = make()
    student = make(teacher, stage="distill")
    assert student.served == ("lifter",)
    assert set(student.networks) == {"lifter"}
    batch = make_batch()
    update = student.gradients(batch)
    assert set(update.logs) == set(student.logged)
    taught = teacher(batch)[schema.JOINTS_3D][..., 2].numpy()
    # Batch norm: the student's lifts are those of training.
    points = normalized(batch)[:, 1:].reshape(-1, 32)
    depth = np.tanh(student.lifter(points, training=True))
    expected = np.mean((depth - taught[:, 1:]) ** 2)
    assert float(update.logs["distillation"]) == pytest.approx(
        expected, rel=1e-4
    )
    assert set(update.gradients) == {"lifter"}


def test_what_does_not_fit_is_refused():
    batch = make_batch()
    assert tipsy_gan2022.needs_teacher(
        dataclasses.replace(SMALL, stage="distill")
    )
    assert not tipsy_gan2022.needs_teacher(SMALL)
    with pytest.raises(ValueError, match="--teacher=WORKDIR"):
        make(stage="distill").gradients(batch)
    other = make(skeleton=skeletons.load("deepmimic_16"))
    with pytest.raises(
        ValueError, match="in the student's skeleton.*deepmimic"
    ):
        make(other, stage="distill")
    kudo = kudo2018.Method(SKELETON, kudo2018.Config(width=8))
    with pytest.raises(ValueError, match="run of `tipsy_gan2022`.*kudo2018"):
        make(kudo, stage="distill")
    with pytest.raises(ValueError, match="--config=norm=layer"):
        make(continuous_weight=1.0)
    with pytest.raises(ValueError, match="`label_flip` must be .* at most 1"):
        make(label_flip=2.0)
    hand = skeletons.from_dict(
        {"name": "hand", "joints": {"wrist": None, "a": "wrist", "b": "wrist"}}
    )
    with pytest.raises(ValueError, match="stage=solo"):
        make(skeleton=hand)
    assert make(skeleton=hand, stage="solo").networks["lifter"].last.units == 2


def test_a_virtual_root_leaves_out_no_joint():
    skeleton = skeletons.load("coco_17")
    method = make(skeleton=skeleton)
    outputs = {k: n.last.units for k, n in method.networks.items()}
    assert outputs["legs"] + outputs["torso"] == 17
    batch = make_batch(4, skeleton)
    joints = method(batch)[schema.JOINTS_3D].numpy()
    root = joints[:, list(skeleton.root)].mean(axis=1)
    np.testing.assert_allclose(root, 0.0, atol=1e-6)
    assert np.isfinite(float(method.gradients(batch).logs["legs_loss"]))


def test_served_statistics_are_those_of_observed_poses():
    # Weights stand still: only batch norm's statistics move.
    tf.config.run_functions_eagerly(False)  # a hundred steps
    method = make(learning_rate=0.0)
    batch = make_batch()
    for _ in range(100):
        method.apply_state(method.gradients(batch).state)
    np.testing.assert_allclose(
        method.call(batch, training=False)[schema.JOINTS_3D],
        method.call(batch, training=True)[schema.JOINTS_3D],
        atol=0.01,
    )


def test_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        method = make(norm="layer", continuous_weight=1.0)
        update = method.gradients(make_batch())
    finally:
        keras.config.set_dtype_policy("float32")
    assert method(make_batch())[schema.JOINTS_3D].dtype == tf.float32
    for gradients in update.gradients.values():
        assert all(np.isfinite(gradient).all() for gradient in gradients)


def test_compiles():
    # Eq. 15 differentiates its lift three times.
    tf.config.run_functions_eagerly(False)
    config = dataclasses.replace(SMALL, norm="layer", continuous_weight=1.0)
    compiled = tipsy_gan2022.Method(SKELETON, config, seed=3)
    logs = compiled.gradients(make_batch()).logs
    plain = make(norm="layer", continuous_weight=1.0)
    for name, value in plain.gradients(make_batch()).logs.items():
        np.testing.assert_allclose(logs[name], value, rtol=1e-3, err_msg=name)


def overfit(steps, teacher=None, **fields):
    """Trains on 64 poses; returns the method, first and last logs, PA error."""
    tf.config.run_functions_eagerly(False)
    table = synthetic.table(SKELETON, clips=4, frames=16, views=1, seed=2)
    config = tipsy_gan2022.Config(
        width=128, batch_size=64, average_decay=0.99, **fields
    )
    method = tipsy_gan2022.Method(SKELETON, config, teacher=teacher, seed=0)
    sampler = sampling.Sampler(
        table, tipsy_gan2022.batch_spec(config), batch_size=64, seed=0
    )
    training_loop = loop.Loop(method, sampler)
    (first, _), (last, _) = (
        training_loop.run(
            tf.constant(start, tf.int64), tf.constant(count, tf.int64)
        )
        for start, count in ((0, 20), (20, steps - 20))
    )
    method.use_averages()
    error = scores.score(prediction.predict(method, table), table).overall
    flat = prediction.predict(prediction.DepthZero(SKELETON), table)
    floor = scores.score(flat, table).overall
    return method, first, last, error, floor


@pytest.mark.slow
def test_overfits_64_poses():
    # A discriminator knows 64 poses by heart, so that they say little about
    # other views of them: what must fall is the consistency.
    for fields in ({"stage": "solo"}, {"stage": "split"}):
        teacher, first, last, taught_error, _ = overfit(600, **fields)
        for name in first:
            if "reprojection" in name or "quarter_turn" in name:
                assert float(last[name]) < 0.5 * float(first[name]), name
    _, first, last, error, _ = overfit(600, teacher=teacher, stage="distill")
    assert float(last["distillation"]) < 0.1 * float(first["distillation"])
    assert error["pa_mpjpe"] == pytest.approx(
        taught_error["pa_mpjpe"], rel=0.15
    )


@pytest.mark.slow
def test_overfits_64_poses_whose_3d_is_known():
    _, first, last, error, floor = overfit(
        600, labelled_share=1.0, labelled_weight=100.0
    )
    assert float(last["labelled"]) < 0.5 * float(first["labelled"])
    assert error["pa_mpjpe"] < 0.7 * floor["pa_mpjpe"]
