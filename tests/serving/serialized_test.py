"""Signatures of strings, over REST and gRPC."""

import base64
import json
import urllib.error
import urllib.request

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc

from tf_poselift.export import tf_examples

pytestmark = pytest.mark.serving


@pytest.fixture(scope="module")
def serialized():
    rng = np.random.default_rng(0)
    points = rng.normal(500.0, 99.0, [3, 17, 2]).astype(np.float32)
    return tf_examples.serialize(points, np.ones([3, 17], np.float32))


def _ask(served, instances):
    rows = [{"b64": base64.b64encode(row).decode()} for row in instances]
    request = urllib.request.Request(
        f"{served.rest}/v1/models/{served.model}:predict",
        json.dumps({"signature_name": "examples", "instances": rows}).encode(),
    )
    with urllib.request.urlopen(request, timeout=60.0) as response:
        return json.loads(response.read())["predictions"]


def _predict(served, instances):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = served.model
    request.model_spec.signature_name = "examples"
    proto = tf.make_tensor_proto(instances, dtype=tf.string)
    request.inputs["examples"].CopyFrom(proto)
    with grpc.insecure_channel(served.grpc) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        return stub.Predict(request, timeout=60.0).outputs


def test_examples_over_rest_and_grpc_give_the_same(served, serialized):
    rows = _ask(served, serialized)
    outputs = _predict(served, serialized)
    assert [row["valid"] for row in rows] == [True] * 3
    np.testing.assert_allclose(
        tf.make_ndarray(outputs["joints_3d"]),
        [row["joints_3d"] for row in rows],
        atol=1e-5,
    )


def test_an_example_without_its_features_leaves_its_neighbours_alone(
    served, serialized
):
    rows = _ask(served, [serialized[0], b"", serialized[2]])
    assert [row["valid"] for row in rows] == [True, False, True]


def test_bytes_that_are_no_example_are_refused(served, serialized):
    for bad in (b"hello", b"\xff\xfe\x00garbage", bytes(serialized[0][:-9])):
        with pytest.raises(urllib.error.HTTPError) as refused:
            _ask(served, [serialized[1], bad])
        assert refused.value.code == 400
        with pytest.raises(grpc.RpcError) as caught:
            _predict(served, [serialized[1], bad])
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
