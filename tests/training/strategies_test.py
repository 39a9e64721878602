"""What is asked of TensorFlow; no GPU is needed, and none is used."""

import subprocess

import pytest
import tensorflow as tf

from tf_poselift.training import strategies


@pytest.fixture
def asked(monkeypatch):
    """What is set, on a machine of two GPUs of 1,000 and 2,000 MiB."""
    asked = {}
    gpus = ["GPU:0", "GPU:1"]
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda _: gpus)
    monkeypatch.setattr(
        tf.config,
        "set_visible_devices",
        lambda devices, kind: asked.update(visible=(devices, kind)),
    )
    monkeypatch.setattr(
        tf.config,
        "set_logical_device_configuration",
        lambda device, parts: asked.update({device: parts}),
    )
    monkeypatch.setattr(
        subprocess,
        "run",
        lambda *_, **__: subprocess.CompletedProcess([], 0, "2000\n1000\n"),
    )
    return asked


def test_a_gpu_is_split_alike(asked):
    strategies.use_virtual_devices(2)
    assert asked["visible"] == (["GPU:0"], "GPU")
    assert [part.memory_limit for part in asked["GPU:0"]] == [450, 450]


def test_a_gpu_of_unknown_memory_is_not_split(monkeypatch, asked):
    def missing(*_, **__):
        raise FileNotFoundError("no nvidia-smi")

    monkeypatch.setattr(subprocess, "run", missing)
    with pytest.raises(ValueError, match="Received: no nvidia-smi. Set CUDA_"):
        strategies.use_virtual_devices(2)


@pytest.mark.parametrize(
    ("logical", "visible", "reduces"),
    [(2, 1, True), (2, 2, False), (0, 0, True)],
    ids=["parts of one GPU", "two GPUs", "logical CPUs"],
)
def test_parts_of_a_device_do_not_use_nccl(
    monkeypatch, logical, visible, reduces
):
    found = {
        "GPU": [tf.config.LogicalDevice(f"GPU:{i}", "GPU") for i in range(2)],
        "CPU": [tf.config.LogicalDevice("CPU:0", "CPU")],
    }
    found["GPU"] = found["GPU"][:logical]
    monkeypatch.setattr(tf.config, "list_logical_devices", found.get)
    monkeypatch.setattr(
        tf.config, "get_visible_devices", lambda _: ["GPU"] * visible
    )
    monkeypatch.setattr(
        tf.distribute, "MirroredStrategy", lambda names, **k: (names, k)
    )
    names, options = strategies.make("mirrored")
    assert names == [d.name for d in found["GPU"] or found["CPU"]]
    ops = options["cross_device_ops"]
    assert isinstance(ops, tf.distribute.ReductionToOneDevice) is reduces
    assert reduces or ops is None
