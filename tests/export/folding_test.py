import numpy as np
import pytest
import tensorflow as tf

from tf_poselift import methods
from tf_poselift import skeletons
from tf_poselift.data import synthetic
from tf_poselift.export import folding
from tf_poselift.export import saved_model
from tf_poselift.export import signatures


def _method(name, **fields):
    """With batch statistics and weights as after a training."""
    module = methods.load(name)
    skeleton = skeletons.load("human36m_17")
    table = synthetic.table(skeleton, clips=4, frames=20, views=4)
    config = module.Config(width=32, **fields)
    statistics = getattr(module, "statistics", lambda *_: {})(table, config)
    method = module.Method(skeleton, config, statistics=statistics)
    rng = np.random.default_rng(0)
    for served in method.served:
        for variable in method.networks[served].weights:
            spread = rng.uniform(0.0, 0.2, variable.shape)
            variable.assign_add(spread)
    return method


@pytest.fixture
def inputs():
    points = np.random.default_rng(0).normal(500.0, 120.0, [64, 17, 2])
    return {
        "keypoints_2d": tf.constant(points, tf.float32),
        "scores": tf.ones([64, 17]),
    }


def _batch_norms(version_dir):
    names = [name for name, _ in tf.train.list_variables(str(version_dir))]
    return [name for name in names if "moving_variance" in name]


@pytest.mark.parametrize(
    "name", ["martinez2017", "svma2021", "tipsy_gan2022", "bouazizi2021"]
)
def test_answers_stay_and_the_norm_is_gone(name, inputs):
    method = _method(name)
    right = method.serve(**inputs)
    with folding.folded(method):
        graph = tf.function(method.serve).get_concrete_function(**inputs)
        answers = graph(**inputs)
    operations = {node.op for node in graph.graph.as_graph_def().node}
    assert "Rsqrt" not in operations
    for output, value in right.items():
        np.testing.assert_allclose(
            np.float32(answers[output]),
            np.float32(value),
            rtol=1e-5,
            atol=1e-5,
        )


def test_the_method_is_afterwards_what_it_was(inputs):
    method = _method("martinez2017")
    weights = method.lifter.get_weights()
    right = method.serve(**inputs)["joints_3d"].numpy()
    with pytest.raises(RuntimeError, match="stop"), folding.folded(method):
        assert not method.lifter.norms
        raise RuntimeError("stop")
    for before, after in zip(weights, method.lifter.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    np.testing.assert_array_equal(method.serve(**inputs)["joints_3d"], right)
    assert len(method.lifter.weights) == len(weights)


@pytest.mark.parametrize(
    ("name", "fields"),
    [("kudo2018", {}), ("tipsy_gan2022", {"norm": "layer"})],
)
def test_a_method_without_batch_norm_is_left_alone(name, fields):
    method = _method(name, **fields)
    network = method.networks[method.served[0]]
    norms = list(network.norms)
    with folding.folded(method):
        assert list(network.norms) == norms


def test_an_export_holds_no_batch_norm_and_answers_as_the_method(tmp_path):
    method = _method("martinez2017")
    path = saved_model.export(method, tmp_path)
    variables = path / "variables" / "variables"
    assert not _batch_norms(variables)
    stored = tf.train.list_variables(str(variables))
    sizes = sum(int(np.prod(shape)) for _, shape in stored if shape)
    dense = [*method.lifter.hidden, method.lifter.last]
    assert sizes == sum(layer.count_params() for layer in dense)
    # Exporting twice gives the same: the method is not changed by it.
    inputs = signatures.serving_default(method).examples(5)
    inputs = {name: tf.constant(value) for name, value in inputs.items()}
    first, second = (
        tf.saved_model.load(str(p)).signatures["serving_default"](**inputs)
        for p in (path, saved_model.export(method, tmp_path))
    )
    np.testing.assert_array_equal(first["joints_3d"], second["joints_3d"])
