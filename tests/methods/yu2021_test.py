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
from tf_poselift.losses import yu_turns
from tf_poselift.methods import yu2021

pytestmark = pytest.mark.usefixtures("eagerly")
SMALL = yu2021.Config(width=8, batch_size=16, dropout=0.0)
ROWS = {  # Tables 3 and 4, Figure 6
    "three losses": {"scale": "none", "motion_weight": 0.0},
    "+ motion": {"scale": "none"},
    "+ kl": {"bone_weight": 0.0},
    "reference": {"scale": "reference"},
    "none": {"normalization": "none", "scale": "none"},
    "none, on 2D": {"normalization": "none"},
    "step-wise": {"normalization": "step_wise", "scale": "none"},
    "on 3D": {"scale": "on_3d"},
    "together": {"lifter_steps": 0},
    "prior of 3D": {"prior": "joints_3d"},
    "without discriminator": {"adversarial_weight": 0.0},
    "facing": {"facing_weight": 1.0},
}


def make_table(skeleton="human36m_17", **kwargs):
    kwargs = {"clips": 2, "frames": 16, "views": 2, "seed": 1} | kwargs
    return synthetic.table(skeletons.load(skeleton), **kwargs)


def make(table, **fields):
    config = dataclasses.replace(SMALL, **fields)
    method = yu2021.Method(
        table.skeleton,
        config,
        statistics=yu2021.statistics(table, config),
        jit_compile=False,
    )
    sampler = sampling.Sampler(
        table,
        yu2021.batch_spec(config),
        batch_size=config.batch_size,
        seed=0,
    )
    return method, sampler


def inputs_of(table):
    keys = schema.KEYPOINTS_2D, schema.SCORES
    keys += (schema.JOINTS_3D, schema.JOINTS_3D_VALID)
    return {key: tf.constant(getattr(table, key)[:, 0]) for key in keys}


def set_output(network, value: float):
    """Makes a network answer `value` whatever it sees."""
    weights = network.last.get_weights()
    network.last.set_weights([np.zeros_like(w) for w in weights])
    network.last.bias.assign(np.full_like(weights[1], value))


@pytest.mark.parametrize("row", ROWS)
def test_every_row_of_the_tables_trains(row):
    method, sampler = make(make_table(), **ROWS[row])
    every_turn = {}
    update = method.traceable_gradients(sampler.draw(0), every_turn)
    assert set(update.logs) == set(method.log_names())
    for name, gradients in update.gradients.items():
        assert any(np.abs(g).max() > 0 for g in gradients), name
        assert all(np.isfinite(g).all() for g in gradients)
    # The sum of Eq. 10 and that of Eq. 6.
    weights = yu_turns.weights(method.config)
    for network, terms in weights.items():
        expected = sum(w * float(update.logs[t]) for t, w in terms.items())
        total = float(update.logs[f"{network}_loss"])
        assert total == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("step", [3, 4])  # four of the lifter, then S
def test_out_of_its_turn_a_gradient_is_zero(step):
    method, sampler = make(make_table())
    batch = sampler.draw(0) | {schema.STEP: tf.constant(step, tf.int64)}
    tf.config.run_functions_eagerly(False)
    gradients = tf.function(method.traceable_gradients, jit_compile=True)
    update, expected = gradients(batch), gradients(batch, turns={})
    at_rest = {3: {"scale"}, 4: {"lifter", "discriminator"}}[step]
    for name, got in update.gradients.items():
        # That of a bias before batch norm is 0, but for rounding.
        scale = max(np.abs(want).max() for want in expected.gradients[name])
        for each, want in zip(got, expected.gradients[name], strict=True):
            want = np.zeros_like(want) if name in at_rest else want
            np.testing.assert_allclose(each, want, rtol=0, atol=1e-5 * scale)
    for values in ("logs", "state"):  # whoever's turn it is
        for got, want in zip(
            tf.nest.flatten(getattr(update, values)),
            tf.nest.flatten(getattr(expected, values)),
            strict=True,
        ):
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def test_what_is_switched_off_is_not_drawn():
    def frames(**fields):
        config = dataclasses.replace(SMALL, **fields)
        return yu2021.batch_spec(config).frames

    assert frames() == (0, 5, (1, 10))
    assert frames(motion_weight=0.0) == (0, (1, 10))
    assert frames(scale="none") == (0, 5)
    assert frames(scale="none", motion_weight=0.0) == (0,)
    assert frames(motion_frames=3, bone_frames=7) == (0, 3, (1, 7))


def test_only_the_reference_row_reads_3d():
    for row, fields in ROWS.items():
        spec = yu2021.batch_spec(dataclasses.replace(SMALL, **fields))
        assert spec.joints_3d == (row == "reference")
    # Neither statistics nor a step need 3D or cameras.
    table = make_table(joints_3d=False, cameras=False)
    method, sampler = make(table)
    method.train_step(sampler.draw(0))
    assert method.prior_card == []


