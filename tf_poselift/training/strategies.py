"""Distribution strategies by name."""

import contextlib
import subprocess

import tensorflow as tf

from tf_poselift import checks
from tf_poselift.training import cluster

NAMES = ("auto", "one", "mirrored", "multi_worker")
_SHARE = 0.9  # of a GPU's memory for TensorFlow; its libraries need some, too


def make(name: str) -> tf.distribute.Strategy | None:
    """Returns a strategy; None for one device.

    Args:
      name: "one"; "mirrored": all visible GPUs, or all logical CPUs where
        there is no GPU; "auto": mirrored if there are several GPUs, else one;
        "multi_worker": all GPUs, or one CPU, of each process of `TF_CONFIG`.
        It waits for the others, and must come before TensorFlow is used.

    Raises:
      ValueError: unknown name, or a `TF_CONFIG` that will not do.
      OSError: the others did not come, or the own address is in use.
    """
    checks.check_member("strategy", name, NAMES)
    if name == "multi_worker":
        return _multi_worker(cluster.from_environment())
    gpus = tf.config.list_logical_devices("GPU")
    if name == "one" or (name == "auto" and len(gpus) < 2):
        return None
    devices = gpus or tf.config.list_logical_devices("CPU")
    split = len(gpus) > len(tf.config.get_visible_devices("GPU"))
    return tf.distribute.MirroredStrategy(
        [device.name for device in devices],
        # On logical CPUs the default, collective operations, hangs if a device
        # is missing and confuses two strategies of one process. On parts of a
        # GPU it is NCCL, which wants a GPU for each.
        cross_device_ops=(
            tf.distribute.ReductionToOneDevice() if split or not gpus else None
        ),
    )


def _multi_worker(found: cluster.Cluster) -> tf.distribute.Strategy:
    print(
        f"Worker {found.number} of {len(found.addresses)}, at "
        f"{found.addresses[found.number]}; waits for the others.",
        flush=True,
    )
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except tf.errors.OpError as error:
        raise OSError(
            f"The workers {', '.join(found.addresses)} could not be brought "
            f"together: {error.message.strip().splitlines()[0]}"
        ) from error


def scope(strategy: tf.distribute.Strategy | None):
    """Returns the strategy's scope, or a context that does nothing."""
    return contextlib.nullcontext() if strategy is None else strategy.scope()


def use_virtual_devices(count: int) -> None:
    """Splits one device into `count` logical ones, to try `mirrored` on it.

    It is the first visible GPU, whose memory they share alike; other GPUs are
    left out. Without a GPU it is the CPU. Call it before TensorFlow has used a
    device.

    Raises:
      ValueError: how much memory the GPU has cannot be found out.
    """
    gpus = tf.config.get_visible_devices("GPU")[:1]
    if gpus:
        tf.config.set_visible_devices(gpus, "GPU")
        limit = int(_SHARE * _gpu_memory() / count)
    else:
        limit = None
    device = (gpus or tf.config.list_physical_devices("CPU"))[0]
    tf.config.set_logical_device_configuration(
        device, [tf.config.LogicalDeviceConfiguration(limit)] * count
    )


def _gpu_memory() -> int:
    """Returns the MiB of the smallest GPU of this machine.

    TensorFlow itself tells them only of a GPU that it has begun to use.
    """
    query = "--query-gpu=memory.total", "--format=csv,noheader,nounits"
    try:
        found = subprocess.run(
            ["nvidia-smi", *query], capture_output=True, text=True, check=True
        )
        return min(map(int, found.stdout.split()))
    except (OSError, subprocess.CalledProcessError, ValueError) as error:
        raise ValueError(
            "`nvidia-smi` must tell the GPU's memory, to split it. Received: "
            f"{error}. Set CUDA_VISIBLE_DEVICES= to split the CPU."
        ) from error
