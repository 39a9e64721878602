"""Distribution strategies by name."""

import contextlib

import tensorflow as tf

from tf_poselift import checks
from tf_poselift.training import cluster

NAMES = ("auto", "one", "mirrored", "multi_worker")


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
    return tf.distribute.MirroredStrategy(
        [device.name for device in devices],
        # On logical CPUs the default, collective operations, hangs if a device
        # is missing and confuses two strategies of one process.
        cross_device_ops=None if gpus else tf.distribute.ReductionToOneDevice(),
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
    """Splits the CPU into `count` logical devices, to try `mirrored` on it.

    Call it before TensorFlow has used a device.
    """
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * count
    )
