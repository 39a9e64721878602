"""Training as the command line does it, on a small prepared data set."""

import numpy as np
import pytest
import tensorflow as tf

from tf_poselift import skeletons
from tf_poselift.data import sampling
from tf_poselift.data import synthetic
from tf_poselift.data import writer
from tf_poselift.methods import kudo2018
from tf_poselift.training import loop
from tf_poselift.training import run_folder
from tf_poselift.training import strategies
from tf_poselift.training import training

eagerly = pytest.mark.usefixtures("eagerly")


def train(prepared_dataset, workdir, steps, **kwargs):
    options = {
        "dataset": prepared_dataset.dataset,
        "data_dir": prepared_dataset.data_dir,
        "batch_size": 8,
        "overrides": ["width=16"],
        "strategy": "one",
        "save_every": 2,
        "log_every": 2,
    } | kwargs
    return training.train("kudo2018", workdir=workdir, steps=steps, **options)


def weights(workdir):
    method = run_folder.load(workdir).method
    return [w for n in method.networks.values() for w in n.get_weights()]


@eagerly
def test_continued_run_equals_one_without_a_stop(
    prepared_dataset, tmp_path, capsys
):
    logs = train(prepared_dataset, tmp_path / "whole", 6)
    assert np.isfinite(logs["lifter_loss"])
    train(prepared_dataset, tmp_path / "parts", 3)
    train(prepared_dataset, tmp_path / "parts", 6)
    assert "Continuing from step 3" in capsys.readouterr().out
    for a, b in zip(
        weights(tmp_path / "whole"), weights(tmp_path / "parts"), strict=True
    ):
        np.testing.assert_array_equal(a, b)
    assert train(prepared_dataset, tmp_path / "parts", 6) == {}
    assert "Nothing to do" in capsys.readouterr().out


def test_writes_scalars_and_a_picture(prepared_dataset, tmp_path):
    train(prepared_dataset, tmp_path, 2)
    tags = set()
    for path in tmp_path.glob("tensorboard/events*"):
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            tags |= {value.tag for value in event.summary.value}
    assert {"lifter_loss", "discriminator_accuracy", "lifted"} <= tags


def test_refusals_leave_no_run_folder(prepared_dataset, tmp_path):
    workdir = tmp_path / "run"
    for kwargs, match in (
        ({"overrides": ["widht=16"]}, "Unknown field `widht`.*width"),
        ({"overrides": ["width=wide"]}, "`width` must be int"),
        ({"strategy": "many"}, "Unknown strategy `many`. Known: auto"),
        (
            {"strategy": "mirrored", "batch_size": 9},
            "multiple of the 2 replicas. Received: 9",
        ),
        ({"dataset": "walk"}, "datasets/build.py --dataset=walk"),
        ({"batch_size": 0}, "multiple of the 1 replicas. Received: 0"),
        ({"overrides": ["blocks=-1"]}, "`blocks` >= 0. Received: 1024, -1"),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=match):
            train(prepared_dataset, workdir, 2, **kwargs)
    assert not workdir.exists()


EXPLODING = {
    "overrides": ["width=16", "learning_rate=1e30", "accuracy_cap=1"],
    "log_every": 20,
    "save_every": 20,
}


@eagerly
def test_losses_that_are_not_finite_stop_the_run(prepared_dataset, tmp_path):
    with pytest.raises(
        ValueError, match="lifter_loss.* not finite at step"
    ) as (caught):
        train(prepared_dataset, tmp_path, 40, **EXPLODING)
    (path,) = tmp_path.glob("bad_batch_*.npz")
    step = int(path.stem.rpartition("_")[2])
    assert f"at step {step}, with the batch in {path}" in str(caught.value)
    # One step is finite: what it makes of the weights is not.
    assert 1 <= step < 10
    with np.load(path) as batch:
        assert batch["keypoints_2d"].shape == (8, 17, 2)
        assert batch["step"] == step


def test_debug_nan_names_the_operation(prepared_dataset, tmp_path):
    try:
        with pytest.raises(tf.errors.InvalidArgumentError, match="NaN|Inf"):
            train(prepared_dataset, tmp_path, 40, debug_nan=True, **EXPLODING)
    finally:
        tf.debugging.disable_check_numerics()


