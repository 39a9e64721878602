from concurrent import futures

import numpy as np
import pytest
import tensorflow as tf

from tf_poselift.export import c_loader
from tf_poselift.export import signatures


@pytest.fixture
def session(model_dir):
    return c_loader.Session(model_dir / "2")


def test_answers_by_name(kept_toy, session):
    inputs = signatures.serving_default(kept_toy).examples(3)
    answers = session.run("serving_default", inputs)
    right = kept_toy.serve(**{k: tf.constant(v) for k, v in inputs.items()})
    assert set(answers) == {"joints_3d", "scale", "valid"}
    assert answers["valid"].dtype == bool
    np.testing.assert_allclose(
        answers["joints_3d"], right["joints_3d"], atol=1e-6
    )


def test_an_empty_batch_is_answered_with_an_empty_result(kept_toy, session):
    inputs = signatures.serving_default(kept_toy).examples(0)
    answers = session.run("serving_default", inputs)
    assert answers["joints_3d"].shape == (0, 17, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x[0], "is not compatible with expected shape"),
        (lambda x: x.astype(np.float64), "float but double is provided"),
    ],
)
def test_wrong_inputs_get_the_server_errors(kept_toy, session, change, message):
    inputs = signatures.serving_default(kept_toy).examples(3)
    inputs["keypoints_2d"] = change(inputs["keypoints_2d"])
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        session.run("serving_default", inputs)


def test_a_missing_input_is_an_error(kept_toy, session):
    inputs = signatures.serving_default(kept_toy).examples(3)
    del inputs["scores"]
    with pytest.raises(tf.errors.InvalidArgumentError, match="scores"):
        session.run("serving_default", inputs)


def test_a_folder_without_a_model_is_an_error(tmp_path):
    with pytest.raises(tf.errors.NotFoundError, match="Could not find Saved"):
        c_loader.Session(tmp_path)


def test_threads_may_share_a_session(kept_toy, session):
    inputs = signatures.serving_default(kept_toy).examples(64)
    wrong = {name: value[..., :1] for name, value in inputs.items()}
    expected = session.run("serving_default", inputs)["joints_3d"]

    def work(i):
        if i % 2:
            with pytest.raises(tf.errors.InvalidArgumentError):
                session.run("serving_default", wrong)
            return expected
        return session.run("serving_default", inputs)["joints_3d"]

    with futures.ThreadPoolExecutor(8) as pool:
        for answer in pool.map(work, range(64)):
            np.testing.assert_allclose(answer, expected, atol=1e-6)


def test_strings_of_any_bytes_are_fed(kept_toy, session):
    """What is too long for a string's own 24 bytes, and what is no text."""
    served = {s.name: s for s in signatures.for_method(kept_toy)}
    inputs = served["examples"].examples(9)
    inputs["examples"][0] = b""
    answers = session.run("examples", inputs)
    assert answers["valid"].tolist() == [False] + [True] * 6 + [False, True]
    inputs["examples"][0] = b"\xff\xfe\x00garbage"
    with pytest.raises(tf.errors.InvalidArgumentError, match="Could not parse"):
        session.run("examples", inputs)
