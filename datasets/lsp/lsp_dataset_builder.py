"""Leeds Sports Poses, its extension and the extension's re-annotation: 2D."""

import dataclasses
import pathlib

import numpy as np
import tensorflow_datasets as tfds

from tf_poselift import skeletons
from tf_poselift.data import mat_files
from tf_poselift.data import raw_files
from tf_poselift.data import records

FILE = "joints.mat"
JOINTS = 14
_PAGE = "http://sam.johnson.io/research"


@dataclasses.dataclass(eq=False, kw_only=True)
class Config(tfds.core.BuilderConfig):
    """One of the three sets, which write the same in different ways.

    Attributes:
      folder: words in the name of the folder that its `joints.mat` is in.
      axes: of the array in the file, "joints", "values" and "images".
      seen_flag: whether the third value tells where a joint is labelled.
      has_test: whether the second half of the images is for testing.
      source: where to get it.
    """

    folder: tuple[str, ...]
    axes: tuple[str, str, str]
    seen_flag: bool
    has_test: bool
    source: str

    @property
    def shape(self) -> tuple[int | str, ...]:
        """Of the array; N for the number of images."""
        sizes = {"joints": JOINTS, "values": 3, "images": "N"}
        return tuple(sizes[axis] for axis in self.axes)


# The more special names first: a folder called hr-lspet is no LSPET.
_CONFIGS = {
    config.name: config
    for config in (
        Config(
            name="hr_lspet",
            description="LSPET, re-annotated: 9,428 people.",
            folder=("hr-lspet", "hr_lspet", "hrlspet"),
            axes=("joints", "values", "images"),
            seen_flag=False,
            has_test=False,
            source="http://datasets.d2.mpi-inf.mpg.de/hr-lspet/hr-lspet.zip",
        ),
        Config(
            name="lspet",
            description="LSP extended: 10,000 people, labelled by a crowd.",
            folder=("lspet",),
            axes=("joints", "values", "images"),
            seen_flag=True,
            has_test=False,
            source=f"{_PAGE}/lspet_dataset.zip",
        ),
        Config(
            name="lsp",
            description="Leeds Sports Poses: 2,000 people.",
            folder=("lsp",),
            axes=("values", "joints", "images"),
            seen_flag=False,
            has_test=True,
            source=f"{_PAGE}/lsp_dataset.zip",
        ),
    )
}


class Builder(tfds.core.GeneratorBasedBuilder):
    """Builds the `lsp` data set."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = [_CONFIGS[name] for name in ("lsp", "lspet", "hr_lspet")]
    MANUAL_DOWNLOAD_INSTRUCTIONS = """\
The folder must hold the `joints.mat` of the set that is built, in a folder
whose name says of which of the three it is (all three files have one name):

""" + "\n".join(
        f"  {config.folder[0]}*/{FILE}".ljust(28) + config.source
        for config in reversed(_CONFIGS.values())
    )

    def _info(self) -> tfds.core.DatasetInfo:
        return records.dataset_info(
            self,
            skeleton=skeletons.load("lsp_14"),
            views=1,
            action_names=(),
            joints_3d=False,
            cameras=False,
            homepage=f"{_PAGE}/lsp.html",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        folder = raw_files.manual_folder(dl_manager)
        config = self.builder_config
        _check((config.name,), folder).require(
            folder, self.MANUAL_DOWNLOAD_INSTRUCTIONS
        )
        keypoints_2d, annotated = read(_find(folder)[config.name][0], config)
        people = {
            f"{config.name}_{i + 1:05d}": i
            for i in np.flatnonzero(annotated.any(axis=1))
        }
        middle = len(annotated) // 2 if config.has_test else len(annotated)
        train, validation = records.hold_out_every_eighth(
            clip_id for clip_id, i in people.items() if i < middle
        )
        test = [clip_id for clip_id, i in people.items() if i >= middle]
        splits = {"train": train, "validation": validation, "test": test}
        return {
            split: self._generate_examples(
                {c: people[c] for c in clip_ids}, keypoints_2d, annotated
            )
            for split, clip_ids in splits.items()
            if clip_ids
        }

    def _generate_examples(self, people, keypoints_2d, annotated):
        for clip_id, i in people.items():
            yield (
                clip_id,
                records.example(
                    clip_id=clip_id,
                    fps=1.0,  # a still
                    keypoints_2d=keypoints_2d[i][np.newaxis, np.newaxis],
                    scores=annotated[i][np.newaxis, np.newaxis],
                ),
            )


def read(path: pathlib.Path, config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Reads a `joints.mat`.

    Args:
      path: of the file.
      config: whose file it is.

    Returns:
      keypoints_2d [N, 14, 2] pixels (0 where not annotated) and annotated
      [N, 14].

    Raises:
      ValueError: names the file: damaged, or with the axes of another set.
    """
    joints = mat_files.read_v5(path, ("joints",))["joints"]
    fits = joints.ndim == 3 and all(
        size in (found, "N")
        for size, found in zip(config.shape, joints.shape, strict=True)
    )
    if not fits:
        raise ValueError(
            f"{path}: `joints` of `{config.name}` must have shape "
            f"{config.shape}. Received: {joints.shape}. Is it the file of "
            "another set? The folder's name must say which."
        )
    order = [config.axes.index(axis) for axis in ("images", "joints", "values")]
    joints = np.transpose(joints, order).astype(np.float64)
    keypoints_2d, flag = joints[..., :2], joints[..., 2]
    annotated = np.isfinite(keypoints_2d).all(axis=-1)
    annotated &= (keypoints_2d != 0.0).any(axis=-1)
    if config.seen_flag:
        annotated &= flag == 1.0
    return np.where(annotated[..., np.newaxis], keypoints_2d, 0.0), annotated


def check(folder: pathlib.Path | None) -> raw_files.Findings:
    """Says which of the three sets are there; one is enough to build it."""
    findings = _check(tuple(_CONFIGS), folder)
    if not findings.found:
        return findings
    absent = tuple(f"not there: {line}" for line in findings.missing)
    return raw_files.Findings(
        found=findings.found, notes=findings.notes + absent
    )


def _check(
    names: tuple[str, ...], folder: pathlib.Path | None
) -> raw_files.Findings:
    """Says what is there of some of the sets."""
    found, missing, notes = [], [], []
    for name in names:
        config, paths = _CONFIGS[name], _find(folder)[name]
        if not paths:
            missing.append(
                f"{FILE} of `{name}`, in a folder with `{config.folder[0]}` "
                f"in its name ({config.source})"
            )
        elif mat_files.version(paths[0]) != "5":
            missing.append(
                f"{paths[0]} as a MATLAB file: it is damaged ({config.source})"
            )
        else:
            found.append(f"{name}: {paths[0]}")
            notes += [f"{path} is not read" for path in paths[1:]]
    return raw_files.Findings(tuple(found), tuple(missing), tuple(notes))


def _find(folder: pathlib.Path | None) -> dict[str, list[pathlib.Path]]:
    """Returns the files of each set, told by the nearest folder's name."""
    found: dict[str, list[pathlib.Path]] = {name: [] for name in _CONFIGS}
    for path in sorted(folder.rglob(FILE)) if folder else ():
        parents = path.relative_to(folder.parent).parts[-2::-1]
        names = [
            name
            for parent in parents
            for name, config in _CONFIGS.items()
            if any(word in parent.lower() for word in config.folder)
        ]
        if names:
            found[names[0]].append(path)
    return found
