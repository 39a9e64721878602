"""Prepared data sets on disk: finds them and checks that records fit.

`DATA_DIR/NAME[/CONFIG]/VERSION/` is what `datasets/build.py` and TFDS write.
Builders are never imported: everything is in that folder.
"""

import pathlib
import re

import numpy as np
import tensorflow_datasets as tfds
from google.protobuf import json_format

from tf_poselift import schema
from tf_poselift import skeletons
from tf_poselift.data import records

DATA_DIR = str(tfds.core.constants.DATA_DIR)  # where TFDS puts data sets

_WORDS = re.compile(
    r"(?P<name>\w+)(/(?P<config>[\w.\-]+))?(:(?P<version>\d+\.\d+\.\d+))?"
)


def find(dataset: str, data_dir: str | None = None) -> pathlib.Path:
    """Returns the folder of a prepared data set.

    Args:
      dataset: NAME[/CONFIG][:VERSION]. Without a version the newest one;
        without a config the builder's first, or the only one there is.
      data_dir: folder of prepared data sets; TFDS's own by default.

    Raises:
      ValueError: not of that form, or several configs to choose from.
      FileNotFoundError: not prepared; says how to build it and what is there.
    """
    match = _WORDS.fullmatch(dataset)
    if not match:
        raise ValueError(
            f"`dataset` must be NAME[/CONFIG][:VERSION]. Received: `{dataset}`."
        )
    root = _root(data_dir)
    folder = root / match["name"]
    config = match["config"] or _default_config(folder)
    folder = folder / config if config else folder
    versions = _versions(folder)
    version = match["version"] or (versions[-1] if versions else None)
    if version not in versions:
        there = known(root)
        raise FileNotFoundError(
            f"No prepared data set `{dataset}` in {root}. Prepared there: "
            f"{', '.join(there) or 'none'}. Build it: `python "
            f"datasets/build.py --dataset={dataset.split(':')[0]} "
            f"--data_dir={root}`."
        )
    return folder / version


def _root(data_dir: str | None) -> pathlib.Path:
    return pathlib.Path(data_dir or DATA_DIR).expanduser()


def known(data_dir: str | pathlib.Path) -> list[str]:
    """Returns what is prepared in a folder, as NAME[/CONFIG]:VERSION."""
    root = pathlib.Path(data_dir).expanduser()
    versions = [
        path.parent.relative_to(root)
        for depth in (2, 3)
        for path in root.glob("/".join(["*"] * depth) + "/dataset_info.json")
        if _is_version(path.parent.name)
    ]
    return sorted(f"{path.parent.as_posix()}:{path.name}" for path in versions)


def _is_version(name: str) -> bool:
    return re.fullmatch(r"\d+\.\d+\.\d+", name) is not None


def _versions(folder: pathlib.Path) -> list[str]:
    names = [
        path.parent.name
        for path in folder.glob("*/dataset_info.json")
        if _is_version(path.parent.name)
    ]
    return sorted(names, key=lambda name: [int(n) for n in name.split(".")])


def _default_config(folder: pathlib.Path) -> str | None:
    configs = sorted(
        path.name
        for path in folder.glob("*")
        if path.is_dir() and _versions(path)
    )
    if _versions(folder) or not configs:
        return None
    default = tfds.core.dataset_builder.load_default_config_name(
        tfds.core.Path(folder)
    )
    if default in configs:
        return default
    if len(configs) > 1:
        raise ValueError(
            f"`dataset` must name a config of `{folder.name}`. Prepared: "
            f"{', '.join(f'{folder.name}/{config}' for config in configs)}."
        )
    return configs[0]


def open_builder(
    dataset: str, data_dir: str | None = None
) -> tfds.core.DatasetBuilder:
    """Returns a reader of one prepared data set, which fits the schema.

    Raises:
      ValueError, FileNotFoundError: as `find`; a description that cannot be
        read; features that are not those of the schema.
    """
    folder = find(dataset, data_dir)
    try:
        builder = tfds.builder_from_directory(str(folder))
        skeleton(builder)
    except (ValueError, KeyError, OSError, json_format.ParseError) as error:
        name = folder.parent.relative_to(_root(data_dir)).as_posix()
        raise ValueError(
            f"Cannot read the description of the data set in {folder}: "
            f"{error}. {rebuild(name, folder)}"
        ) from error
    check_features(builder)
    return builder


