"""TensorFlow starts without a word, unless it is asked or fails."""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[1]
CODE = """
import os
from tf_poselift import quiet_start
quiet_start.import_tensorflow()
import tensorflow as tf
tf.constant(1) + 1
os.write(2, b"ours")
"""


def run(code: str, **environment) -> subprocess.CompletedProcess:
    kept = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=kept | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_nothing_but_our_own_words_is_written():
    done = run(CODE)
    assert done.returncode == 0
    assert done.stderr == "ours"


def test_the_users_own_level_counts():
    done = run(CODE, TF_CPP_MIN_LOG_LEVEL="0")
    # A line of the level "information"; which ones depends on the processor.
    assert re.search(r"(?m)^I\d{4} .+\.cc:\d+\] ", done.stderr), done.stderr
    assert done.stderr.endswith("ours")


def test_a_failure_is_shown(tmp_path):
    (tmp_path / "tensorflow.py").write_text(
        "import os; os.write(2, b'why'); raise ImportError('broken')"
    )
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = run(CODE, PYTHONPATH=paths)
    assert done.returncode != 0
    assert "why" in done.stderr and "ImportError: broken" in done.stderr
