"""Requests that nobody means well with, for hypothesis to draw.

Most are close to a right one: what is far from it is refused at the first look.
"""

import base64
import dataclasses
import functools
import gzip
import json
import re

import numpy as np
import raw_http
from hypothesis import strategies as st

from tf_poselift.export import tf_examples

JOINTS = 17
# What may stand where a number stood.
TOKENS = (
    *("NaN", "-Infinity", "Infinity", "1e400", "-1e39", "1e-400", "-0.0"),
    *("9" * 400, "9" * 5000, "1" + "0" * 39, "1_0", "0x1", "01", "+1", ".5"),
    *("true", "null", '"1.0"', '"\\ud800"', '"\\u0000"', "{}", "[]", "[1.0]"),
    *('{"b64": "AAAA"}', '{"b64": 1}', '{"b64": "*"}', "1e", "'a'", "", "\x00"),
)
PATHS = (
    *("/v1/models/lifter:predict",) * 6,
    *("/v1/models/lifter/versions/1:predict", "/v1/models/lifter"),
    *("/v1/models/lifter/metadata", "/v1/models/lifter/versions/1"),
    *("/v1/models/lifter/versions/2:predict", "/v1/models/x:predict"),
    *("/v1/models/lifter/labels/stable:predict", "/v1/models/lifter:classify"),
    *("/v1/models/lifter/versions/" + "9" * 4400 + ":predict", "/v1/", "*"),
    *("/v1/models/lifter:PREDICT", "/v1/models/lifter:predict?a=b", "//v1"),
    *("/v1/models/%00:predict", "/", "/v1/models/" + "a" * 9000, "/v1/../v1"),
)
METHODS = ("POST",) * 8 + ("GET", "PUT", "DELETE", "post", "P\x00ST")
SIGNATURES = ("from_coco_17", "normalized", "nothing", "__saved_model_init_op")
ODD_HEADERS = (
    *(b"no colon", b": empty", b"X: \xff\xfe", b"X: a\r\n folded", b"X:" * 999),
    *(b"Content-Length: 3", b"Content-Length: -1", b"Content-Length: x"),
    *(b"Content-Length: 99999999999", b"Content-Length: 100000"),
    *(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"),
    *(b"Connection: close", b"Connection: keep-alive", b"Upgrade: h2c"),
    *(b"Expect: 100-continue", b"Expect: more", b"Content-Encoding: gzip"),
    *(b"X: " + b"x" * 70_000, b"\r\n".join([b"X: x"] * 120)),
)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["inputs", "instances", "a"]), inner)
    ),
)


@dataclasses.dataclass(frozen=True)
class Request:
    """What is sent, and what it asks for if its head can be read."""

    sent: bytes
    method: str
    path: str
    body: bytes
    good: bool  # nothing is wrong with it
    framed: bool  # where it ends is clear


@st.composite
def tensors(draw, shape: list[int]) -> str:
    """JSON of an array: right, or of another shape, or with odd values."""
    if draw(st.integers(0, 9)) == 0:
        shape = draw(st.lists(st.integers(0, 4), max_size=6))
    if draw(st.integers(0, 19)) == 0:
        depth = draw(st.integers(1, 3000))
        return "[" * depth + "1.0" + "]" * draw(st.integers(0, 3000))
    text, spans = array_text(tuple(shape), draw(st.integers(0, 9)))
    if spans and draw(st.booleans()):
        # The later one first: it does not move the other.
        places = draw(st.sets(st.integers(0, len(spans) - 1), max_size=2))
        for place in sorted(places, reverse=True):
            start, end = spans[place]
            token = draw(st.sampled_from(TOKENS))
            text = text[:start] + token + text[end:]
    return text


@functools.cache
def array_text(shape: tuple[int, ...], seed: int):
    """JSON of an array of that shape, and where its numbers stand in it."""
    rng = np.random.default_rng(seed)
    text = json.dumps(rng.normal(500.0, 99.0, shape).round(2).tolist())
    return text, [m.span() for m in re.finditer(r"-?\d+\.\d+", text)]


