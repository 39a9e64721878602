"""What a client of the TensorFlow Serving API may rely on, REST and gRPC."""

import http.client
import json
import urllib.parse

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import get_model_metadata_pb2
from tensorflow_serving.apis import get_model_status_pb2
from tensorflow_serving.apis import model_service_pb2_grpc
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc

from tf_poselift.export import c_loader

pytestmark = pytest.mark.serving
SECONDS = 60.0


def ask(served, method: str, path: str, body: bytes | dict | None = None):
    """Sends a request and returns its status and the answer's JSON."""
    url = urllib.parse.urlsplit(served.rest)
    connection = http.client.HTTPConnection(url.netloc, timeout=SECONDS)
    if isinstance(body, dict):
        body = json.dumps(body).encode()
    try:
        connection.request(method, path.replace("MODEL", served.model), body)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def predict_rest(served, body):
    return ask(served, "POST", "/v1/models/MODEL:predict", body)


@pytest.fixture(scope="module")
def channel(served):
    with grpc.insecure_channel(served.grpc) as channel:
        yield channel


def predict_grpc(channel, inputs, **spec):
    request = predict_pb2.PredictRequest()
    for name, value in spec.items():
        if name == "version":
            request.model_spec.version.value = value
        else:
            setattr(request.model_spec, name, value)
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    return stub.Predict(request, timeout=SECONDS)


@pytest.fixture(scope="module")
def signature(served):
    status, answer = ask(served, "GET", "/v1/models/MODEL/metadata")
    assert status == 200
    table = answer["metadata"]["signature_def"]["signature_def"]
    return table["serving_default"]


@pytest.fixture(scope="module")
def inputs(signature):
    """Three poses with the joint count of the served model."""
    dims = signature["inputs"]["scores"]["tensor_shape"]["dim"]
    joints = int(dims[1]["size"])
    rng = np.random.default_rng(0)
    return {
        "keypoints_2d": rng.normal(500, 99, [3, joints, 2]).astype(np.float32),
        "scores": np.ones([3, joints], np.float32),
    }


def lists(inputs):
    return {name: value.tolist() for name, value in inputs.items()}


def test_metadata_has_the_golden_signature(signature):
    shapes = {
        name: (info["dtype"], [int(d["size"]) for d in _dims(info)])
        for kind in ("inputs", "outputs")
        for name, info in signature[kind].items()
    }
    joints = shapes["scores"][1][1]
    assert shapes == {
        "keypoints_2d": ("DT_FLOAT", [-1, joints, 2]),
        "scores": ("DT_FLOAT", [-1, joints]),
        "joints_3d": ("DT_FLOAT", [-1, joints, 3]),
        "scale": ("DT_FLOAT", [-1]),
        "valid": ("DT_BOOL", [-1]),
    }
    assert signature["method_name"] == "tensorflow/serving/predict"


def _dims(info):
    return info["tensor_shape"]["dim"]


def test_status_over_rest(served):
    status, answer = ask(served, "GET", "/v1/models/MODEL")
    assert status == 200
    newest = answer["model_version_status"][0]
    assert newest["version"].isdigit()
    assert newest["state"] == "AVAILABLE"
    assert newest["status"] == {"error_code": "OK", "error_message": ""}


def test_rows_and_columns_give_the_same(served, inputs):
    status, columns = predict_rest(served, {"inputs": lists(inputs)})
    assert status == 200
    outputs = columns["outputs"]
    assert set(outputs) == {"joints_3d", "scale", "valid"}
    rows = [
        {name: value[i].tolist() for name, value in inputs.items()}
        for i in range(3)
    ]
    status, answer = predict_rest(
        served, {"signature_name": "serving_default", "instances": rows}
    )
    assert status == 200
    for i, row in enumerate(answer["predictions"]):
        assert row["valid"] is True
        np.testing.assert_allclose(
            row["joints_3d"], outputs["joints_3d"][i], atol=1e-5
        )


def test_rest_and_grpc_give_the_same(served, channel, inputs):
    _, rest = predict_rest(served, {"inputs": lists(inputs)})
    answer = predict_grpc(channel, inputs, name=served.model)
    assert answer.model_spec.name == served.model
    joints_3d = tf.make_ndarray(answer.outputs["joints_3d"])
    assert joints_3d.dtype == np.float32
    np.testing.assert_allclose(
        joints_3d, rest["outputs"]["joints_3d"], atol=1e-5
    )
    assert tf.make_ndarray(answer.outputs["valid"]).tolist() == [True] * 3
    if served.version_dir:
        session = c_loader.Session(served.version_dir)
        right = session.run("serving_default", inputs)["joints_3d"]
        np.testing.assert_allclose(joints_3d, right, atol=1e-6)


