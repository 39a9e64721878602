import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tf_poselift import schema
from tf_poselift import skeletons
from tf_poselift.data import sampling
from tf_poselift.data import synthetic

SKELETON = skeletons.load("human36m_17")
SINGLE = schema.BatchSpec()
EVERYTHING = schema.BatchSpec(
    frames=(0, 2, (0, 3)),
    views=2,
    cameras=True,
    joints_3d=True,
    unpaired=True,
)


@pytest.fixture(scope="module")
def table():
    """2 clips of 7 and 11 frames in 3 views; scores tell the joints apart."""
    table = synthetic.table(SKELETON, clips=2, frames=9, views=3)
    scores = np.random.default_rng(0).uniform(size=table.scores.shape)
    return dataclasses.replace(
        table,
        scores=scores.astype(np.float32),
        clip_start=np.array([0, 7, 18]),
    )


def make(table, spec=SINGLE, batch_size=6, seed=1, **options):
    return sampling.Sampler(
        table, spec, batch_size=batch_size, seed=seed, **options
    )


def epoch(sampler, number=0):
    """[n] indices of one epoch."""
    steps = sampler.num_examples // sampler.batch_size
    steps = range(number * steps, (number + 1) * steps)
    return np.concatenate([sampler.draw(step)["index"] for step in steps])


