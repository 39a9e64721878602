"""Processes that train together over `TF_CONFIG`, on the loopback."""

import json
import os
import signal
import subprocess
import time

import numpy as np
import pytest
import yaml

from tests.training import processes
from tf_poselift.training import cluster
from tf_poselift.training import training
from tf_poselift.training import workers

TWO = {"worker": ["a:1", "b:1"]}
STEPS = 20
# Equality needs SGD and batch norm that keeps its statistics; see
# distribution_test.
PLAIN = f"""
import functools, runpy, sys, keras
from tf_poselift.networks import adam, batch_norm
adam.Adam = lambda *_, **__: keras.optimizers.SGD(0.003)
batch_norm.BatchNormalization = functools.partial(
    batch_norm.BatchNormalization, trainable=False
)
sys.argv[0] = {processes.TRAIN!r}
runpy.run_path(sys.argv[0], run_name="__main__")
"""
METHODS = {  # without the facing rule, whose gradient jumps
    "kudo2018": ("facing_weight=0", "average_decay=0.9"),
    "svma2021": ("dropout=0", "facing_weight=0"),
    "tipsy_gan2022": ("blocks=2",),
    "yu2021": (
        "dropout=0",
        "lifter_blocks=2",
        "kl_weight=0",
        "lifter_steps=2",
    ),
    "bouazizi2021": ("blocks=2", f"total_steps={STEPS}", "output_share=0.5"),
    "martinez2017": ("dropout=0",),
}


def set_config(monkeypatch, jobs, kind="worker", index=0):
    content = {"cluster": jobs, "task": {"type": kind, "index": index}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(content))


def test_cluster_of_the_environment(monkeypatch):
    set_config(monkeypatch, TWO, index=1)
    assert cluster.from_environment() == cluster.Cluster(("a:1", "b:1"), 1)
    with_chief = TWO | {"chief": ["c:1"]}
    for kind, index, number in (
        ("chief", 0, 0),
        ("worker", 0, 1),
        ("worker", 1, 2),
    ):
        set_config(monkeypatch, with_chief, kind, index)
        assert cluster.from_environment() == cluster.Cluster(
            ("c:1", "a:1", "b:1"), number
        )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "needs the environment variable `TF_CONFIG` in every process"),
        ("{", "must be JSON like .*host0:2222.*Received: {"),
        ("[]", "must be JSON like"),
        ('{"cluster": {"worker": ["a:1"]}}', "must be JSON like .*'task'"),
        ('{"cluster": {"worker": ["a"]}, "task": {"type": "worker", '
         '"index": 0}}', "addresses of the form host:port. Received: "),
        ('{"cluster": {"worker": ["a:1", "a:1"]}, "task": {"type": "worker", '
         '"index": 0}}', "every address once"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", '
         '"index": 1}}', "a task that is in the cluster"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "chief", '
         '"index": 0}}', "a task that is in the cluster"),
        ('{"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}',
         "jobs `chief` and `worker` only, not `ps`"),
        ('{"cluster": {"chief": ["a:1", "b:1"]}, "task": {"type": "chief", '
         '"index": 0}}', "at most one `chief`"),
    ],
)  # fmt: skip
def test_a_cluster_that_will_not_do_is_refused(
    monkeypatch, tmp_path, prepared_dataset, text, words
):
    if text is None:
        monkeypatch.delenv("TF_CONFIG", raising=False)
    else:
        monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match=words):
        training.train(
            "kudo2018",
            dataset=prepared_dataset.dataset,
            data_dir=prepared_dataset.data_dir,
            workdir=tmp_path / "run",
            steps=1,
            strategy="multi_worker",
        )
    assert not (tmp_path / "run").exists()


