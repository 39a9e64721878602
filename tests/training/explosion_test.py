"""Losses that are not finite, or too large, name their step and term."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tf_poselift.methods import kudo2018
from tf_poselift.training import loop
from tf_poselift.training import training

pytestmark = pytest.mark.usefixtures("eagerly")


def train(prepared_dataset, workdir, steps=10):
    return training.train(
        "kudo2018",
        dataset=prepared_dataset.dataset,
        data_dir=prepared_dataset.data_dir,
        workdir=workdir,
        steps=steps,
        batch_size=8,
        overrides=["width=16"],
        strategy="one",
    )


@pytest.fixture
def poison(monkeypatch):
    """Makes one term another value at step 3, and all after it NaN."""
    plain = kudo2018.Method.objectives

    def use(value: float):
        def objectives(self, batch):
            found = plain(self, batch)
            step = int(batch["step"])
            for network, terms in found.losses.items():
                for name, (weight, term) in terms.items():
                    if step > 3:
                        value_now = np.nan
                    elif step == 3 and name == "facing":
                        value_now = value
                    else:
                        continue
                    changed = tf.fill(tf.shape(term), value_now)
                    found.losses[network][name] = weight, changed
            # A constant does not depend on what the critic judges.
            return dataclasses.replace(found, adversary=None)

        monkeypatch.setattr(kudo2018.Method, "objectives", objectives)
        # A step without a gradient changes nothing.
        monkeypatch.setattr(kudo2018.Method, "apply", lambda *_: None)

    return use


def test_the_term_that_was_first_not_finite_is_named(
    prepared_dataset, tmp_path, poison
):
    poison(float("nan"))
    with pytest.raises(ValueError) as caught:
        train(prepared_dataset, tmp_path)
    told = str(caught.value)
    assert "Received: facing, lifter_loss not finite at step 3, with" in told
    with np.load(tmp_path / "bad_batch_3.npz") as batch:
        assert batch["step"] == 3


def test_losses_that_explode_stop_the_run_before_they_overflow(
    prepared_dataset, tmp_path, poison
):
    poison(10.0 * loop.EXPLODED)
    with pytest.raises(ValueError) as caught:
        train(prepared_dataset, tmp_path)
    assert "below 1e+08. Received: facing = 1e+09" in str(caught.value)
    assert "at step 3, with the batch in" in str(caught.value)
    train(prepared_dataset, tmp_path / "short", steps=3)  # all was well


def test_want_of_memory_names_the_batch_size(
    prepared_dataset, tmp_path, monkeypatch
):
    def run(*_):
        raise tf.errors.ResourceExhaustedError(
            None, None, "Graph execution error:\n\nOOM when allocating tensor"
        )

    monkeypatch.setattr(loop.Loop, "run", run)
    with pytest.raises(MemoryError, match="8 .*OOM when .*`--batch_size`"):
        train(prepared_dataset, tmp_path)
