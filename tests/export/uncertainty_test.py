"""An export that also says how sure it is."""

import numpy as np
import pytest
import tensorflow as tf

from tf_poselift import methods
from tf_poselift import skeletons
from tf_poselift.export import litert
from tf_poselift.export import model_card
from tf_poselift.export import onnx_file
from tf_poselift.export import portable
from tf_poselift.export import saved_model
from tf_poselift.export import signatures


@pytest.fixture(scope="module")
def method():
    kudo2018 = methods.load("kudo2018")
    skeleton = skeletons.load("human36m_17")
    method = kudo2018.Method(skeleton, kudo2018.Config(width=16), seed=1)
    method.lifter.last.kernel.assign(method.lifter.last.kernel * 50.0)
    method.offer_uncertainty(3)
    return method


def test_golden_table_with_the_output(method):
    for signature in signatures.for_method(method):
        rows = signature.table()["outputs"]
        assert {k: (r["dtype"], r["shape"]) for k, r in rows.items()} == {
            "joints_3d": ("float32", [-1, 17, 3]),
            "scale": ("float32", [-1]),
            "valid": ("bool", [-1]),
            "uncertainty": ("float32", [-1, 17]),
        }
    assert "units of joints_3d" in rows["uncertainty"]["meaning"]


def test_without_it_nothing_is_said(toy):
    assert "uncertainty" not in signatures.serving_default(toy).outputs
    assert "uncertainty" not in model_card.describe_method(toy)


def test_the_saved_model_answers_as_the_method(method, tmp_path):
    path = saved_model.export(method, tmp_path)
    card = model_card.read(path)
    assert card["uncertainty"] == {"lifts": 3}
    assert card["checks"]["batch_sizes"] == [0, 1, 3, 64]
    loaded = tf.saved_model.load(str(path)).signatures
    for signature in signatures.for_method(method):
        inputs = signature.examples(9)
        inputs = {name: tf.constant(value) for name, value in inputs.items()}
        answers = loaded[signature.name](**inputs)
        right = signature.function(**inputs)["uncertainty"]
        found = answers["uncertainty"].numpy()
        np.testing.assert_allclose(found, right, atol=1e-5)
        assert not found[7].any()  # not valid
        assert (found[[0, 3, 8]].max(axis=1) > 0.1).all()


@pytest.mark.parametrize("kind", ["litert", "onnx"])
def test_other_runtimes_answer_as_the_method(method, tmp_path, kind):
    pytest.importorskip("ai_edge_litert", reason="needs the extra `edge`")
    pytest.importorskip("tf2onnx", reason="needs the extra `edge`")
    path = portable.export(method, tmp_path, kind)
    assert model_card.read(path)["uncertainty"] == {"lifts": 3}
    file, module = {
        "litert": ("model.tflite", litert),
        "onnx": ("serving_default.onnx", onnx_file),
    }[kind]
    signature = signatures.serving_default(method)
    inputs = signature.examples(9)
    answers = module.Model(path / file).run(signature.name, inputs)
    right = signature.function(**inputs)["uncertainty"]
    np.testing.assert_allclose(answers["uncertainty"], right, atol=1e-5)