def test_the_manifest_of_the_guide_gives_every_pod_its_place(monkeypatch):
    guide = (processes.ROOT / "docs" / "distributed.md").read_text("utf-8")
    text = guide.partition("```yaml\n")[2].partition("```")[0]
    job = list(yaml.safe_load_all(text))[1]["spec"]
    container = job["template"]["spec"]["containers"][0]
    (script,) = container["args"]
    before_training = script.partition("exec python ")[0]
    for index in range(job["completions"]):
        printed = subprocess.run(
            [*container["command"], before_training + "printenv TF_CONFIG"],
            env={
                "JOB_COMPLETION_INDEX": str(index),
                "PATH": os.environ["PATH"],
            },
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        monkeypatch.setenv("TF_CONFIG", printed)
        place = cluster.from_environment()
        assert place.number == index
        assert place.addresses[index] == f"lifter-{index}.lifter:2222"


def test_a_process_alone_agrees_with_itself():
    alone = workers.Workers(None)
    assert alone.is_chief
    assert alone.any(True)
    assert not alone.any(False)
    alone.check_same("settings", "anything")
    with pytest.raises(ZeroDivisionError), alone.watched():
        1 / 0  # noqa: B018


def ends(process) -> str:
    """Waits for the end of a process and returns what it said."""
    return process.communicate(timeout=processes.LIMIT)[0]


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_two_workers_equal_one_process(prepared_dataset, tmp_path, method):
    def flags(workdir):
        return [
            *processes.flags(prepared_dataset, workdir, steps=STEPS),
            f"--method={method}",
            "--save_every=10",
            "--config=width=16",
            *(f"--config={field}" for field in METHODS[method]),
        ]

    one, two = tmp_path / "one", tmp_path / "two"
    done = processes.run(flags(one), program=("-c", PLAIN))
    assert done.returncode == 0, done.stderr
    together = [flags(two)] * 2
    with processes.workers(together, program=("-c", PLAIN)) as started:
        outputs = [ends(process) for process in started]
    assert [p.returncode for p in started] == [0, 0], outputs
    # The chief alone has a bar and writes.
    assert "step/s" in outputs[0]
    assert "step/s" not in outputs[1]
    assert len(list((two / "tensorboard").glob("events*"))) == 1
    expected = processes.variables(one, step=STEPS)
    for name, value in processes.variables(two, step=STEPS).items():
        scale = max(np.abs(expected[name]).max(), 1e-3)
        np.testing.assert_allclose(
            value, expected[name], rtol=0, atol=1e-5 * scale, err_msg=name
        )


@pytest.fixture(scope="module")
def uninterrupted(prepared_dataset, tmp_path_factory):
    """What two workers reach if nothing happens to them."""
    workdir = tmp_path_factory.mktemp("uninterrupted") / "run"
    flags = processes.flags(prepared_dataset, workdir, steps=60)
    with processes.workers([flags] * 2) as started:
        outputs = [ends(process) for process in started]
        assert [p.returncode for p in started] == [0, 0], outputs
    return processes.variables(workdir, step=60)


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_when_a_worker_is_killed_the_other_ends_and_both_continue(
    prepared_dataset, tmp_path, uninterrupted, victim
):
    flags = [processes.flags(prepared_dataset, tmp_path, steps=60)] * 2
    ports = processes.free_ports(2)
    with processes.workers(flags, ports=ports) as started:
        processes.wait_for_checkpoint(tmp_path, 25, started)
        started[victim].send_signal(signal.SIGKILL)
        begin = time.monotonic()
        output = ends(started[1 - victim])
        assert time.monotonic() - begin < 120  # seen: 1.4 s
        assert started[1 - victim].returncode == 1
    assert "error: Another worker of this run has ended" in output
    assert "start all workers again with the same command" in output
    # At once, at the same addresses.
    with processes.workers(flags, ports=ports) as started:
        outputs = [ends(process) for process in started]
        assert [p.returncode for p in started] == [0, 0], outputs
    assert all("Continuing from step " in output for output in outputs)
    for name, value in processes.variables(tmp_path, step=60).items():
        np.testing.assert_allclose(
            value, uninterrupted[name], rtol=1e-6, atol=1e-7, err_msg=name
        )


@pytest.mark.slow
def test_a_worker_that_answers_no_more_is_given_up(prepared_dataset, tmp_path):
    flags = [processes.flags(prepared_dataset, tmp_path, steps=10_000)] * 2
    with processes.workers(flags) as started:
        processes.wait_for_checkpoint(tmp_path, 5, started)
        started[1].send_signal(signal.SIGSTOP)
        output = ends(started[0])  # seen: 10 s
    assert started[0].returncode == 1
    assert "error: Another worker of this run has ended" in output


@pytest.mark.slow
def test_asking_one_worker_to_stop_stops_all_at_one_step(
    prepared_dataset, tmp_path
):
    flags = [processes.flags(prepared_dataset, tmp_path, steps=10_000)] * 2
    with processes.workers(flags) as started:
        processes.wait_for_checkpoint(tmp_path, 5, started)
        started[1].send_signal(signal.SIGTERM)
        outputs = [ends(process) for process in started]
    assert [p.returncode for p in started] == [0, 0], outputs
    said = [
        next(line for line in output.splitlines() if "Stopped at" in line)
        for output in outputs
    ]
    assert said[0] == said[1]
    step = int(said[0].partition("Stopped at step ")[2].partition(";")[0])
    assert processes.variables(tmp_path, step=step)


@pytest.mark.slow
def test_workers_that_were_asked_for_different_things_say_so(
    prepared_dataset, tmp_path
):
    flags = [
        processes.flags(prepared_dataset, tmp_path / "run", steps=steps)
        for steps in (10, 20)
    ]
    with processes.workers(flags) as started:
        outputs = [ends(process) for process in started]
    for process, output in zip(started, outputs, strict=True):
        assert process.returncode == 1
        assert "error: All workers must have the same settings" in output
    assert not (tmp_path / "run").exists()
