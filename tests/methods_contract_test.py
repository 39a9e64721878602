"""What every method must do; a new file in `methods/` is found by itself."""

import dataclasses
import functools
import gc

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_poselift import config as config_lib
from tf_poselift import methods
from tf_poselift import schema
from tf_poselift import skeletons
from tf_poselift.data import sampling
from tf_poselift.data import synthetic
from tf_poselift.export import saved_model
from tf_poselift.networks import completion
from tf_poselift.training import checkpoints
from tf_poselift.training import loop
from tf_poselift.training import strategies

BATCH = 16
# Of the depths that methods have: fewer operations to trace and compile.
SHALLOW = {"blocks": 1, "lifter_blocks": 1, "discriminator_blocks": 1}
every_method = pytest.mark.parametrize("name", methods.names())
slow = pytest.mark.slow
one_now_others_slow = pytest.mark.parametrize(
    "name",
    [
        name if name == "kudo2018" else pytest.param(name, marks=slow)
        for name in methods.names()
    ],
)
eagerly = pytest.mark.usefixtures("eagerly")


@pytest.fixture(autouse=True)
def release_memory_of_each_test():
    yield
    keras.utils.clear_session()
    gc.collect()


@functools.cache
def table_for(skeleton_name: str = "human36m_17"):
    """For all tests; they leave it as it is."""
    return synthetic.table(
        skeletons.load(skeleton_name), clips=3, frames=20, views=4, seed=1
    )


def make(name: str, table=None, strategy=None, overrides=(), jit_compile=False):
    """A small method of its own settings and a sampler of its batches.

    Tracing and compiling take most of a test's time: few of them do.
    """
    table = table or table_for()
    module = methods.load(name)
    shallow = [
        f"{field}={value}"
        for field, value in SHALLOW.items()
        if field in methods.defaults(name)
    ]
    config = config_lib.override(
        module.Config(),
        [
            *shallow,
            *("width=32", "average_decay=0.9", "joint_drop=0.2"),
            *overrides,
        ],
    )
    statistics = getattr(module, "statistics", lambda table, config: {})
    derived = getattr(module, "derived", lambda table, config: {})
    scope = strategy.scope() if strategy else tf.device("CPU:0")
    with scope:
        method = module.Method(
            table.skeleton,
            config,
            statistics=statistics(table, config),
            seed=5,
            jit_compile=jit_compile,
        )
        sampler = sampling.Sampler(
            table,
            module.batch_spec(config),
            batch_size=BATCH,
            seed=5,
            derived=derived(table, config),
        )
    return method, sampler, loop.Loop(method, sampler, strategy)


def run(training_loop, first: int, count: int) -> dict[str, float]:
    logs, _ = training_loop.run(
        tf.constant(first, tf.int64), tf.constant(count, tf.int64)
    )
    return {name: float(value) for name, value in logs.items()}


def weights(method) -> list[np.ndarray]:
    values = [
        v for network in method.networks.values() for v in network.variables
    ]
    values += [
        v
        for optimizer in method.optimizers.values()
        for v in optimizer.variables
    ]
    values += [
        v for average in method.averages.values() for v in average.variables
    ]
    return [np.array(value) for value in values]


def inputs(table, count: int) -> tuple[np.ndarray, np.ndarray]:
    return table.keypoints_2d[:count, 0], table.scores[:count, 0]


@every_method
def test_module_has_the_seam(name):
    module = methods.load(name)
    assert dataclasses.is_dataclass(module.Config)
    assert isinstance(module.batch_spec(module.Config()), schema.BatchSpec)
    assert "Prior card" in module.__doc__
    method, _, _ = make(name)
    assert set(method.served) <= set(method.networks)
    assert set(method.networks) == set(method.optimizers)
    assert method.prior_card or not module.batch_spec(method.config).joints_3d


@every_method
def test_steps_move_the_weights_and_log_what_is_declared(name):
    method, sampler, training_loop = make(name, jit_compile=True)
    before = weights(method)
    logs = run(training_loop, 0, 4)
    assert all(np.isfinite(value) for value in logs.values()), logs
    assert set(logs) == set(method.logged)
    assert set(method.traceable_gradients(sampler.draw(0)).logs) == set(logs)
    assert any(
        not np.array_equal(a, b)
        for a, b in zip(before, weights(method), strict=True)
    )