def rebuild(dataset: str, folder: str | pathlib.Path) -> str:
    """Returns the sentence that says how to replace a damaged data set.

    Args:
      dataset: NAME[/CONFIG][:VERSION], with the config if it has any.
      folder: DATA_DIR/NAME[/CONFIG]/VERSION.
    """
    dataset = dataset.partition(":")[0]
    data_dir = pathlib.Path(folder).parents[dataset.count("/") + 1]
    return (
        f"Build it again: `python datasets/build.py --dataset={dataset} "
        f"--data_dir={data_dir} --overwrite`."
    )


def full_name(builder: tfds.core.DatasetBuilder) -> str:
    """Returns "NAME/CONFIG:VERSION" of a prepared data set."""
    config = builder.builder_config
    middle = f"/{config.name}" if config else ""
    return f"{builder.name}{middle}:{builder.version}"


def skeleton(builder: tfds.core.DatasetBuilder) -> skeletons.Skeleton:
    """Returns the skeleton in a data set's metadata."""
    metadata = builder.info.metadata or {}
    for key in (schema.METADATA_SKELETON, schema.METADATA_ACTIONS):
        if key not in metadata:
            raise ValueError(f"metadata.json lacks `{key}`")
    return skeletons.from_dict(metadata[schema.METADATA_SKELETON])


def check_split(builder: tfds.core.DatasetBuilder, split: str) -> None:
    """Raises ValueError that lists the known splits if `split` is none.

    "all" is all of them.
    """
    known_splits = sorted(builder.info.splits)
    if split == "all":  # TFDS's word
        return
    asked = [re.sub(r"\[.*\]$", "", part) for part in split.split("+")]
    if not set(asked) <= set(known_splits):
        raise ValueError(
            f"Unknown split `{split}` of `{full_name(builder)}`. Known: "
            f"{', '.join(known_splits)}. Give one: "
            f"`--split={known_splits[-1]}`."
        )


def check_features(builder: tfds.core.DatasetBuilder) -> None:
    """Checks the features of a data set against the schema.

    Raises:
      ValueError: lists every feature that is missing, unknown or different.
    """
    found = _flat(builder.info.features)
    shape = found.get(schema.KEYPOINTS_2D, ((), ""))[0]
    views = shape[1] if len(shape) == 4 else None
    expected = _flat(
        records.features(
            skeleton=skeleton(builder),
            views=views,
            joints_3d=schema.JOINTS_3D in found,
            cameras=any(key.startswith(schema.CAMERAS) for key in found),
        )
    )
    faults = [
        f"`{key}` is missing" for key in sorted(set(expected) - set(found))
    ]
    faults += [
        f"`{key}` is unknown" for key in sorted(set(found) - set(expected))
    ]
    faults += [
        f"`{key}` is {_words(found[key])} instead of {_words(expected[key])}"
        for key in sorted(set(found) & set(expected))
        if found[key] != expected[key]
    ]
    if faults:
        raise ValueError(
            f"The records in {builder.data_dir} must fit the schema. Received: "
            f"{'; '.join(faults)}. "
            f"{rebuild(full_name(builder), builder.data_dir)}"
        )


def _flat(features, prefix: str = "") -> dict[str, tuple[tuple, str]]:
    """Returns {path: (shape, type)} of nested features."""
    flat = {}
    for key, feature in features.items():
        if isinstance(feature, tfds.features.FeaturesDict):
            flat |= _flat(feature, f"{prefix}{key}/")
        else:
            dtype = np.dtype(feature.np_dtype)
            kind = "text" if dtype.kind == "O" else dtype.name
            flat[prefix + key] = (tuple(feature.shape), kind)
    return flat


def _words(feature: tuple[tuple, str]) -> str:
    shape, kind = feature
    return f"{kind} {['T' if n is None else n for n in shape]}".replace("'", "")