def test_prior_card():
    table = make_table()
    for fields, words in (
        ({"prior": "fixed"}, "0.710, 0.060.*Human3.6M"),
        ({"prior": "joints_3d"}, "from the 3D of the training split"),
        ({"scale": "reference"}, "every pose from its 3D truth"),
    ):
        (line,) = make(table, **fields)[0].prior_card
        assert tf.strings.regex_full_match(line, f".*{words}.*")
    for fields in (
        {"scale": "none", "prior": "joints_3d"},
        {"kl_weight": 0.0, "prior": "fixed"},
    ):
        assert make(table, **fields)[0].prior_card == []


def test_statistics():
    table = make_table()
    values = yu2021.statistics(table, SMALL)
    head, root = table.skeleton.head, table.skeleton.root[0]
    length = table.keypoints_2d[:, :, head] - table.keypoints_2d[:, :, root]
    length = np.linalg.norm(length, axis=-1)
    assert values["unit"] == pytest.approx(10.0 * length.mean(), rel=1e-5)
    # 2 clips of 16 - 5 first frames in 2 views, 16 at a time.
    assert values["steps_per_epoch"] == 3
    # The 2D-only prior is near that of the truth.
    truth = yu2021.statistics(
        table, dataclasses.replace(SMALL, prior="joints_3d")
    )
    np.testing.assert_allclose(values["prior"][0], truth["prior"][0], atol=0.1)
    none = dataclasses.replace(SMALL, normalization="none")
    size = table.image_size.mean() / 2.0
    assert yu2021.statistics(table, none)["unit"] == pytest.approx(size)


def test_scale_multiplies_the_2d_before_the_lift():
    # Depths of 0 and S = 2: the pose is D S (x, y, 1), twice that of S = 1.
    table = make_table()
    method, _ = make(table)
    set_output(method.lifter, 0.0)
    outputs = {}
    for factor in (1.0, 2.0):
        set_output(method.networks["scale"], np.log(factor))
        outputs[factor] = method(inputs_of(table))
        np.testing.assert_allclose(outputs[factor]["scale"], factor, rtol=1e-5)
    joints = outputs[1.0][schema.JOINTS_3D].numpy()
    np.testing.assert_allclose(
        outputs[2.0][schema.JOINTS_3D], 2.0 * joints, rtol=1e-4, atol=1e-5
    )
    head = joints[:, table.skeleton.head]
    assert np.linalg.norm(head, axis=-1).mean() == pytest.approx(1.0, abs=0.1)


def test_scale_on_3d_multiplies_what_is_lifted():
    table = make_table()
    method, _ = make(table, scale="on_3d")
    set_output(method.networks["scale"], np.log(3.0))
    three = method(inputs_of(table))[schema.JOINTS_3D]
    set_output(method.networks["scale"], 0.0)
    one = method(inputs_of(table))[schema.JOINTS_3D]
    np.testing.assert_allclose(three, 3.0 * one, rtol=1e-4, atol=1e-4)


def test_reference_scale_is_the_input_where_there_is_truth():
    table = make_table()
    method, _ = make(table, scale="reference")
    inputs = inputs_of(table)
    outputs = method(inputs)
    np.testing.assert_allclose(
        outputs["scale"], method.reference_scale(inputs), rtol=1e-5
    )
    # A served pose comes without.
    del inputs[schema.JOINTS_3D]
    np.testing.assert_allclose(method(inputs)["scale"], 1.0, rtol=1e-6)


def test_the_true_pose_has_no_consistency_loss():
    # A lifter of zeros lifts a flat pose to itself, and without a view change
    # nothing is lost: no azimuth is drawn by making every example the root.
    table = make_table()
    method, sampler = make(table)
    set_output(method.lifter, 0.0)
    batch = sampler.draw(0)
    keypoints = batch[schema.KEYPOINTS_2D]
    at_root = tf.broadcast_to(keypoints[..., :1, :], keypoints.shape)
    logs = method.gradients(batch | {schema.KEYPOINTS_2D: at_root}).logs
    for term in ("reprojection", "consistency", "motion", "bone"):
        assert float(logs[term]) == pytest.approx(0.0, abs=1e-4)


def test_no_motion_is_no_motion_loss():
    # Both frames the same: whatever the lifter says cancels.
    table = make_table()
    method, sampler = make(table)
    batch = sampler.draw(0)
    still = tf.broadcast_to(
        batch[schema.KEYPOINTS_2D][:, :1], batch[schema.KEYPOINTS_2D].shape
    )
    logs = method.gradients(batch | {schema.KEYPOINTS_2D: still}).logs
    for term in ("motion", "bone"):
        assert float(logs[term]) == pytest.approx(0.0, abs=1e-4)
    assert float(logs["consistency"]) > 0.1


