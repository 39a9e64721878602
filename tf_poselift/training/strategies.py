"""Distribution strategies by name."""

import contextlib

import tensorflow as tf

from tf_poselift import checks

NAMES = ("auto", "one", "mirrored")


def make(name: str) -> tf.distribute.Strategy | None:
    """Returns a strategy; None for one device.

    Args:
      name: "one"; "mirrored": all visible GPUs, or all logical CPUs where
        there is no GPU; "auto": mirrored if there are several GPUs, else one.

    Raises:
      ValueError: unknown name.
    """
    checks.check_member("strategy", name, NAMES)
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
