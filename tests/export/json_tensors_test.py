import json

import numpy as np
import pytest
import tensorflow as tf

from tf_poselift.export import json_tensors

TYPES = {"a": tf.float32, "b": tf.int32}


def test_rows_and_columns_are_the_same_arrays():
    rows = json_tensors.to_arrays(
        "instances", [{"a": [1.5, 2], "b": 3}, {"a": [0, 1], "b": 4}], TYPES
    )
    columns = json_tensors.to_arrays(
        "inputs", {"a": [[1.5, 2], [0, 1]], "b": [3, 4], "other": 0}, TYPES
    )
    np.testing.assert_array_equal(rows["a"], [[1.5, 2.0], [0.0, 1.0]])
    assert rows["a"].dtype == np.float32
    assert rows["b"].dtype == np.int32
    for name, value in rows.items():
        np.testing.assert_array_equal(value, columns[name])


def test_one_input_needs_no_name():
    types = {"a": tf.float32}
    for form, content in (
        ("instances", [1.0, 2.0]),
        ("instances", [{"a": 1.0}, {"a": 2.0}]),
        ("inputs", [1.0, 2.0]),
        ("inputs", {"a": [1.0, 2.0]}),
    ):
        arrays = json_tensors.to_arrays(form, content, types)
        np.testing.assert_array_equal(arrays["a"], [1.0, 2.0])


def test_answers_come_in_the_form_of_the_request():
    answers = {"x": np.array([[1.0], [2.0]]), "y": np.array([True, False])}
    assert json_tensors.from_arrays("inputs", answers) == {
        "outputs": {"x": [[1.0], [2.0]], "y": [True, False]}
    }
    assert json_tensors.from_arrays("instances", answers) == {
        "predictions": [{"x": [1.0], "y": True}, {"x": [2.0], "y": False}]
    }
    del answers["x"]
    assert json_tensors.from_arrays("inputs", answers) == {
        "outputs": [True, False]
    }
    assert json_tensors.from_arrays("instances", answers) == {
        "predictions": [True, False]
    }


def test_float32_is_written_with_its_shortest_digits_and_read_back():
    value = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    value[:3] = 0.1, np.nan, -np.inf
    text = json.dumps(json_tensors.from_arrays("inputs", {"a": value}))
    assert text.startswith('{"outputs": [0.1, NaN, -Infinity, ')
    _, _, content = json_tensors.parse(text.replace("outputs", "inputs"))
    read = json_tensors.to_arrays("inputs", content, {"a": tf.float32})
    np.testing.assert_array_equal(read["a"], value)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "JSON Parse error"),
        (b"\xff", "JSON Parse error"),
        (b"[" * 100_000, "JSON Parse error"),
        (b"[1]", "must be an object"),
        (b"{}", "must have one of `instances`, `inputs`"),
        (b'{"inputs": 1, "signature_name": 2}', "`signature_name` must be"),
        (b'{"inputs": 1e400}', "1e400 is too large"),
        (b'{"inputs": ' + b"1" * 5000 + b"}", "JSON Parse error: Exceeds"),
        (b'{"inputs": 1, "inputs": 2}', "a key is there twice"),
        (b'{"instances": [{"a": 1, "a": 2}]}', "a key is there twice"),
    ],
)
def test_what_is_no_request_is_refused(body, message):
    with pytest.raises(ValueError, match=message):
        json_tensors.parse(body)


@pytest.mark.parametrize(
    ("form", "content", "message"),
    [
        ("inputs", {"a": [1.0]}, "Missing named input: b"),
        ("inputs", [1.0], "Missing named input: a, b"),
        ("inputs", {"a": [1.0], "b": [1.5]}, "`b` must be nested lists of int"),
        (
            "inputs",
            {"a": [[1.0], [1.0, 2.0]], "b": [1]},
            "`a` .* one length. Received: lists of different lengths",
        ),
        ("inputs", {"a": ["1"], "b": [1]}, "Received: str"),
        ("inputs", {"a": [True, 1.0], "b": [1]}, "Received: bool, float"),
        ("inputs", {"a": [None], "b": [1]}, "Received: NoneType"),
        ("inputs", {"a": [{}], "b": [1]}, "Received: dict"),
        ("inputs", {"a": [10**400], "b": [1]}, "`a`: int too large"),
        ("inputs", {"a": [1.0], "b": [2**40]}, "`b`: "),
        ("instances", {}, "must be a list with at least one row"),
        ("instances", [], "must be a list with at least one row"),
        ("instances", [1.0], "keys must be equal to: a, b. Received: float"),
        ("instances", [{"a": 1, "c": 1}], r"equal to: a, b. .*\['a', 'c'\]"),
    ],
)
def test_what_is_no_tensor_is_refused(form, content, message):
    with pytest.raises(ValueError, match=message):
        json_tensors.to_arrays(form, content, TYPES)


@pytest.mark.parametrize(
    ("form", "content"),
    [
        ("inputs", [{"b64": "/wA="}, "é"]),
        ("inputs", {"x": [{"b64": "/wA="}, "é"]}),
        ("instances", [{"b64": "/wA="}, "é"]),
        ("instances", [{"x": {"b64": "/wA="}}, {"x": "é"}]),
    ],
)
def test_bytes_are_base64(form, content):
    arrays = json_tensors.to_arrays(form, content, {"x": tf.string})
    assert arrays["x"].tolist() == [b"\xff\x00", "é".encode()]


def test_lists_in_lists_without_end_are_refused():
    content = "text"
    for _ in range(900):
        content = [content]
    for dtype in (tf.string, tf.float32):
        with pytest.raises(ValueError, match="`x` "):
            json_tensors.to_arrays("inputs", {"x": content}, {"x": dtype})


@pytest.mark.parametrize(
    "bad",
    [
        1.5,
        None,
        True,
        ["a", ["b"]],
        {"b64": "/wA"},
        {"b64": "*wA="},
        {"b64": 3},
        {"a": 1},
    ],
)
def test_what_is_no_string_is_refused(bad):
    with pytest.raises(ValueError, match="`x`|`b64`|keys must be"):
        json_tensors.to_arrays("inputs", {"x": [bad]}, {"x": tf.string})
