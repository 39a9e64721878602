import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from tf_poselift.export import c_loader

CLIENT = pathlib.Path(__file__).parents[2] / "serving" / "client.py"


@pytest.fixture
def poses():
    rng = np.random.default_rng(0)
    keypoints_2d = rng.normal(500.0, 99.0, [7, 17, 2]).astype(np.float32)
    keypoints_2d[4, 3, 0] = np.nan
    return keypoints_2d, np.ones([7, 17], np.float32)


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_lift_gives_what_the_model_gives(
    stand_in, client_module, poses, protocol
):
    client = client_module.Client(
        "lifter", **{protocol: getattr(stand_in, protocol)}, max_batch=3
    )
    lifted = client.lift(*poses)
    session = c_loader.Session(stand_in.version_dir)
    right = session.run(
        "serving_default", {"keypoints_2d": poses[0], "scores": poses[1]}
    )
    assert lifted["valid"].tolist() == [True] * 4 + [False] + [True] * 2
    for name, value in right.items():
        assert lifted[name].dtype == value.dtype
        np.testing.assert_allclose(lifted[name], value, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda k, s: (k[0], s), r"`keypoints_2d` must have shape \[N, J, 2\]"),
        (lambda k, s: (k, s[:1]), r"`scores` must have shape \(7, 17\)"),
        (lambda k, s: (k[:0], s[:0]), "must have at least one row"),
    ],
)
def test_lift_refuses_before_it_asks(client_module, poses, change, message):
    client = client_module.Client("lifter", rest="http://127.0.0.1:1")
    with pytest.raises(ValueError, match=message):
        client.lift(*change(*poses))


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_another_signature_is_asked_for_by_its_name(
    stand_in, client_module, protocol
):
    keypoints_2d = np.random.default_rng(0).normal(500.0, 99.0, [2, 25, 2])
    scores = np.ones([2, 25], np.float32)
    client = client_module.Client(
        "lifter",
        **{protocol: getattr(stand_in, protocol)},
        signature="from_body_25",
    )
    lifted = client.lift(keypoints_2d, scores)
    assert lifted["joints_3d"].shape == (2, 17, 3)
    assert lifted["valid"].all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "One of `rest` and `grpc`"),
        ({"rest": "http://a", "grpc": "a"}, "One of `rest` and `grpc`"),
        ({"rest": "127.0.0.1:8501"}, "`rest` must be like http"),
        ({"rest": "http://127.0.0.1:99999"}, "Port out of range"),
        ({"grpc": "a:1", "max_batch": 0}, "`max_batch` must be at least 1"),
        ({"grpc": "a:1", "timeout": 0.0}, "`timeout` must be above 0"),
    ],
)
def test_arguments_are_checked(client_module, arguments, message):
    with pytest.raises(ValueError, match=message):
        client_module.Client("lifter", **arguments)


def test_encode_writes_what_the_api_reads(client_module):
    value = np.arange(6, dtype=np.float32).reshape(3, 1, 2)
    message = client_module.encode(
        "a" * 200, 300, "from_x", {"keypoints_2d": value}
    )
    request = predict_pb2.PredictRequest.FromString(message)
    assert request.model_spec.name == "a" * 200
    assert request.model_spec.version.value == 300
    assert request.model_spec.signature_name == "from_x"
    received = tf.make_ndarray(request.inputs["keypoints_2d"])
    np.testing.assert_array_equal(received, value)


@pytest.mark.parametrize("as_content", [True, False])
def test_decode_reads_both_forms_of_a_tensor(client_module, as_content):
    joints_3d = np.random.default_rng(0).normal(size=[5, 17, 3])
    right = {
        "joints_3d": joints_3d.astype(np.float32),
        "valid": np.arange(5) % 2 == 0,
    }
    response = predict_pb2.PredictResponse()
    response.model_spec.name = "lifter"
    for name, value in right.items():
        proto = tf.make_tensor_proto(value)
        if not as_content:
            proto.ClearField("tensor_content")
            proto.ClearField("bool_val")
            field = proto.bool_val if name == "valid" else proto.float_val
            field.extend(value.ravel().tolist())
        response.outputs[name].CopyFrom(proto)
    answers = client_module.decode(response.SerializeToString())
    assert set(answers) == set(right)
    for name, value in right.items():
        np.testing.assert_allclose(answers[name], value, rtol=1e-6)


