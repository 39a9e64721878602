"""SURREAL: synthetic people in motion of the CMU database, one view each."""

import dataclasses
import pathlib
from collections.abc import Iterable

import tensorflow_datasets as tfds
from surreal import clips

from tf_poselift import skeletons
from tf_poselift.data import generation
from tf_poselift.data import raw_files
from tf_poselift.data import records

SPLITS = ("train", "test")
_PAGE = "https://www.di.ens.fr/willow/research/surreal/data/"
_DEPTH = 4  # folders within folders to look for `train` in


@dataclasses.dataclass(eq=False, kw_only=True)
class Config(tfds.core.BuilderConfig):
    """One of the three runs over all sequences; its name is its folder's."""


class Builder(generation.Builder):
    """Builds the `surreal` data set."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = [
        Config(
            name=name,
            description=f"Clips of a sequence overlap by {overlap} %.",
        )
        for name, overlap in (("run0", 50), ("run1", 30), ("run2", 70))
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"""\
Accept the licence at {_PAGE}; with the
account that you then get, fetch the *_info.mat files (3.8 GB; no images or
videos) by download_surreal.sh of the project gulvarol/surreal:

  SURREAL/data/cmu/train/run0/01_01/01_01_c0001_info.mat   and so on
  SURREAL/data/cmu/test/run0/...

`train` may lie up to {_DEPTH} folders down. Of the runs run0, run1 and run2
those that are built are needed; `val` is not.
"""

    def _info(self) -> tfds.core.DatasetInfo:
        return records.dataset_info(
            self,
            skeleton=skeletons.load("smpl_24"),
            views=1,
            action_names=(),  # a clip's action is its trial
            joints_3d=True,
            cameras=True,
            homepage=_PAGE,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        folder = raw_files.manual_folder(dl_manager)
        run = self.builder_config.name
        _check((run,), folder).require(
            folder, self.MANUAL_DOWNLOAD_INSTRUCTIONS
        )
        paths = {split: _clips(folder, split, run) for split in SPLITS}
        # Clips of a sequence overlap, and some trials were captured twice.
        train, validation = records.hold_out_every_eighth(
            {clips.trial(path.parent.name) for path in paths["train"]}
        )
        held_out = dict.fromkeys(train, "train")
        held_out |= dict.fromkeys(validation, "validation")
        splits = {
            split: [
                path
                for path in paths["train"]
                if held_out[clips.trial(path.parent.name)] == split
            ]
            for split in ("train", "validation")
        }
        splits["test"] = paths["test"]
        return {
            split: self._generate_examples(chosen)
            for split, chosen in splits.items()
            if chosen
        }

    def _generate_examples(self, paths: Iterable[pathlib.Path]):
        return self.make_examples(paths, clips.clip)


def check(folder: pathlib.Path | None) -> raw_files.Findings:
    """Says which runs are there; one is enough to build it."""
    runs = tuple(config.name for config in Builder.BUILDER_CONFIGS)
    findings = _check(runs, folder)
    if not findings.found:
        return findings
    absent = tuple(f"not there: {line}" for line in findings.missing)
    return raw_files.Findings(
        found=findings.found, notes=findings.notes + absent
    )


def _check(
    runs: tuple[str, ...], folder: pathlib.Path | None
) -> raw_files.Findings:
    found, missing = [], []
    for run in runs:
        counts = {split: len(_clips(folder, split, run)) for split in SPLITS}
        lacking = [split for split, count in counts.items() if not count]
        missing += [
            f"{split}/{run}/*/*{clips.SUFFIX} (download_surreal.sh)"
            for split in lacking
        ]
        if not lacking:
            numbers = [f"{split} {count}" for split, count in counts.items()]
            found.append(f"{run}: clips {', '.join(numbers)}")
    notes = (
        "val/ is not read: it is a part of test/",
        "left out, their bodies are wrong: subjects "
        f"{', '.join(clips.MONSTER_SUBJECTS)} and trial "
        f"{', '.join(clips.MONSTER_TRIALS)}",
    )
    return raw_files.Findings(tuple(found), tuple(missing), notes)


def _clips(
    folder: pathlib.Path | None, split: str, run: str
) -> list[pathlib.Path]:
    """Returns the clips of a split that are people, by sequence and number."""
    if folder is None:
        return []
    for depth in range(_DEPTH + 1):
        runs = sorted(folder.glob("*/" * depth + f"{split}/{run}"))
        if runs:
            return [
                path
                for path in sorted(runs[0].glob(f"*/*{clips.SUFFIX}"))
                if not clips.is_monster(path.parent.name)
            ]
    return []
