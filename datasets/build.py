"""Builds data sets into TFRecords, without Apache Beam.

python datasets/build.py --dataset=deepmimic
python datasets/build.py --dataset=cmu_mocap,cmu_bvh --manual_dir=RAW
"""

import importlib
import os
import pathlib
import sys
import time

import tensorflow_datasets as tfds
from absl import app
from absl import flags
from absl import logging

from tf_poselift import checks

_DATASET = flags.DEFINE_list(
    "dataset", None, "NAME[/CONFIG], several by comma.", required=True
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Where to write; default: ~/tensorflow_datasets."
)
_MANUAL_DIR = flags.DEFINE_string(
    "manual_dir", None, "Raw files; default: NAME in TF_POSELIFT_DATA."
)
_OVERWRITE = flags.DEFINE_bool(
    "overwrite", False, "Delete what is already built and build it again."
)

ROOT = pathlib.Path(__file__).parent
# Bad input and failed downloads; anything else is our fault and shows its
# traceback. AssertionError: TFDS, for a manual_dir that is not there.
ERRORS = (OSError, ValueError, AssertionError, tfds.download.DownloadError)


def builder_class(name: str) -> type[tfds.core.DatasetBuilder]:
    """Loads a builder by the name of its folder; ValueError lists them."""
    paths = ROOT.glob("*/*_dataset_builder.py")
    checks.check_member("data set", name, [p.parent.name for p in paths])
    return importlib.import_module(f"{name}.{name}_dataset_builder").Builder


def manual_folder(name: str, manual_dir: str | None) -> str | None:
    """Returns the folder of raw files (NAME in it, if there); None: TFDS's."""
    given = manual_dir or os.environ.get("TF_POSELIFT_DATA")
    if given and (pathlib.Path(given) / name).is_dir():
        return str(pathlib.Path(given) / name)
    if manual_dir and not any(pathlib.Path(manual_dir).glob("*")):
        raise FileNotFoundError(
            "`--manual_dir` must be a folder with the raw files. Received: "
            f"{manual_dir}, which is empty or not there."
        )
    return manual_dir


def build(dataset: str, data_dir, manual_dir, overwrite: bool) -> None:
    """Builds one data set `NAME[/CONFIG]` and prints what was written."""
    name, _, config = dataset.partition("/")
    cls = builder_class(name)
    if config:
        known = list(cls.builder_configs) or ["(none)"]
        checks.check_member(f"configuration of `{name}`", config, known)
    builder = cls(config=config or None, data_dir=data_dir)
    print(f"{builder.info.full_name} -> {builder.data_dir}", flush=True)
    reuse = pathlib.Path(builder.data_dir).exists() and not overwrite
    mode = tfds.download.GenerateMode
    options = tfds.download.DownloadConfig(
        manual_dir=manual_folder(name, manual_dir),
        download_mode=mode.REUSE_DATASET_IF_EXISTS
        if reuse
        else mode.REUSE_CACHE_IF_EXISTS,
    )
    start = time.perf_counter()
    builder.download_and_prepare(download_config=options)
    seconds = f"{time.perf_counter() - start:.1f} s"
    splits = builder.info.splits
    clips = ", ".join(f"{s} {splits[s].num_examples}" for s in splits)
    size = sum(split.num_bytes for split in splits.values()) / 1e6
    done = "already built" if reuse else seconds
    print(f"  clips: {clips}; {size:.1f} MB; {done}", flush=True)


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments: {' '.join(argv[1:])}.")
    logging.set_verbosity(logging.WARNING)
    options = (_DATA_DIR.value, _MANUAL_DIR.value, _OVERWRITE.value)
    try:
        for dataset in _DATASET.value:
            build(dataset, *options)
    except ERRORS as error:
        sys.exit(f"\nerror: {error}")  # not on a progress bar's line


if __name__ == "__main__":
    app.run(main)