@slow
@every_method
def test_xla_and_plain_give_the_same_gradients(name):
    plain, sampler, _ = make(name)
    compiled, _, _ = make(name, jit_compile=True)

    def difference(batch) -> float:
        """Of any gradient, over the largest of its network."""
        one, other = plain.gradients(batch), compiled.gradients(batch)
        for term, value in one.logs.items():
            np.testing.assert_allclose(value, other.logs[term], 1e-5, 1e-6)
        return max(
            np.abs(np.subtract(a, b)).max()
            / max(np.abs(gradient).max() for gradient in gradients)
            for network, gradients in one.gradients.items()
            for a, b in zip(gradients, other.gradients[network], strict=True)
        )

    # In a deep network a unit that is all but 0 may fall to either side of its
    # kink and move the gradient; not on every batch.
    assert min(difference(sampler.draw(i)) for i in range(3)) < 1e-5


@eagerly
@every_method
def test_fit_does_what_the_loop_does(name):
    check_fit(name)


def test_fit_does_what_the_loop_does_in_a_graph():
    check_fit("kudo2018")  # whose gate is a condition in it


def check_fit(name):
    table = table_for()
    method, _, training_loop = make(name, table)
    run(training_loop, 0, 3)
    fitted, sampler, _ = make(name, table)
    derived = getattr(methods.load(name), "derived", lambda table, config: {})
    batches = sampling.dataset(
        table,
        sampler.spec,
        batch_size=BATCH,
        seed=5,
        derived=derived(table, method.config),
    )
    history = fitted.fit(batches, steps_per_epoch=3, verbose=0).history
    assert set(history) == set(method.logged)
    for a, b in zip(weights(method), weights(fitted), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@eagerly
@every_method
def test_two_replicas(name):
    check_two_replicas(name)


def test_two_replicas_in_a_graph():
    check_two_replicas("yu2021")  # which decides what is updated


@one_now_others_slow
def test_two_replicas_compiled(name):
    check_two_replicas(name, jit_compile=True)


def check_two_replicas(name, *, jit_compile=False):
    strategy = strategies.make("mirrored")
    assert strategy.num_replicas_in_sync == 2
    method, _, training_loop = make(
        name, strategy=strategy, jit_compile=jit_compile
    )
    logs = run(training_loop, 0, 2)
    assert all(np.isfinite(value) for value in logs.values()), logs
    for network in method.networks.values():
        for variable in network.weights:
            copies = strategy.experimental_local_results(variable.value)
            np.testing.assert_array_equal(copies[0], copies[-1])


@eagerly
@every_method
def test_same_seed_gives_the_same_run_if_it_is_interrupted_too(name, tmp_path):
    check_interrupted(name, tmp_path)


@one_now_others_slow
def test_same_seed_gives_the_same_run_compiled(name, tmp_path):
    check_interrupted(name, tmp_path, jit_compile=True)


def check_interrupted(name, folder, *, jit_compile=False):
    whole, _, whole_loop = make(name, jit_compile=jit_compile)
    run(whole_loop, 0, 4)

    first, _, first_loop = make(name, jit_compile=jit_compile)
    run(first_loop, 0, 2)
    checkpoints.Checkpoints(first, folder).save(2)
    second, _, second_loop = make(name, jit_compile=jit_compile)
    assert checkpoints.Checkpoints(second, folder).restore() == 2
    run(second_loop, 2, 2)
    for a, b in zip(weights(whole), weights(second), strict=True):
        np.testing.assert_array_equal(a, b)


@eagerly
@every_method
def test_a_bad_row_spoils_neither_its_batch_nor_its_neighbours(name):
    table = table_for()
    method, sampler, _ = make(name, table)
    keypoints, scores = (np.copy(x) for x in inputs(table, 4))
    clean = method.serve(keypoints, scores)
    keypoints[1] = np.nan
    scores[2] = 0.0
    served = {k: v.numpy() for k, v in method.serve(keypoints, scores).items()}
    np.testing.assert_array_equal(served["valid"], [True, False, False, True])
    np.testing.assert_array_equal(served[schema.JOINTS_3D][1:3], 0.0)
    np.testing.assert_allclose(
        served[schema.JOINTS_3D][[0, 3]],
        clean[schema.JOINTS_3D].numpy()[[0, 3]],
        atol=1e-5,
    )
    batch = sampler.draw(0)
    bad = tf.tensor_scatter_nd_update(
        batch[schema.KEYPOINTS_2D],
        [[0]],
        tf.fill([1, *batch[schema.KEYPOINTS_2D].shape[1:]], np.nan),
    )
    update = method.gradients(batch | {schema.KEYPOINTS_2D: bad})
    for gradients in update.gradients.values():
        assert all(np.isfinite(gradient).all() for gradient in gradients)


@eagerly
@every_method
def test_served_units_are_the_signature_s(name):
    table = table_for()
    method, _, training_loop = make(name, table)
    run(training_loop, 0, 1)
    keypoints, scores = inputs(table, 8)
    served = {k: v.numpy() for k, v in method.serve(keypoints, scores).items()}
    joints = served[schema.JOINTS_3D]
    distance = np.linalg.norm(joints[:, 1:], axis=-1).mean(axis=-1)
    np.testing.assert_allclose(distance, 1.0, rtol=1e-4)
    np.testing.assert_allclose(joints[:, 0], 0.0, atol=1e-5)
    assert (served["scale"] > 0).all() == method.metric
    called = method({schema.KEYPOINTS_2D: keypoints, schema.SCORES: scores})[
        schema.JOINTS_3D
    ].numpy()
    size = np.linalg.norm(called[:, 1:], axis=-1).mean(axis=-1)
    np.testing.assert_allclose(joints, called / size[:, None, None], atol=1e-5)


@eagerly
@every_method
def test_export_equals_call(name, tmp_path):
    table = table_for()
    method, _, training_loop = make(name, table)
    run(training_loop, 0, 1)
    tf.config.run_functions_eagerly(False)  # as it is exported and served
    path = saved_model.export(method, tmp_path / "lifter")
    signature = tf.saved_model.load(str(path)).signatures["serving_default"]
    keypoints, scores = (np.copy(x) for x in inputs(table, 8))
    scores[3, 0] = scores[4, 5] = 0.0
    answer = signature(
        keypoints_2d=tf.constant(keypoints), scores=tf.constant(scores)
    )
    expected = method.serve(keypoints, scores)
    for key in ("joints_3d", "scale", "valid"):
        np.testing.assert_allclose(
            np.float32(answer[key]),
            np.float32(expected[key]),
            rtol=1e-4,
            atol=1e-4,
        )


@eagerly
@every_method
def test_averages_of_what_is_served_follow_the_weights(name):
    method, _, training_loop = make(name)
    assert set(method.averages) == {*method.served, completion.NAME}
    run(training_loop, 0, 2)
    last = [
        np.array(w) for n in method.served for w in method.networks[n].weights
    ]
    method.use_averages()
    used = [
        np.array(w) for n in method.served for w in method.networks[n].weights
    ]
    averages = [v for n in method.served for v in method.averages[n].variables]
    for a, b in zip(used, averages, strict=True):
        np.testing.assert_array_equal(a, b)
    assert any(
        not np.array_equal(a, b) for a, b in zip(last, used, strict=True)
    )


@eagerly
@every_method
def test_a_labelled_share_adds_a_supervised_term(name):
    fields = dataclasses.fields(methods.load(name).Config)
    if "labelled_share" not in {field.name for field in fields}:
        assert methods.load(name).batch_spec(make(name)[0].config).joints_3d
        return
    method, _, training_loop = make(name, overrides=["labelled_share=0.05"])
    logs = run(training_loop, 0, 1)
    assert "labelled" in logs
    assert np.isfinite(logs["labelled"])
    assert logs["labelled"] > 0
    assert any("labelled_share" in line for line in method.prior_card)


@eagerly
@every_method
def test_another_skeleton(name):
    method, _, training_loop = make(name, table_for("deepmimic_16"))
    logs = run(training_loop, 0, 1)
    assert all(np.isfinite(value) for value in logs.values()), logs
    assert method.skeleton.num_joints == 16


def test_unknown_method_lists_the_known_ones():
    with pytest.raises(
        ValueError, match="Unknown method `kudo`. Known: .*kudo"
    ):
        methods.load("kudo")