@eagerly
def test_data_without_a_root_stop_the_run(tmp_path):
    table = synthetic.table(
        skeletons.load("human36m_17"), clips=2, frames=10, views=2
    )
    table.scores[..., 0] = 0.0
    dataset = writer.write({"train": table}, str(tmp_path), name="headless")
    with pytest.raises(ValueError, match="the root and two further joints"):
        training.train(
            "kudo2018",
            dataset=dataset,
            data_dir=str(tmp_path),
            workdir=tmp_path / "run",
            steps=4,
            batch_size=8,
            overrides=["width=16"],
        )
    assert not list(tmp_path.glob("run/checkpoints/*.index"))


def test_logs_of_a_call_are_the_mean_over_its_steps():
    table = synthetic.table(
        skeletons.load("human36m_17"), clips=2, frames=10, views=2
    )

    def make_loop():
        config = kudo2018.Config(width=16)
        method = kudo2018.Method(table.skeleton, config, jit_compile=False)
        sampler = sampling.Sampler(
            table, kudo2018.batch_spec(config), batch_size=4, seed=0
        )
        return loop.Loop(method, sampler)

    def run(training_loop, first, count):
        logs, _ = training_loop.run(
            tf.constant(first, tf.int64), tf.constant(count, tf.int64)
        )
        return {name: float(value) for name, value in logs.items()}

    together = run(make_loop(), 0, 4)
    single = make_loop()
    one_by_one = [run(single, step, 1) for step in range(4)]
    for name, value in together.items():
        mean = np.mean([logs[name] for logs in one_by_one])
        assert value == pytest.approx(mean, rel=1e-5)


def test_strategies():
    assert strategies.make("one") is None
    assert strategies.make("auto") is None or len(
        tf.config.list_logical_devices("GPU")
    )
    assert strategies.make("mirrored").num_replicas_in_sync == 2


@eagerly
def test_noise_is_part_of_what_a_run_is(prepared_dataset, tmp_path):
    train(prepared_dataset, tmp_path, 2, noise=["pixels=5", "missing=0.1"])
    noise = run_folder.load(tmp_path).settings["noise"]
    assert (noise["pixels"], noise["missing"]) == (5.0, 0.1)
    with pytest.raises(ValueError, match=r"noise.pixels \(there: 5.0, asked"):
        train(prepared_dataset, tmp_path, 4, noise=["pixels=6", "missing=0.1"])
    with pytest.raises(ValueError, match="Unknown field `pixel`"):
        train(prepared_dataset, tmp_path / "b", 4, noise=["pixel=6"])


@eagerly
def test_data_are_mapped_to_the_skeleton_asked_for(prepared_dataset, tmp_path):
    train(prepared_dataset, tmp_path, 2, skeleton="deepmimic_16")
    assert run_folder.load(tmp_path).method.skeleton.name == "deepmimic_16"
    with pytest.raises(ValueError, match="skeleton"):
        train(prepared_dataset, tmp_path, 4)  # the data's own


def test_a_teacher_is_refused_where_none_is_needed(prepared_dataset, tmp_path):
    with pytest.raises(ValueError, match="`kudo2018` .* no use for a teacher"):
        train(prepared_dataset, tmp_path, 2, teacher="elsewhere")


@eagerly
def test_averaged_weights_are_what_is_loaded(prepared_dataset, tmp_path):
    overrides = ["width=16", "average_decay=0.9"]
    train(prepared_dataset, tmp_path, 5, overrides=overrides, keep=None)
    run = run_folder.load(tmp_path)
    last = run_folder.load(tmp_path, averaged=False)
    assert run.averaged
    assert not last.averaged
    average = last.method.averages["lifter"].variables
    for used, a, b in zip(
        run.method.lifter.weights,
        average,
        last.method.lifter.weights,
        strict=True,
    ):
        np.testing.assert_array_equal(used, a)
        assert not np.array_equal(used, b)
    kept = (tmp_path / "checkpoints").glob("*.index")
    assert len(list(kept)) == 3  # steps 2, 4, 5
