"""A model that says how sure it is, on a server."""

import numpy as np
import pytest
import tensorflow as tf

from tf_poselift import methods
from tf_poselift import skeletons
from tf_poselift.export import saved_model


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_the_client_passes_uncertainty_on(
    served_with_uncertainty, client_module, protocol
):
    method, served = served_with_uncertainty
    rng = np.random.default_rng(0)
    keypoints_2d = rng.normal(500.0, 99.0, [5, 17, 2]).astype(np.float32)
    scores = np.ones([5, 17], np.float32)
    scores[3, 0] = 0.0
    address = {protocol: getattr(served, protocol)}
    client = client_module.Client("lifter", max_batch=2, **address)
    found = client.lift(keypoints_2d, scores)["uncertainty"]
    right = method.serve(tf.constant(keypoints_2d), tf.constant(scores))
    np.testing.assert_allclose(found, right["uncertainty"], atol=1e-5)
    assert found.dtype == np.float32
    assert not found[3].any()
    assert (found[[0, 1, 2, 4]].max(axis=1) > 1e-3).all()


@pytest.fixture(scope="module")
def served_with_uncertainty(start, tmp_path_factory):
    kudo2018 = methods.load("kudo2018")
    skeleton = skeletons.load("human36m_17")
    method = kudo2018.Method(skeleton, kudo2018.Config(width=16))
    method.offer_uncertainty(1)
    method.lifter.last.kernel.assign(method.lifter.last.kernel * 50.0)
    model_dir = tmp_path_factory.mktemp("sure") / "lifter"
    saved_model.export(method, model_dir)
    with start(model_base_path=model_dir) as served:
        yield method, served


def test_an_answer_of_another_shape_is_an_error(client_module):
    class Wrong:
        def predict(self, signature, inputs):
            return {
                "joints_3d": np.zeros((1, 17, 3)),
                "scale": np.zeros(1),
                "valid": np.ones(1, bool),
                "uncertainty": np.zeros((1, 16)),
            }

    client = client_module.Client("lifter", rest="http://127.0.0.1:1")
    client._transport = Wrong()
    with pytest.raises(client_module.ServerError, match="The answer must"):
        client.lift(np.zeros((1, 17, 2)), np.ones((1, 17)))
