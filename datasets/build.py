"""Builds data sets into TFRecords.

python datasets/build.py --dataset=deepmimic
python datasets/build.py --dataset=cmu_mocap,cmu_bvh --manual_dir=RAW
python datasets/build.py --dataset=keypoints --manual_dir=DETECTIONS \\
    --skeleton=coco_17 --name=my_video
"""

import contextlib
import importlib
import io
import os
import pathlib
import sys
import time
from collections.abc import Iterator

import tensorflow_datasets as tfds
import tqdm
from absl import app
from absl import flags
from absl import logging

from tf_poselift import checks
from tf_poselift import quiet_start
from tf_poselift.data import generation

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
_BEAM = flags.DEFINE_bool(
    "beam", False, "Make the records with Apache Beam (aistpp, surreal)."
)
_NUM_SHARDS = flags.DEFINE_integer(
    "num_shards",
    None,
    "Files of a split, no more than it has clips; default: by its size.",
    1,
)

# Only for `keypoints`, the user's own (docs/own_data.md).
_OWN = (
    flags.DEFINE_string("name", None, "The data set will be keypoints/NAME."),
    flags.DEFINE_string("skeleton", None, "Of the detector: NAME, or a YAML."),
    flags.DEFINE_string("calibration", None, "TOML of the cameras, if any."),
    flags.DEFINE_float("fps", None, "Frames per second; default: 30."),
    flags.DEFINE_string("image_size", None, "WIDTH,HEIGHT in pixels."),
    flags.DEFINE_float(
        "min_score", None, "Joints of a lower score are missing; default: 0.3."
    ),
    flags.DEFINE_string("format", None, "Default: the files' form tells."),
    flags.DEFINE_bool("stills", None, "Every detection is another person."),
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


def choose_config(cls, name: str, config: str, folder, own: dict):
    """Returns the configuration; `own` are the options of `keypoints`."""
    if hasattr(cls, "config_of"):
        return cls.config_of(folder, own | ({"name": config} if config else {}))
    if own:
        given = ", ".join(f"--{option}" for option in own)
        raise ValueError(f"{given}: for --dataset=keypoints alone.")
    if config:
        known = list(cls.builder_configs) or ["(none)"]
        checks.check_member(f"configuration of `{name}`", config, known)
    return config or None


def build(
    dataset: str,
    data_dir,
    manual_dir,
    overwrite: bool,
    *,
    beam: bool = False,
    num_shards: int | None = None,
    **own,
) -> None:
    """Builds one data set `NAME[/CONFIG]` and prints what was written."""
    name, _, config = dataset.partition("/")
    cls = builder_class(name)
    if beam and not issubclass(cls, generation.Builder):
        raise ValueError(f"--beam: `{name}` is too small for it; leave it out.")
    folder = manual_folder(name, manual_dir)
    config = choose_config(cls, name, config, folder, own)
    builder = cls(config=config, data_dir=data_dir)
    print(f"{builder.info.full_name} -> {builder.data_dir}", flush=True)
    reuse = pathlib.Path(builder.data_dir).exists() and not overwrite
    mode = tfds.download.GenerateMode
    options = tfds.download.DownloadConfig(
        manual_dir=folder,
        beam_runner="DirectRunner" if beam else None,
        num_shards=num_shards,
        download_mode=mode.REUSE_DATASET_IF_EXISTS
        if reuse
        else mode.REUSE_CACHE_IF_EXISTS,
    )
    start = time.perf_counter()
    with _without_empty_folders(builder), _one_bar(builder, disable=reuse):
        builder.download_and_prepare(download_config=options)
    seconds = f"{time.perf_counter() - start:.1f} s"
    splits = builder.info.splits
    clips = ", ".join(f"{s} {splits[s].num_examples}" for s in splits)
    size = sum(split.num_bytes for split in splits.values()) / 1e6
    done = "already built; --overwrite builds it again" if reuse else seconds
    print(f"  clips: {clips}; {size:.1f} MB; {done}", flush=True)
    for note in getattr(builder, "notes", ()):
        print(f"  note: {note}", flush=True)


@contextlib.contextmanager
def _without_empty_folders(builder) -> Iterator[None]:
    """Takes empty folders of the data set away after a failure."""
    try:
        yield
    except BaseException:
        folder = pathlib.Path(builder.data_dir)
        with contextlib.suppress(OSError):  # what is not empty stays
            for parent in folder.parents[
                : str(builder.info.full_name).count("/")
            ]:
                parent.rmdir()
        raise


@contextlib.contextmanager
def _one_bar(builder, *, disable: bool) -> Iterator[None]:
    """Counts clips on one line, in place of TFDS's bars and its own words."""
    make = builder._generate_examples
    tfds.enable_progress_bar()
    with (
        tqdm.tqdm(desc=builder.name, unit=" clips", disable=disable) as bar,
        contextlib.redirect_stdout(io.StringIO()),
    ):

        def counted(*args, **kwargs):
            # Downloads come before, and keep TFDS's bars.
            tfds.disable_progress_bar()
            examples = make(*args, **kwargs)
            # Beam has no iterator but a transformation.
            return each(examples) if hasattr(examples, "__next__") else examples

        def each(examples):
            for example in examples:
                yield example
                bar.update()

        builder._generate_examples = counted
        yield


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments: {' '.join(argv[1:])}.")
    quiet_start.import_tensorflow()  # TFDS does when its bar is half full
    logging.set_verbosity(logging.ERROR)  # TFDS warns of every own config
    options = (_DATA_DIR.value, _MANUAL_DIR.value, _OVERWRITE.value)
    how = {"beam": _BEAM.value, "num_shards": _NUM_SHARDS.value}
    own = {flag.name: flag.value for flag in _OWN if flag.value is not None}
    try:
        for dataset in _DATASET.value:
            build(dataset, *options, **how, **own)
    except ERRORS as error:
        sys.exit(f"\nerror: {error}")  # not on a progress bar's line


if __name__ == "__main__":
    app.run(main)
