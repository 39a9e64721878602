"""Training on records that are read as they are needed."""

import numpy as np
import pytest
import tensorflow as tf

from tf_poselift.data import reader
from tf_poselift.data import sampling
from tf_poselift.data import streaming
from tf_poselift.methods import kudo2018
from tf_poselift.training import loop
from tf_poselift.training import run_folder
from tf_poselift.training import training


def train(data, workdir, steps, method="kudo2018", **kwargs):
    options = {
        "dataset": data.dataset,
        "data_dir": data.data_dir,
        "batch_size": 8,
        "overrides": ["width=16"],
        "strategy": "one",
        "save_every": 4,
        "log_every": 2,
        "stream": True,
        "shuffle_buffer": 100,
    } | kwargs
    return training.train(method, workdir=workdir, steps=steps, **options)


def test_an_epoch_has_the_losses_of_the_table(prepared_dataset):
    """Without shuffling or learning, terms that are not drawn agree."""
    config = kudo2018.Config(
        width=16, batch_size=16, learning_rate=0.0, weight_decay=0.0
    )
    spec = kudo2018.batch_spec(config)
    where = prepared_dataset.dataset, "train", prepared_dataset.data_dir
    table = reader.read(*where)
    options = {"batch_size": config.batch_size, "seed": 3}

    def losses(source) -> dict[str, float]:
        method = kudo2018.Method(
            table.skeleton, config, seed=1, jit_compile=False
        )
        steps = table.num_rows * table.num_views // config.batch_size
        training_loop = loop.Loop(method, source)
        logs, bad = training_loop.run(
            tf.constant(0, tf.int64), tf.constant(steps, tf.int64)
        )
        assert bad == -1
        return {name: float(value) for name, value in logs.items()}

    expected = losses(sampling.Sampler(table, spec, **options))
    found = losses(streaming.Stream(*where, spec, shuffle_buffer=1, **options))
    assert expected["facing"] > 0
    for name in ("facing", "valid"):
        assert found[name] == pytest.approx(expected[name], rel=1e-4), name
    # The rest depends on random views: the same in the mean.
    assert found["discrimination"] == pytest.approx(
        expected["discrimination"], rel=1e-2
    )


@pytest.mark.usefixtures("eagerly")
def test_two_replicas_take_the_same_batches_and_the_run_goes_on(
    prepared_dataset, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(kudo2018.Method, "plain_from", 1)  # without XLA
    weights = []
    for strategy in ("one", "mirrored"):
        folder = tmp_path / strategy
        tf.config.run_functions_eagerly(strategy == "one")
        train(prepared_dataset, folder, 4, strategy=strategy, flip=True)
        networks = run_folder.load(folder).method.networks.values()
        weights.append([w for n in networks for w in n.get_weights()])
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    tf.config.run_functions_eagerly(True)
    logs = train(prepared_dataset, folder, 6, strategy="one", flip=True)
    assert "Continuing from step 4" in capsys.readouterr().out
    assert np.isfinite(logs["lifter_loss"])


def test_what_a_stream_cannot_give_is_refused(prepared_dataset, tmp_path):
    for kwargs, words in (
        ({"method": "yu2021"}, "off for `yu2021` .its `statistics`."),
        ({"noise": ["pixels=3"]}, "off for `noise`"),
        ({"skeleton": "deepmimic_16"}, "off for `skeleton`"),
        ({"dataset": "a,b"}, "off for several data sets"),
        ({"overrides": ["labelled_share=0.1"]}, "without `--stream`"),
    ):
        with pytest.raises(ValueError, match=words):
            train(prepared_dataset, tmp_path / "run", 2, **kwargs)
    assert not (tmp_path / "run").exists()


def test_shares_of_a_batch():
    batch = {"index": tf.range(6), "step": tf.constant(3)}
    parts = [streaming.share(batch, replica, 3) for replica in range(3)]
    assert [list(p["index"].numpy()) for p in parts] == [[0, 1], [2, 3], [4, 5]]
    assert all(p["step"] == 3 for p in parts)
