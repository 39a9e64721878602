"""What a client of the TensorFlow Serving API may rely on, over gRPC."""

import api_calls
import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import get_model_metadata_pb2
from tensorflow_serving.apis import get_model_status_pb2
from tensorflow_serving.apis import model_service_pb2_grpc
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc

pytestmark = pytest.mark.serving


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ({"name": "nothing"}, grpc.StatusCode.NOT_FOUND),
        ({"version": 987}, grpc.StatusCode.NOT_FOUND),
        ({"version_label": "nothing"}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"signature_name": "nothing"}, grpc.StatusCode.FAILED_PRECONDITION),
    ],
)
def test_grpc_models_that_are_refused(served, channel, inputs, spec, code):
    with pytest.raises(grpc.RpcError) as caught:
        api_calls.predict_grpc(channel, inputs, **{"name": served.model} | spec)
    assert caught.value.code() == code
    assert caught.value.details()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("keypoints_2d", lambda x: x[0]),
        ("keypoints_2d", lambda x: x[:, :-1]),
        ("keypoints_2d", lambda x: x.astype(np.float64)),
        ("keypoints_2d", lambda x: x.astype(str)),
        ("scores", lambda x: x[:1]),
        ("scores", lambda x: x[0, 0]),
        ("scores", None),
    ],
)
def test_grpc_inputs_that_are_refused(served, channel, inputs, name, change):
    changed = dict(inputs)
    value = changed.pop(name)
    if change:
        changed[name] = change(value)
    with pytest.raises(grpc.RpcError) as caught:
        api_calls.predict_grpc(channel, changed, name=served.model)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details()


def test_grpc_metadata_and_status(served, channel):
    request = get_model_metadata_pb2.GetModelMetadataRequest()
    request.model_spec.name = served.model
    request.metadata_field.append("signature_def")
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    answer = stub.GetModelMetadata(request, timeout=api_calls.SECONDS)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert answer.metadata["signature_def"].Unpack(signatures)
    assert "keypoints_2d" in signatures.signature_def["serving_default"].inputs

    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = served.model
    stub = model_service_pb2_grpc.ModelServiceStub(channel)
    answer = stub.GetModelStatus(request, timeout=api_calls.SECONDS)
    (newest, *_) = answer.model_version_status
    assert newest.version >= 1
    assert newest.State.Name(newest.state) == "AVAILABLE"


def test_grpc_filters_outputs(served, channel, inputs):
    request = predict_pb2.PredictRequest(output_filter=["valid"])
    request.model_spec.name = served.model
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    answer = stub.Predict(request, timeout=api_calls.SECONDS)
    assert list(answer.outputs) == ["valid"]
    assert list(answer.outputs["valid"].bool_val) == [True] * 3
