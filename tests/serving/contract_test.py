"""What a client of the TensorFlow Serving API may rely on, over REST."""

import api_calls
import numpy as np
import pytest
import tensorflow as tf

from tf_poselift.export import c_loader

pytestmark = pytest.mark.serving


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
    status, answer = api_calls.ask(served, "GET", "/v1/models/MODEL")
    assert status == 200
    newest = answer["model_version_status"][0]
    assert newest["version"].isdigit()
    assert newest["state"] == "AVAILABLE"
    assert newest["status"] == {"error_code": "OK", "error_message": ""}


def test_rows_and_columns_give_the_same(served, inputs):
    status, columns = api_calls.predict_rest(
        served, {"inputs": api_calls.lists(inputs)}
    )
    assert status == 200
    outputs = columns["outputs"]
    assert set(outputs) == {"joints_3d", "scale", "valid"}
    rows = [
        {name: value[i].tolist() for name, value in inputs.items()}
        for i in range(3)
    ]
    status, answer = api_calls.predict_rest(
        served, {"signature_name": "serving_default", "instances": rows}
    )
    assert status == 200
    for i, row in enumerate(answer["predictions"]):
        assert row["valid"] is True
        np.testing.assert_allclose(
            row["joints_3d"], outputs["joints_3d"][i], atol=1e-5
        )


def test_rest_and_grpc_give_the_same(served, channel, inputs):
    _, rest = api_calls.predict_rest(
        served, {"inputs": api_calls.lists(inputs)}
    )
    answer = api_calls.predict_grpc(channel, inputs, name=served.model)
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
    changed = api_calls.lists(inputs | {"keypoints_2d": keypoints_2d})
    _, right = api_calls.predict_rest(
        served, {"inputs": api_calls.lists(inputs)}
    )
    status, answer = api_calls.predict_rest(served, {"inputs": changed})
    assert status == 200
    assert answer["outputs"]["valid"] == [True, False, True]
    assert not np.any(answer["outputs"]["joints_3d"][1])
    np.testing.assert_allclose(
        answer["outputs"]["joints_3d"][2],
        right["outputs"]["joints_3d"][2],
        atol=1e-5,
    )


def test_a_version_is_asked_for_by_its_number(served, channel, inputs):
    answer = api_calls.predict_grpc(channel, inputs, name=served.model)
    latest = answer.model_spec.version.value
    right = tf.make_ndarray(answer.outputs["joints_3d"])
    path = f"/v1/models/MODEL/versions/{latest}"
    status, answer = api_calls.ask(served, "GET", path)
    assert status == 200
    (version,) = answer["model_version_status"]
    assert version["version"] == str(latest)
    status, answer = api_calls.ask(served, "GET", f"{path}/metadata")
    assert (status, answer["model_spec"]["version"]) == (200, str(latest))
    body = {"inputs": api_calls.lists(inputs)}
    status, answer = api_calls.ask(served, "POST", f"{path}:predict", body)
    assert status == 200
    np.testing.assert_allclose(answer["outputs"]["joints_3d"], right, atol=1e-5)
    answer = api_calls.predict_grpc(
        channel, inputs, name=served.model, version=latest
    )
    np.testing.assert_allclose(
        tf.make_ndarray(answer.outputs["joints_3d"]), right, atol=1e-5
    )


def test_labels_are_those_of_models_config(served, inputs):
    """The stand-in reads no models.config and has none."""
    path = "/v1/models/MODEL/labels/stable:predict"
    status, _ = api_calls.ask(
        served, "POST", path, {"inputs": api_calls.lists(inputs)}
    )
    assert status == (400 if served.version_dir else 200)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", "/v1/models/MODEL", 400),
        ("GET", "/v1/models/MODEL:predict", 400),
        ("POST", "/v1/models/MODEL:classify", 400),
        ("POST", "/v1/models/MODEL/versions/0:predict", 404),
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
    body = {"inputs": api_calls.lists(inputs)} if method == "POST" else None
    received, answer = api_calls.ask(served, method, path, body)
    assert received == status
    assert answer["error"]


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"null", b"{}", b"\xff"),
        b'{"inputs": {}, "instances": []}',
        b'{"inputs": 1e400}',
    ],
)
def test_rest_bodies_that_are_no_request(served, body):
    status, answer = api_calls.predict_rest(served, body)
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
    content = api_calls.lists(inputs)
    content[name] = change(content[name])
    status, answer = api_calls.predict_rest(served, {"inputs": content})
    assert status == 400
    assert answer["error"]


def test_rest_names_that_are_refused(served, inputs):
    content = api_calls.lists(inputs)
    status, answer = api_calls.predict_rest(
        served, {"inputs": content, "signature_name": "nothing"}
    )
    assert (status, "nothing" in answer["error"]) == (400, True)
    del content["scores"]
    status, answer = api_calls.predict_rest(served, {"inputs": content})
    assert (status, "scores" in answer["error"]) == (400, True)