@st.composite
def examples(draw, rows: int) -> str:
    """JSON of serialized Examples, or of other bytes and texts."""
    points = np.random.default_rng(rows).normal(500.0, 99.0, [rows, JOINTS, 2])
    good = tf_examples.serialize(
        points.astype(np.float32), np.ones([rows, JOINTS], np.float32)
    )
    instances: list[object] = [
        {"b64": base64.b64encode(example).decode()} for example in good
    ]
    for odd in draw(st.lists(st.text() | st.binary(), max_size=2)):
        if isinstance(odd, bytes):
            odd = {"b64": base64.b64encode(odd).decode()}
        instances.append(odd)
    return json.dumps(instances)


@st.composite
def documents(draw) -> str:
    """JSON that is a request, or nearly, or not at all."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return json.dumps(draw(ANY_JSON))
    rows = draw(st.integers(0, 3))
    if kind == 1:
        form = draw(st.sampled_from(["instances", "inputs"]))
        content = draw(examples(rows))
        return f'{{"signature_name": "examples", "{form}": {content}}}'
    shapes = {"keypoints_2d": [JOINTS, 2], "scores": [JOINTS]}
    names = list(shapes)
    if draw(st.integers(0, 9)) == 0:
        # Missing, twice, or unknown.
        names = draw(st.lists(st.sampled_from([*names, "more"]), max_size=3))

    def fields(leading: list[int]) -> str:
        pairs = [
            f'"{name}": {draw(tensors(leading + shapes.get(name, [])))}'
            for name in names
        ]
        return "{" + ", ".join(pairs) + "}"

    entries = []
    if draw(st.integers(0, 4)) == 0:
        name = json.dumps(draw(st.sampled_from(SIGNATURES) | st.text()))
        entries = [f'"signature_name": {name}']
    if kind < 5:
        instances = ", ".join(fields([]) for _ in range(rows))
        entries.append(f'"instances": [{instances}]')
    else:
        entries.append(f'"inputs": {fields([rows])}')
    if draw(st.integers(0, 19)) == 0:
        entries.append(entries[-1])
    return "{" + ", ".join(entries) + "}"


@st.composite
def bodies(draw) -> bytes:
    text = draw(documents())
    kind = draw(st.integers(0, 19))
    if kind == 0:
        return text.encode(draw(st.sampled_from(["utf-16", "utf-8-sig"])))
    body = text.encode()
    if kind == 1:
        return gzip.compress(body, mtime=0)
    if kind == 2:
        return body + draw(st.binary(max_size=9))
    if kind == 3:
        return draw(st.binary())
    if kind == 4 and body:
        at = draw(st.integers(0, len(body) - 1))
        return body[:at] + bytes([draw(st.integers(0, 255))]) + body[at + 1 :]
    if kind == 5:
        return body[: draw(st.integers(0, len(body)))]
    return body


@st.composite
def requests(draw) -> Request:
    if draw(st.integers(0, 3)) == 0:
        return good_request(draw(st.integers(0, 9)))
    body = draw(bodies())
    method = draw(st.sampled_from(METHODS))
    path = draw(st.sampled_from(PATHS))
    length = b"Content-Length: %d" % len(body)
    headers, framed = (length,), True
    if draw(st.integers(0, 3)) == 0:
        odd = draw(st.lists(st.sampled_from(ODD_HEADERS), max_size=3))
        headers = tuple(draw(st.permutations([length, *odd])))
        framed = False
    elif not body and method != "POST":
        headers = ()
    sent = raw_http.request(body, method=method, path=path, headers=headers)
    return Request(sent, method, path, body, good=False, framed=framed)


@st.composite
def connections(draw) -> tuple[list[Request], float, bool]:
    """Requests in a row, the share that is sent, and whether it ends rudely."""
    asked = draw(st.lists(requests(), min_size=1, max_size=3))
    share = draw(st.floats(0.0, 1.0)) if draw(st.integers(0, 4)) == 0 else 1.0
    return asked, share, share < 1.0 and draw(st.booleans())


def poses(seed: int) -> dict[str, list]:
    points = np.random.default_rng(seed).normal(500.0, 99.0, [2, JOINTS, 2])
    return {"keypoints_2d": points.tolist(), "scores": [[1.0] * JOINTS] * 2}


def good_request(seed: int) -> Request:
    body = json.dumps({"inputs": poses(seed)}).encode()
    sent = raw_http.request(body)
    return Request(sent, "POST", PATHS[0], body, good=True, framed=True)
