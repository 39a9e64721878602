"""A skeleton small enough to write files of it by hand."""

import json
import os
import pathlib

import pytest

from tf_poselift import skeletons


@pytest.fixture
def skeleton() -> skeletons.Skeleton:
    """Two joints."""
    joints = {"hip": None, "head": "hip"}
    return skeletons.from_dict({"name": "two", "joints": joints})


@pytest.fixture
def write(tmp_path):
    """Writes text, or anything else as JSON; returns the path."""

    def write(name: str, content) -> pathlib.Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_bytes(text.encode())
        return path

    return write


@pytest.fixture
def raw_data() -> pathlib.Path:
    """The folder of real data, which need not be there."""
    return pathlib.Path(os.environ.get("TF_POSELIFT_DATA") or "nowhere")
