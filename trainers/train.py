"""Trains a method on prepared data sets.

python trainers/train.py --method=kudo2018 --dataset=deepmimic \
    --workdir=runs/kudo --steps=2400 --batch_size=256

The same command continues a run that was stopped. `--list` shows what there
is to choose from.
"""

import sys

from tf_poselift import quiet_start

quiet_start.import_tensorflow()

import tensorflow as tf
from absl import app
from absl import flags
from absl import logging

from tf_poselift import methods
from tf_poselift.data import prepared
from tf_poselift.training import strategies
from tf_poselift.training import training
from tf_poselift.training import workers

_METHOD = flags.DEFINE_string("method", None, "Method; see --list.")
_DATASET = flags.DEFINE_string(
    "dataset", None, "NAME[/CONFIG][:VERSION], several by comma."
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir", prepared.DATA_DIR, "Folder of prepared data sets."
)
_WORKDIR = flags.DEFINE_string("workdir", None, "Run folder.")
_STEPS = flags.DEFINE_integer("steps", 10_000, "Updates in all.", 1)
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size", None, "Global batch; default: the method's own.", 1
)
_SEED = flags.DEFINE_integer("seed", 0, "Of weights and of every draw.")
_CONFIG = flags.DEFINE_multi_string(
    "config", [], "FIELD=VALUE of the method's config; may be repeated."
)
_STRATEGY = flags.DEFINE_enum(
    "strategy", "auto", strategies.NAMES, "Where the replicas run."
)
_VIRTUAL_DEVICES = flags.DEFINE_integer(
    "virtual_devices",
    1,
    "Parts of the GPU, or of the CPU, to try --strategy=mirrored.",
    1,
)
_PRECISION = flags.DEFINE_enum(
    "precision", "float32", ["float32", "mixed_bfloat16"], "Keras policy."
)
_FLIP = flags.DEFINE_bool("flip", False, "Left/right flip augmentation.")
_SKELETON = flags.DEFINE_string(
    "skeleton", None, "Name or YAML file of a skeleton to map the data to."
)
_NOISE = flags.DEFINE_multi_string(
    "noise",
    [],
    "FIELD=VALUE of detector-like noise on the 2D (pixels, outliers, "
    "outlier_pixels, outlier_score, missing); may be repeated.",
)
_STREAM = flags.DEFINE_bool(
    "stream",
    False,
    "Reads batches from the records: for data that do not fit into memory.",
)
_SHUFFLE_BUFFER = flags.DEFINE_integer(
    "shuffle_buffer", 65536, "Examples that --stream draws from.", 1
)
_TEACHER = flags.DEFINE_string(
    "teacher", None, "Run folder of the lifter to learn from (TIPSy-GAN)."
)
_PATIENCE = flags.DEFINE_integer(
    "patience",
    None,
    "Ends the run after so many checkpoints that are not better on held-out "
    "2D; default: never.",
    1,
)
_SAVE_EVERY = flags.DEFINE_integer(
    "save_every", 1000, "Steps between checkpoints.", 1
)
_KEEP = flags.DEFINE_integer(
    "keep", 3, "Number of checkpoints that are kept.", 1
)
_DETERMINISTIC = flags.DEFINE_bool(
    "deterministic", False, "Bit-equal runs on a GPU, too; slower there."
)
_DEBUG_NAN = flags.DEFINE_bool(
    "debug_nan",
    False,
    "Stops in the operation that makes the first number that is not finite; "
    "much slower.",
)
_LIST = flags.DEFINE_bool("list", False, "Lists methods and data sets.")


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments: {' '.join(argv[1:])}.")
    logging.set_verbosity(logging.WARNING)
    if _LIST.value:
        print("methods:\n  " + "\n  ".join(methods.describe()))
        if _METHOD.value:
            print(f"config of {_METHOD.value} (fields of --config):")
            for field, value in methods.defaults(_METHOD.value).items():
                print(f"  {field}={value}")
        known = prepared.known(_DATA_DIR.value) or ["none"]
        print(f"data sets in {_DATA_DIR.value}:\n  " + "\n  ".join(known))
        return
    for flag in (_METHOD, _DATASET, _WORKDIR):
        if flag.value is None:
            sys.exit(f"error: --{flag.name} is required; see --help.")
    if _VIRTUAL_DEVICES.value > 1 and _STRATEGY.value != "mirrored":
        sys.exit(
            "error: `--virtual_devices` needs `--strategy=mirrored`. "
            f"Received: {_STRATEGY.value}."
        )
    if _DETERMINISTIC.value:
        tf.config.experimental.enable_op_determinism()
    try:
        if _VIRTUAL_DEVICES.value > 1:
            strategies.use_virtual_devices(_VIRTUAL_DEVICES.value)
        training.train(
            _METHOD.value,
            dataset=_DATASET.value,
            data_dir=_DATA_DIR.value,
            workdir=_WORKDIR.value,
            steps=_STEPS.value,
            batch_size=_BATCH_SIZE.value,
            seed=_SEED.value,
            overrides=_CONFIG.value,
            strategy=_STRATEGY.value,
            precision=_PRECISION.value,
            flip=_FLIP.value,
            skeleton=_SKELETON.value,
            noise=_NOISE.value,
            stream=_STREAM.value,
            shuffle_buffer=_SHUFFLE_BUFFER.value,
            teacher=_TEACHER.value,
            patience=_PATIENCE.value,
            debug_nan=_DEBUG_NAN.value,
            save_every=_SAVE_EVERY.value,
            keep=_KEEP.value,
        )
    except (ValueError, OSError, MemoryError, workers.Lost) as error:
        sys.exit(f"error: {error}")
    except tf.errors.InvalidArgumentError as error:
        if not _DEBUG_NAN.value:
            raise
        sys.exit(f"error: {error.message}")


if __name__ == "__main__":
    app.run(main)
