"""The seam itself, on a lifter so small that its updates are known by hand."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_poselift import schema
from tf_poselift import skeletons
from tf_poselift.methods import base
from tf_poselift.training import strategies

SKELETON = skeletons.from_dict(
    {"name": "three", "joints": {"a": None, "b": "a", "c": "b"}}
)


@dataclasses.dataclass(frozen=True)
class Config:
    weight_decay: float = 0.0
    skip: bool = False


class Line(base.PoseLifter):
    """Depth = one dense layer of x and y; wants every depth to be 1."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        dense = keras.layers.Dense(3, kernel_initializer="zeros")
        self.add_network(
            "lifter",
            keras.Sequential([dense]),
            keras.optimizers.SGD(0.1),
            features=6,
        )

    def log_names(self):
        return ("lifter_loss", "to_one", "valid", "first_depth")

    def call(self, inputs, training=False):
        points = inputs[schema.KEYPOINTS_2D]
        flat = tf.reshape(points, [-1, 6])
        depth = self.lifter(flat, training=training)[..., tf.newaxis]
        joints = tf.concat([points, depth], axis=-1)
        return {
            schema.JOINTS_3D: joints - joints[:, :1],
            "valid": inputs[schema.SCORES][:, 0] > 0,
        }

    def objectives(self, batch):
        flat = tf.reshape(batch[schema.KEYPOINTS_2D], [-1, 6])
        depth = self.lifter(flat, training=True)
        return base.Objectives(
            losses={
                "lifter": {
                    "to_one": (2.0, tf.reduce_sum((depth - 1.0) ** 2, axis=-1))
                }
            },
            valid=batch[schema.SCORES][:, 0] > 0,
            watched={"first_depth": depth[:, 0]},
        )

    def updates(self, logs, step):
        if not self.config.skip:
            return {}
        return {"lifter": logs["lifter_loss"] < 0.0}


def make_batch(count: int, seed: int = 0) -> dict[str, tf.Tensor]:
    rng = np.random.default_rng(seed)
    return {
        schema.KEYPOINTS_2D: tf.constant(
            rng.normal(size=(count, 3, 2)), "float32"
        ),
        schema.SCORES: tf.ones([count, 3]),
        schema.INDEX: tf.range(count, dtype=tf.int64),
        schema.STEP: tf.constant(0, tf.int64),
    }


def test_weights_and_means_by_hand():
    method = Line(SKELETON, Config())
    batch = make_batch(4)
    batch[schema.SCORES] = tf.constant(
        [[1.0] * 3, [1.0] * 3, [0.0] * 3, [1.0] * 3]
    )
    update = method.gradients(batch)
    # All depths are 0, so a valid pose has term 3; one of four is invalid.
    assert float(update.logs["to_one"]) == pytest.approx(3 * 3 / 4)
    assert float(update.logs["lifter_loss"]) == pytest.approx(2 * 3 * 3 / 4)
    assert float(update.logs["valid"]) == pytest.approx(3 / 4)
    # d/db 2 (b - 1)^2 = -4 at 0, times the three valid quarters.
    bias_gradient = update.gradients["lifter"][1]
    np.testing.assert_allclose(bias_gradient, [-3.0] * 3, rtol=1e-6)


def test_logs_are_means_over_the_valid_examples():
    method = Line(SKELETON, Config())
    batch = make_batch(4)
    batch[schema.SCORES] = tf.constant(
        [[1.0] * 3, [1.0] * 3, [0.0] * 3, [1.0] * 3]
    )
    logs = method.train_step(batch)
    # All depths are 0 before the step: 3 for every valid pose.
    assert float(logs["to_one"]) == pytest.approx(3.0)
    assert float(logs["valid"]) == pytest.approx(3 / 4)
    batch[schema.SCORES] = tf.zeros([4, 3])
    none = base.over_valid(method.gradients(batch).logs)
    assert float(none["to_one"]) == 0.0


def test_weight_decay_adds_the_weights():
    method = Line(SKELETON, Config(weight_decay=0.5))
    plain = Line(SKELETON, Config())
    weights = [np.full((6, 3), 2.0), np.full(3, 4.0)]
    for model in (method, plain):
        model.lifter.set_weights(weights)
        model.train_step(make_batch(2))
    without, with_decay = (
        model.lifter.get_weights() for model in (plain, method)
    )
    # Rate 0.1, times half of the weights.
    for index, expected in enumerate((0.1, 0.2)):
        np.testing.assert_allclose(
            without[index] - with_decay[index], expected, rtol=1e-5
        )