def test_a_bad_row_leaves_its_neighbours_alone(served, inputs):
    keypoints_2d = inputs["keypoints_2d"].copy()
    keypoints_2d[1, 3] = np.nan
    changed = lists(inputs | {"keypoints_2d": keypoints_2d})
    _, right = predict_rest(served, {"inputs": lists(inputs)})
    status, answer = predict_rest(served, {"inputs": changed})
    assert status == 200
    assert answer["outputs"]["valid"] == [True, False, True]
    assert not np.any(answer["outputs"]["joints_3d"][1])
    np.testing.assert_allclose(
        answer["outputs"]["joints_3d"][2],
        right["outputs"]["joints_3d"][2],
        atol=1e-5,
    )


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/models/nothing", 404),
        ("GET", "/v1/models/MODEL/versions/987", 404),
        ("POST", "/v1/models/nothing:predict", 404),
        ("POST", "/v1/models/MODEL/versions/987:predict", 404),
        ("POST", "/v1/models/MODEL/labels/nothing:predict", 400),
        ("POST", "/v1/models/MODEL:PREDICT", 400),
        ("GET", "/v1/nothing", 400),
    ],
)
def test_rest_paths_that_are_refused(served, inputs, method, path, status):
    body = {"inputs": lists(inputs)} if method == "POST" else None
    received, answer = ask(served, method, path, body)
    assert received == status
    assert answer["error"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"{}", b'{"inputs": {}, "instances": []}'],
)
def test_rest_bodies_that_are_no_request(served, body):
    status, answer = predict_rest(served, body)
    assert status == 400
    assert answer["error"]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("keypoints_2d", lambda x: x[0]),
        ("keypoints_2d", lambda x: [row[:-1] for row in x]),
        ("keypoints_2d", lambda x: [x[0], x[1], x[2][:-1]]),
        ("keypoints_2d", lambda x: "text"),
        ("keypoints_2d", lambda x: 1.0),
        ("keypoints_2d", lambda x: None),
        ("scores", lambda x: x[:1]),
        ("scores", lambda x: [x]),
        ("scores", lambda x: [["1.0"] * len(row) for row in x]),
        ("scores", lambda x: [[True] * len(row) for row in x]),
        ("scores", lambda x: [[None] * len(row) for row in x]),
    ],
)
def test_rest_inputs_that_are_refused(served, inputs, name, change):
    content = lists(inputs)
    content[name] = change(content[name])
    status, answer = predict_rest(served, {"inputs": content})
    assert status == 400
    assert answer["error"]


def test_rest_names_that_are_refused(served, inputs):
    content = lists(inputs)
    status, answer = predict_rest(
        served, {"inputs": content, "signature_name": "nothing"}
    )
    assert (status, "nothing" in answer["error"]) == (400, True)
    del content["scores"]
    status, answer = predict_rest(served, {"inputs": content})
    assert (status, "scores" in answer["error"]) == (400, True)


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
        predict_grpc(channel, inputs, **{"name": served.model} | spec)
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
        predict_grpc(channel, changed, name=served.model)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details()


def test_grpc_metadata_and_status(served, channel):
    request = get_model_metadata_pb2.GetModelMetadataRequest()
    request.model_spec.name = served.model
    request.metadata_field.append("signature_def")
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    answer = stub.GetModelMetadata(request, timeout=SECONDS)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert answer.metadata["signature_def"].Unpack(signatures)
    assert "keypoints_2d" in signatures.signature_def["serving_default"].inputs

    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = served.model
    stub = model_service_pb2_grpc.ModelServiceStub(channel)
    answer = stub.GetModelStatus(request, timeout=SECONDS)
    (newest, *_) = answer.model_version_status
    assert newest.version >= 1
    assert newest.State.Name(newest.state) == "AVAILABLE"


def test_grpc_filters_outputs(served, channel, inputs):
    request = predict_pb2.PredictRequest(output_filter=["valid"])
    request.model_spec.name = served.model
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    answer = stub.Predict(request, timeout=SECONDS)
    assert list(answer.outputs) == ["valid"]
    assert list(answer.outputs["valid"].bool_val) == [True] * 3
