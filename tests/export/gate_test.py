import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_poselift.export import gate
from tf_poselift.export import saved_model
from tf_poselift.export import signatures
from tf_poselift.export import warmup


def _with(toy, change):
    """Passes the joints of the toy through `change`."""
    serve = toy.serve

    def changed(keypoints_2d, scores):
        answers = serve(keypoints_2d, scores)
        return answers | {"joints_3d": change(answers["joints_3d"])}

    toy.serve = changed
    return toy


def _python(joints):
    result = tf.py_function(lambda x: x, [joints], tf.float32)
    return tf.ensure_shape(result, joints.shape)


def _numpy(joints):
    result = tf.numpy_function(lambda x: x, [joints], tf.float32)
    return tf.ensure_shape(result, joints.shape)


def _random(joints):
    return joints + 1e-9 * tf.random.normal(tf.shape(joints))


def _stateless_random(joints):
    return joints + 1e-9 * tf.random.stateless_normal(tf.shape(joints), [1, 2])


def _printing(joints):
    with tf.control_dependencies([tf.print("lifting", joints.shape)]):
        return tf.identity(joints)


def _nested(joints):
    inner = tf.function(lambda x: _python(x) * 2.0)
    return tf.cond(tf.size(joints) > 0, lambda: inner(joints), lambda: joints)


@pytest.mark.parametrize(
    ("change", "op"),
    [
        (_python, "EagerPyFunc"),
        (_numpy, "PyFunc"),
        (_random, "RandomStandardNormal"),
        (_stateless_random, "StatelessRandom"),
        (_printing, "PrintV2"),
        (_nested, "EagerPyFunc"),
    ],
)
def test_banned_ops_are_found_at_any_depth(toy, tmp_path, change, op):
    with pytest.raises(ValueError, match=rf"must hold no op .*{op}"):
        saved_model.export(_with(toy, change), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_assignments_are_found(toy, tmp_path):
    calls = tf.Variable(0.0)

    def counting(joints):
        calls.assign_add(1.0)
        return joints

    with pytest.raises(ValueError, match="AssignAddVariableOp"):
        saved_model.export(_with(toy, counting), tmp_path)


def test_compiled_functions_are_found(toy, tmp_path):
    compiled = tf.function(lambda x: x * 2.0, jit_compile=True)
    with pytest.raises(ValueError, match="`jit_compile=True`"):
        saved_model.export(_with(toy, compiled), tmp_path)


@pytest.fixture
def written(toy, tmp_path):
    """A SavedModel of the toy that no check has seen."""
    signature = signatures.serving_default(toy)
    archive = keras.export.ExportArchive()
    endpoint = archive.add_endpoint(
        signature.name, signature.endpoint, [signature.inputs]
    )
    archive.write_out(str(tmp_path), verbose=False)
    return endpoint.get_concrete_function().variables


def test_signatures_must_be_those_declared(toy, tmp_path, written):
    signature = signatures.serving_default(toy)
    gate.check_graph(tmp_path, [signature])
    with pytest.raises(ValueError, match="must have the signatures"):
        gate.check_graph(tmp_path, [])
    signature.outputs["valid"] = tf.TensorSpec([None, 1], tf.bool)
    with pytest.raises(ValueError, match="must have the tensors"):
        gate.check_graph(tmp_path, [signature])


def test_weights_must_be_stored_once(tmp_path, written):
    gate.check_weights(tmp_path, written)
    with pytest.raises(ValueError, match="bytes of weights once"):
        gate.check_weights(tmp_path, written[1:])


def test_weights_that_are_tracked_are_stored_twice(toy, tmp_path):
    signature = signatures.serving_default(toy)
    archive = keras.export.ExportArchive()
    archive.track(toy.lifter)
    endpoint = archive.add_endpoint(
        signature.name, signature.endpoint, [signature.inputs]
    )
    archive.write_out(str(tmp_path), verbose=False)
    variables = endpoint.get_concrete_function().variables
    with pytest.raises(ValueError, match="bytes of weights once"):
        gate.check_weights(tmp_path, variables)


def test_answers_must_be_the_methods_own(toy, tmp_path, written):
    signature = signatures.serving_default(toy)
    difference = gate.check_answers(tmp_path, [signature], tolerance=1e-4)
    assert difference < 1e-5
    toy.lifter.layers[-1].bias.assign(np.arange(17.0))
    with pytest.raises(ValueError, match="a difference of .* at batch 1"):
        gate.check_answers(tmp_path, [signature], tolerance=1e-4)


def test_a_warm_up_request_that_fails_is_found(toy, tmp_path, written):
    signature = signatures.serving_default(toy)
    warmup.write(tmp_path, [_wrong_examples(signature)])
    with pytest.raises(ValueError, match="InvalidArgumentError"):
        gate.check_answers(tmp_path, [signature], tolerance=1e-4)


def _wrong_examples(signature):
    return signatures.Signature(
        signature.name,
        signature.inputs,
        signature.outputs,
        signature.function,
        lambda batch: {
            name: value[..., :1]
            for name, value in signature.examples(batch).items()
        },
    )