def test_compiled_equals_plain():
    compiled = Line(SKELETON, Config(), jit_compile=True)
    plain = Line(SKELETON, Config(), jit_compile=False)
    for a, b in zip(
        compiled.gradients(make_batch(5)).gradients["lifter"],
        plain.gradients(make_batch(5)).gradients["lifter"],
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def uses_xla(call) -> bool:
    """Whether a function that `call` calls must be compiled with XLA."""
    graph = tf.function(call).get_concrete_function().graph
    return any(
        operation.node_def.attr["_XlaMustCompile"].b
        for operation in graph.get_operations()
        if operation.type in ("PartitionedCall", "StatefulPartitionedCall")
    )


@pytest.mark.parametrize("with_xla", [True, False])
def test_both_halves_of_an_update_are_compiled(with_xla):
    method = Line(SKELETON, Config(), jit_compile=with_xla)
    batch = make_batch(4)
    gradients = method.gradients(batch).gradients["lifter"]
    calls = [
        lambda: method.gradients(batch).logs["valid"],
        lambda: method.apply("lifter", gradients),
    ]
    assert [uses_xla(call) for call in calls] == [with_xla] * 2


def test_large_batches_may_do_without_xla_on_a_cpu(monkeypatch):
    monkeypatch.setattr(Line, "plain_from", 4)
    method = Line(SKELETON, Config())

    def compiled(count: int) -> bool:
        batch = make_batch(count)
        return uses_xla(lambda: method.gradients(batch).logs["valid"])

    on_a_gpu = bool(tf.config.list_logical_devices("GPU"))
    assert [compiled(3), compiled(4)] == [True, on_a_gpu]
    few, many = (method.gradients(make_batch(n)) for n in (3, 4))
    assert few.logs.keys() == many.logs.keys()


def test_a_skipped_update_changes_nothing():
    method = Line(SKELETON, Config(skip=True))
    before = [v.numpy() for v in method.lifter.variables]
    method.train_step(make_batch(4))
    for variable, old in zip(method.lifter.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), old)
    assert int(method.optimizers["lifter"].iterations) == 0


def test_fit_trains_on_one_device_and_reports_the_mean_of_the_epoch():
    method = Line(SKELETON, Config())
    data = tf.data.Dataset.range(20).map(lambda step: make_batch(8))
    history = method.fit(data, epochs=2, verbose=0).history
    assert int(method.optimizers["lifter"].iterations) == 40
    assert history["lifter_loss"][1] < history["lifter_loss"][0]
    # The mean over 20 steps, not the last one's value.
    assert history["lifter_loss"][0] > 2 * history["lifter_loss"][1]


def test_served_units():
    method = Line(SKELETON, Config())
    batch = make_batch(3)
    served = method.serve(
        batch[schema.KEYPOINTS_2D],
        tf.constant([[1.0, 1.0, 1.0], [0.0, 1.0, 1.0], [1.0, 1.0, 0.0]]),
    )
    joints = served[schema.JOINTS_3D].numpy()
    distance = np.linalg.norm(joints, axis=-1)
    assert distance[0, 1:].mean() == pytest.approx(1.0)
    assert distance[2, 1] == pytest.approx(1.0)  # joint c is not seen
    np.testing.assert_array_equal(served["valid"], [True, False, True])
    np.testing.assert_array_equal(joints[1], 0.0)
    np.testing.assert_array_equal(served["scale"], 0.0)


def test_a_term_that_is_not_per_example_is_refused():
    class Reduced(Line):
        def objectives(self, batch):
            objectives = super().objectives(batch)
            weight, value = objectives.losses["lifter"]["to_one"]
            reduced = {"to_one": (weight, tf.reduce_mean(value))}
            return dataclasses.replace(objectives, losses={"lifter": reduced})

    with pytest.raises(ValueError, match="one value per example"):
        Reduced(SKELETON, Config(), jit_compile=False).gradients(make_batch(2))


def test_compile_refuses_optimizers():
    with pytest.raises(ValueError, match="Received: .'optimizer'."):
        Line(SKELETON, Config()).compile(optimizer="adam")


def test_one_replica_equals_two():
    count, steps = 8, 5
    single = Line(SKELETON, Config(weight_decay=0.1))
    strategy = strategies.make("mirrored")
    with strategy.scope():
        double = Line(SKELETON, Config(weight_decay=0.1))

    @tf.function
    def step_on_two(batch):
        def half(batch):
            r = tf.distribute.get_replica_context().replica_id_in_sync_group
            own = {
                name: value[r * count // 2 : (r + 1) * count // 2]
                if value.shape.rank
                else value
                for name, value in batch.items()
            }
            update = double.gradients(own)
            double.apply("lifter", update.gradients["lifter"])
            return update.logs["lifter_loss"]

        return strategy.reduce(
            "SUM", strategy.run(half, args=(batch,)), axis=None
        )

    for i in range(steps):
        batch = make_batch(count, seed=i)
        update = single.gradients(batch)
        single.apply("lifter", update.gradients["lifter"])
        np.testing.assert_allclose(
            step_on_two(batch), update.logs["lifter_loss"], rtol=1e-6
        )
    for a, b in zip(
        single.lifter.get_weights(), double.lifter.get_weights(), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