def test_a_batch_of_single_views(table):
    batch = make(table).draw(3)
    assert set(batch) == {"keypoints_2d", "scores", "index", "step"}
    index = batch["index"].numpy()
    assert index.dtype == np.int64
    np.testing.assert_array_equal(
        batch["keypoints_2d"], table.keypoints_2d[index // 3, index % 3]
    )
    np.testing.assert_array_equal(
        batch["scores"], table.scores[index // 3, index % 3]
    )
    assert (batch["step"].dtype, batch["step"].shape) == (tf.int64, ())
    assert batch["step"] == 3


def test_a_batch_of_everything(table):
    derived = {"row": np.arange(18) * 10}
    batch = make(table, EVERYTHING, derived=derived).draw(0)
    row = batch["index"].numpy()
    rows = batch["row"].numpy() // 10
    assert rows.shape == (6, 3)
    np.testing.assert_array_equal(rows[:, 0], row)
    np.testing.assert_array_equal(rows[:, 1], row + 2)
    for key in ("keypoints_2d", "scores", "joints_3d", "joints_3d_valid"):
        np.testing.assert_array_equal(
            batch[key], getattr(table, key)[rows][:, :, :2], key
        )
    clip = table.clip_of_row[row]
    for key, value in table.cameras.items():
        np.testing.assert_array_equal(batch[key], value[clip][:, :2], key)
    assert batch["unpaired_keypoints_2d"].shape == (6, 17, 2)
    assert batch["unpaired_scores"].shape == (6, 17)


@pytest.mark.parametrize(
    "views, frames, shape",
    [
        (1, (0,), (6, 17, 2)),
        (1, (0, 1), (6, 2, 17, 2)),
        (2, (0,), (6, 2, 17, 2)),
        (None, (0, 1), (6, 2, 3, 17, 2)),
    ],
)
def test_axes(table, views, frames, shape):
    spec = schema.BatchSpec(frames=frames, views=views, cameras=True)
    batch = make(table, spec).draw(0)
    assert batch["keypoints_2d"].shape == shape
    assert batch["scores"].shape == shape[:-1]
    view_axis = {1: (), 2: (2,), None: (3,)}[views]
    assert batch["distortion"].shape == (6, *view_axis, 5)


def test_an_epoch_takes_every_example_once(table):
    sampler = make(table)
    assert sampler.num_examples == 18 * 3
    first, second = epoch(sampler, 0), epoch(sampler, 1)
    np.testing.assert_array_equal(np.sort(first), np.arange(54))
    np.testing.assert_array_equal(np.sort(second), np.arange(54))
    assert (first != second).any()
    assert (first != epoch(make(table, seed=2))).any()


def test_a_batch_may_be_larger_than_the_table(table):
    index = make(table, batch_size=2 * 54 + 1).draw(0)["index"].numpy()
    np.testing.assert_array_equal(np.bincount(index).min(), 2)


def test_offsets_stay_inside_their_clip(table):
    spec = schema.BatchSpec(frames=(-1, 0, 2, (1, 4)), views=None)
    sampler = make(table, spec, batch_size=12, derived={"row": np.arange(18)})
    # 7 and 11 frames, less one before and two after.
    assert sampler.num_examples == 4 + 8
    rows = np.concatenate([sampler.draw(step)["row"] for step in range(60)])
    assert (table.clip_of_row[rows] == table.clip_of_row[rows[:, :1]]).all()
    np.testing.assert_array_equal(rows[:, 0], rows[:, 1] - 1)
    np.testing.assert_array_equal(rows[:, 2], rows[:, 1] + 2)
    # The second clip ends with row 17.
    jumps = rows[:, 3] - rows[:, 1]
    assert set(jumps[rows[:, 1] == 15]) == {1, 2}
    roomy = jumps[(rows[:, 1] >= 8) & (rows[:, 1] <= 13)]
    shares = np.bincount(roomy, minlength=5) / len(roomy)
    tolerance = 5 * (0.25 * 0.75 / len(roomy)) ** 0.5
    np.testing.assert_allclose(
        shares, [0, 0.25, 0.25, 0.25, 0.25], atol=tolerance
    )


def test_unpaired_is_another_draw_of_all_frames_and_views(table):
    spec = schema.BatchSpec(unpaired=True, frames=(0, 6))
    sampler = make(table, spec, batch_size=54)
    batch = sampler.draw(0)
    scores = batch["unpaired_scores"].numpy()
    everything = table.scores.reshape(54, 17)
    np.testing.assert_array_equal(
        np.sort(scores, axis=0), np.sort(everything, axis=0)
    )
    for frame in range(2):
        paired = batch["scores"].numpy()[:, frame]
        assert (paired == scores).all(axis=1).mean() < 0.2


def test_replicas_share_the_global_batch(table):
    sampler = make(table, EVERYTHING)
    whole = sampler.draw(5)
    parts = [sampler.draw(5, replica, 3) for replica in range(3)]
    for key in set(whole) - {"step"}:
        joined = np.concatenate([part[key] for part in parts])
        np.testing.assert_array_equal(joined, whole[key], key)


def test_draws_in_a_loop_under_a_strategy(table):
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        sampler = make(table)

    def share(step):
        context = tf.distribute.get_replica_context()
        return sampler.draw(
            step,
            context.replica_id_in_sync_group,
            context.num_replicas_in_sync,
        )["keypoints_2d"]

    @tf.function
    def steps(count):
        batches = tf.TensorArray(tf.float32, count)
        for step in tf.range(count):
            replicas = strategy.run(share, args=(step,))
            batch = strategy.experimental_local_results(replicas)
            batches = batches.write(step, tf.concat(batch, axis=0))
        return batches.stack()

    expected = [sampler.draw(step)["keypoints_2d"] for step in range(3)]
    np.testing.assert_array_equal(steps(3), expected)


def test_graph_and_dataset_draw_the_same(table):
    sampler = make(table, SINGLE, flip=True)
    graph = tf.function(sampler.draw)
    dataset = sampling.dataset(
        table, SINGLE, batch_size=6, seed=1, flip=True, first_step=4
    )
    for step, batch in zip((4, 5), dataset.as_numpy_iterator(), strict=False):
        eager = sampler.draw(step)
        traced = graph(tf.constant(step, tf.int64))
        for key, value in eager.items():
            np.testing.assert_array_equal(batch[key], value, key)
            np.testing.assert_array_equal(traced[key], value, key)


def test_flip_mirrors_half_of_the_examples(table):
    sampler = make(table, SINGLE, batch_size=54, flip=True)
    plain = make(table, SINGLE, batch_size=54)
    mirrored = []
    for step in range(10):
        batch, original = sampler.draw(step), plain.draw(step)
        np.testing.assert_array_equal(batch["index"], original["index"])
        scores, before = batch["scores"].numpy(), original["scores"].numpy()
        flipped = before[:, list(SKELETON.flip)]
        is_flipped = (scores == flipped).all(axis=1)
        assert (is_flipped | (scores == before).all(axis=1)).all()
        mirrored.append(is_flipped)
    assert abs(np.mean(mirrored) - 0.5) < 5 * 0.5 / 540**0.5
    assert (mirrored[0] != mirrored[1]).any()


def test_flip_of_unpaired_examples_is_a_draw_of_its_own(table):
    spec = schema.BatchSpec(unpaired=True)
    batch = make(table, spec, batch_size=54, flip=True).draw(0)
    plain = make(table, spec, batch_size=54).draw(0)
    changed = {
        key: (batch[key] != plain[key]).numpy().any(axis=1)
        for key in ("scores", "unpaired_scores")
    }
    for value in changed.values():
        assert 0.2 < value.mean() < 0.8
    assert (changed["scores"] != changed["unpaired_scores"]).any()


@pytest.mark.parametrize(
    "spec, options, message",
    [
        (
            schema.BatchSpec(frames=(0, 11)),
            {},
            r"offsets \(0, 11\). Received: 2 clips of 7 to 11 frames",
        ),
        (schema.BatchSpec(views=4), {}, "`views` must be 1 to 3.*Received: 4"),
        (
            schema.BatchSpec(frames=((3, 1),)),
            {},
            r"0 <= low <= high. Received: \(3, 1\)",
        ),
        (SINGLE, {"batch_size": 0}, "`batch_size` must be > 0. Received: 0"),
        (
            schema.BatchSpec(cameras=True),
            {"flip": True},
            "`flip` must be off for a method that reads cameras",
        ),
        (
            SINGLE,
            {"flip": True, "derived": {"pose": np.zeros((18, 3))}},
            r"`flip` must be off for a method with derived arrays \(pose\)",
        ),
        (
            SINGLE,
            {"derived": {"pose": np.zeros((17, 3))}},
            "`derived` array `pose` must have 18 rows. Received: 17",
        ),
    ],
)
def test_refusals(table, spec, options, message):
    with pytest.raises(ValueError, match=message):
        make(table, spec, **options)


@pytest.mark.parametrize("name", ["joints_3d", "cameras"])
def test_what_the_table_lacks_is_refused(table, name):
    poor = dataclasses.replace(table, **{name: None})
    spec = schema.BatchSpec(**{name: True})
    with pytest.raises(
        ValueError, match=f"needs `{name}`. Received: synthetic:0.0.0, without"
    ):
        make(poor, spec)


def test_a_batch_that_does_not_divide_is_refused(table):
    with pytest.raises(
        ValueError, match="multiple of the 4 replicas. Received: 6"
    ):
        make(table).draw(0, 0, 4)


def test_labelled_poses_come_from_a_fixed_share_with_their_own_truth():
    table = synthetic.table(
        skeletons.load("human36m_17"), clips=2, frames=10, views=2, seed=3
    )
    spec = schema.BatchSpec(labelled_share=0.1)  # 4 of 40 poses
    sampler = sampling.Sampler(table, spec, batch_size=16, seed=1)
    flat = table.keypoints_2d.reshape(-1, 17, 2)
    truth = table.joints_3d.reshape(-1, 17, 3)
    drawn = set()
    for step in range(3):
        batch = sampler.draw(step)
        for keypoints, joints in zip(
            batch["labelled_keypoints_2d"].numpy(),
            batch["labelled_joints_3d"].numpy(),
            strict=True,
        ):
            at = int(np.flatnonzero((flat == keypoints).all(axis=(1, 2)))[0])
            np.testing.assert_array_equal(joints, truth[at])
            drawn.add(at)
        assert "joints_3d" not in batch
    assert len(drawn) == 4
    other = sampling.Sampler(table, spec, batch_size=16, seed=2)
    theirs = other.draw(0)["labelled_keypoints_2d"].numpy()
    found = {
        int(np.flatnonzero((flat == k).all(axis=(1, 2)))[0]) for k in theirs
    }
    assert found != drawn


def test_labelled_share_needs_3d_and_lies_between_0_and_1():
    table = synthetic.table(
        skeletons.load("human36m_17"), clips=1, frames=5, views=1, seed=3
    )
    with pytest.raises(ValueError, match=r"`labelled_share` must lie in"):
        sampling.Sampler(
            table, schema.BatchSpec(labelled_share=1.5), batch_size=2, seed=0
        )
    flat = dataclasses.replace(table, joints_3d=None, joints_3d_valid=None)
    with pytest.raises(ValueError, match="The method needs `joints_3d`"):
        sampling.Sampler(
            flat, schema.BatchSpec(labelled_share=0.5), batch_size=2, seed=0
        )