def test_decode_reads_an_empty_answer(client_module):
    response = predict_pb2.PredictResponse()
    empty = tf.make_tensor_proto(np.zeros([0, 17, 3], np.float32))
    response.outputs["joints_3d"].CopyFrom(empty)
    answers = client_module.decode(response.SerializeToString())
    assert answers["joints_3d"].shape == (0, 17, 3)


def _run(*arguments):
    return subprocess.run(
        [sys.executable, str(CLIENT), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )


def test_script_lifts_a_file(stand_in, poses, tmp_path):
    path, out = tmp_path / "poses.npz", tmp_path / "out.npz"
    np.savez(path, keypoints_2d=poses[0], scores=poses[1])
    done = _run(
        *("--rest", stand_in.rest, "--model", "lifter"),
        *("--keypoints", path, "--out", out),
    )
    assert done.returncode == 0, done.stderr
    assert "6 of 7 poses lifted" in done.stdout
    with np.load(out) as written:
        assert written["joints_3d"].shape == (7, 17, 3)
    assert {p.name for p in tmp_path.iterdir()} == {"poses.npz", "out.npz"}


def test_script_takes_what_the_client_takes(stand_in, poses, tmp_path):
    path = tmp_path / "poses.npz"
    np.savez(path, keypoints_2d=poses[0], scores=poses[1])
    given = "--rest", stand_in.rest, "--model=lifter", "--keypoints", path
    done = _run(*given, "--version=1", "--max_batch=2", "--timeout=59")
    assert done.returncode == 0, done.stderr
    assert "6 of 7 poses lifted" in done.stdout
    for flag, message in (
        ("--version=7", "HTTP 404"),
        ("--max_batch=0", "`max_batch` must be at least 1. Received: 0."),
        ("--timeout=0", "`timeout` must be above 0. Received: 0.0."),
    ):
        done = _run(*given, flag)
        assert done.returncode == 1
        assert message in done.stderr and "Traceback" not in done.stderr


def test_script_says_what_is_wrong(tmp_path):
    path = tmp_path / "poses.npy"
    np.save(path, np.zeros([7, 17]))
    done = _run("--grpc=127.0.0.1:1", "--model=lifter", "--keypoints", path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "must have shape [N, J, 2] or [N, J, 3]" in done.stderr
    assert "Traceback" not in done.stderr


def test_script_checks_where_to_write_before_it_lifts(tmp_path):
    path, out = tmp_path / "poses.npy", tmp_path / "nowhere" / "out.npz"
    np.save(path, np.zeros([7, 17, 2]))
    done = _run(
        *("--rest=http://127.0.0.1:1", "--model=lifter"),
        *("--keypoints", path, "--out", out),
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: `--out` must be a file in a folder")
    assert f"Received: {out}." in done.stderr


def test_files_of_either_form_are_read(client_module, tmp_path):
    path = tmp_path / "poses.npy"
    np.save(path, np.full([2, 17, 3], 0.5))
    keypoints_2d, scores = client_module.read_keypoints(path)
    assert keypoints_2d.shape == (2, 17, 2)
    assert (scores == 0.5).all()
    np.save(path, np.zeros([2, 17, 2]))
    assert (client_module.read_keypoints(path)[1] == 1.0).all()
    with pytest.raises(ValueError, match="that can be read: No such file"):
        client_module.read_keypoints(tmp_path / "nothing.npz")
    path.write_text("x, y")
    with pytest.raises(ValueError, match=r"must be \.npy or \.npz"):
        client_module.read_keypoints(path)


def test_grpc_needs_no_tensorflow(stand_in):
    code = (
        "import sys, numpy, client\n"
        f"c = client.Client('lifter', grpc='{stand_in.grpc}')\n"
        "p = c.lift(numpy.random.rand(2, 17, 2), numpy.ones([2, 17]))\n"
        "assert p['valid'].all()\n"
        "loaded = {m.split('.')[0] for m in sys.modules}\n"
        "print(sorted(loaded & {'tensorflow', 'google', 'tf_poselift'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=CLIENT.parent,
    )
    assert done.stdout == "[]\n", done.stderr
