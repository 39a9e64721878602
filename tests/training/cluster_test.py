"""What `TF_CONFIG` must be, and under which strategy."""

import json

import pytest

from tf_poselift.training import cluster
from tf_poselift.training import training


def set_config(monkeypatch, jobs, kind="worker", index=0):
    content = {"cluster": jobs, "task": {"type": kind, "index": index}}
    monkeypatch.setenv(cluster.VARIABLE, json.dumps(content))


@pytest.mark.parametrize(
    ("jobs", "kind", "words"),
    [
        ({"worker": ["a:1"]}, ["worker"], "`type` is not text"),
        ({"worker": {"0": "a:1"}}, "worker", "addresses are not a list"),
        ({"worker": "a:1"}, "worker", "addresses are not a list"),
        ({"worker": ["a:99999999"]}, "worker", "ports to 65535 .*host:port"),
        ({"worker": ["a:0"]}, "worker", "ports to 65535"),
        ({"worker": [":1"]}, "worker", "host:port"),
        ({"worker": [1]}, "worker", "host:port"),
    ],
)
def test_refusals(monkeypatch, jobs, kind, words):
    set_config(monkeypatch, jobs, kind)
    with pytest.raises(ValueError, match=f"{words}.*|Received: .*{words}"):
        cluster.from_environment()


def test_several_processes_need_their_strategy(monkeypatch, tmp_path):
    set_config(monkeypatch, {"worker": ["a:1", "b:1"]}, index=1)
    with pytest.raises(
        ValueError, match="names 2 processes.*--strategy=multi_worker"
    ):
        training.train(
            "kudo2018",
            dataset="any",
            data_dir=str(tmp_path),
            workdir=tmp_path / "run",
            steps=1,
        )


def test_one_process_may_train_by_itself(monkeypatch):
    set_config(monkeypatch, {"worker": ["a:1"]})
    cluster.check_unused()
    monkeypatch.delenv(cluster.VARIABLE)
    cluster.check_unused()