def test_each_module_moves_in_its_own_turn():
    method, sampler = make(make_table(), lifter_steps=2)
    moved = []
    for step in range(6):
        before = {n: w.get_weights() for n, w in method.networks.items()}
        method.train_step(sampler.draw(tf.constant(step, tf.int64)))
        moved.append(
            {
                name
                for name, network in method.networks.items()
                if not np.array_equal(
                    network.trainable_variables[0], before[name][0]
                )
            }
        )
    lifting, scaling = {"lifter", "discriminator"}, {"scale"}
    assert moved == [lifting, lifting, scaling] * 2
    assert int(method.optimizers["scale"].iterations) == 2


def test_learning_rate_falls_by_epochs_of_the_data():
    table = make_table()
    method, _ = make(table, batch_size=4)  # 44 examples: 11 steps
    rates = {}
    for name, updates in (("lifter", 9), ("scale", 2)):
        optimizer = method.optimizers[name]
        assert float(optimizer.learning_rate) == pytest.approx(2e-4)
        optimizer.iterations.assign(updates)
        rates[name] = float(optimizer.learning_rate)
    # Of 11 steps about 9 train the lifter and 2 the scale module.
    assert rates["lifter"] == pytest.approx(2e-4 * 0.95)
    assert rates["scale"] == pytest.approx(2e-4 * 0.95)


@pytest.mark.parametrize("skeleton", skeletons.names())
def test_any_skeleton_with_a_head(skeleton):
    method, sampler = make(make_table(skeleton))
    logs = method.train_step(sampler.draw(0))
    assert all(np.isfinite(value) for value in logs.values())


def test_missing_joints_and_bad_rows_spoil_nothing():
    method, sampler = make(make_table())
    batch = sampler.draw(0)
    keypoints = batch[schema.KEYPOINTS_2D].numpy()
    seen = batch[schema.SCORES].numpy()
    keypoints[0, 1, 3] = np.nan  # the second frame
    keypoints[1, 0, 5], seen[1, 0, 5] = np.nan, 0.0
    keypoints[2, 0, 5] = 1e30
    batch |= {schema.KEYPOINTS_2D: keypoints, schema.SCORES: seen}
    update = method.gradients({k: tf.constant(v) for k, v in batch.items()})
    assert float(update.logs["valid"]) == pytest.approx(14 / 16)
    for gradients in update.gradients.values():
        assert all(np.isfinite(g).all() for g in gradients)


def test_refusals():
    table = make_table(frames=4)
    with pytest.raises(
        ValueError, match=r"long enough for the frame offsets \(0, 5, \(1, 10\)"
    ):
        make(table)
    table = make_table(joints_3d=False)
    with pytest.raises(ValueError, match="prior=joints_3d.*without"):
        yu2021.statistics(table, dataclasses.replace(SMALL, prior="joints_3d"))
    with pytest.raises(ValueError, match="needs `joints_3d`"):
        make(table, scale="reference")
    with pytest.raises(ValueError, match="needs `statistics`"):
        yu2021.Method(table.skeleton, SMALL)
    headless = dataclasses.replace(table.skeleton, head=None)
    with pytest.raises(ValueError, match="needs a skeleton with a `head`"):
        yu2021.statistics(dataclasses.replace(table, skeleton=headless), SMALL)
    faceless = make_table("human36m_16")
    with pytest.raises(ValueError, match="facing_weight=0"):
        make(faceless, facing_weight=1.0)


@pytest.mark.parametrize(
    ("field", "value", "bounds"),
    [
        ("lifter_steps", -1, "at least 0"),
        ("motion_frames", -5, "at least 1"),
        ("bone_frames", 0, "at least 1"),
        ("prior_deviation", 0.0, "above 0"),
        ("distance", 0.0, "above 0"),
    ],
)
def test_numbers_out_of_range_are_refused(field, value, bounds):
    with pytest.raises(
        ValueError, match=f"`{field}` must be {bounds}. Received: {value}"
    ):
        yu2021.Config(**{field: value})


@pytest.mark.slow
def test_learns_64_poses_by_heart():
    """Lifting again agrees; with its 3D a pose is told apart from flat.

    64 poses are too few for a discriminator to judge depths by.
    """
    tf.config.run_functions_eagerly(False)
    table = make_table(clips=2, frames=16, views=2, seed=3)
    config = dataclasses.replace(
        SMALL,
        width=128,
        batch_size=64,
        facing_weight=1.0,
        learning_rate=1e-3,
        labelled_share=1.0,
        labelled_weight=100.0,
    )
    method = yu2021.Method(
        table.skeleton, config, statistics=yu2021.statistics(table, config)
    )
    sampler = sampling.Sampler(
        table, yu2021.batch_spec(config), batch_size=64, seed=0
    )
    logs = [method.train_step(sampler.draw(step)) for step in range(600)]
    first, last = (
        np.mean([float(log["consistency"]) for log in part])
        for part in (logs[:10], logs[-10:])
    )
    assert last < first / 2
    lifted = scores.score(prediction.predict(method, table), table).overall
    flat = prediction.predict(prediction.DepthZero(table.skeleton), table)
    floor = scores.score(flat, table).overall
    assert lifted["pa_mpjpe"] < 0.7 * floor["pa_mpjpe"]
