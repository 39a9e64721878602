"""MPII Human Pose: people on still images, 16 joints, no 3D."""

import dataclasses
import pathlib
from collections.abc import Callable

import numpy as np
import tensorflow_datasets as tfds
from mpii import persons

from tf_poselift import skeletons
from tf_poselift.data import raw_files
from tf_poselift.data import records

MAT = "mpii_human_pose_v1_u12*.mat"
_PAGE = "http://human-pose.mpi-inf.mpg.de"
_MAT_FROM = (
    "https://datasets.d2.mpi-inf.mpg.de/andriluka14cvpr/"
    "mpii_human_pose_v1_u12_2.zip"
)


@dataclasses.dataclass(eq=False, kw_only=True)
class Config(tfds.core.BuilderConfig):
    """Which people.

    Attributes:
      joints: that must be annotated, at least.
    """

    joints: int


@dataclasses.dataclass(frozen=True)
class _Form:
    """One of the forms in which the annotations go round.

    Attributes:
      files: of the splits, to search for; "" is the split of all.
      read: of one of them.
      source: where they come from.
    """

    files: dict[str, str]
    read: Callable[[pathlib.Path], persons.Persons]
    source: str


# Those with the standard validation split first.
_FORMS = {
    "JSON": _Form(
        {"train": "train.json", "validation": "valid.json"},
        persons.read_json,
        "the annotations of `simple baselines` and HRNet",
    ),
    "HDF5": _Form(
        {"train": "train.h5", "validation": "valid.h5"},
        persons.read_hdf5,
        "data/mpii/annot of pose-hg-train",
    ),
    "MATLAB": _Form({"": MAT}, persons.read_mat, _MAT_FROM),
}


class Builder(tfds.core.GeneratorBasedBuilder):
    """Builds the `mpii` data set."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = [
        Config(
            name="full_body",
            description="People whose 16 joints are all annotated.",
            joints=persons.JOINTS,
        ),
        Config(
            name="all_persons",
            description="Everybody; joints that are not annotated are missing.",
            joints=1,
        ),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"""\
The folder must hold, anywhere in it, one of the three forms of the
annotations (no images are needed); the first of them that is whole is read:

  train.json and valid.json    {_FORMS["JSON"].source}
  train.h5 and valid.h5        {_FORMS["HDF5"].source}
  {MAT}   unpacked from
                               {_MAT_FROM}
"""

    def _info(self) -> tfds.core.DatasetInfo:
        return records.dataset_info(
            self,
            skeleton=skeletons.load("mpii_16"),
            views=1,
            action_names=(),  # a clip's action is its category
            joints_3d=False,
            cameras=False,
            homepage=_PAGE,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        folder = raw_files.manual_folder(dl_manager)
        check(folder).require(folder, self.MANUAL_DOWNLOAD_INSTRUCTIONS)
        form, paths = next(
            (form, paths)
            for form, paths in _search(folder).items()
            if all(paths.values())
        )
        read = _FORMS[form].read
        if "" not in paths:
            return {
                split: self._generate_examples(read(path))
                for split, path in paths.items()
            }
        people = read(paths[""])
        splits = records.hold_out_every_eighth(set(people.images))
        return {
            split: self._generate_examples(people, images)
            for split, images in zip(
                ("train", "validation"), splits, strict=True
            )
            if images
        }

    def _generate_examples(
        self, people: persons.Persons, images: list[str] | None = None
    ):
        chosen = people.annotated.sum(axis=1) >= self.builder_config.joints
        if images is not None:
            chosen &= np.isin(people.images, images)
        for i in np.flatnonzero(chosen):
            number = people.numbers[i]
            clip_id = f"{pathlib.PurePath(people.images[i]).stem}_{number}"
            yield (
                clip_id,
                records.example(
                    clip_id=clip_id,
                    action=people.categories[i],
                    person=number,
                    fps=1.0,  # a still
                    keypoints_2d=people.keypoints_2d[i][np.newaxis, np.newaxis],
                    scores=people.annotated[i][np.newaxis, np.newaxis],
                ),
            )


def check(folder: pathlib.Path | None) -> raw_files.Findings:
    """Says which form of the annotations is there."""
    forms = _search(folder)
    whole = [form for form, paths in forms.items() if all(paths.values())]
    part = {
        form: [_FORMS[form].files[s] for s, path in paths.items() if not path]
        for form, paths in forms.items()
        if form not in whole and any(paths.values())
    }
    gaps = [
        f"{' and '.join(names)} ({_FORMS[form].source})"
        for form, names in part.items()
    ]
    if whole:
        used = whole[0]
        found = [f"{used}: {path}" for path in forms[used].values()]
        notes = [f"{form} is there too and not read" for form in whole[1:]]
        notes += [f"not complete, and not read: {gap} is missing"
                  for gap in gaps]  # fmt: skip
        if used == "MATLAB":
            notes.append(
                "every eighth image of this form validates; the standard "
                "validation split comes with the other two"
            )
        notes.append("no test split: its annotations are withheld")
        return raw_files.Findings(found=tuple(found), notes=tuple(notes))
    names = " or ".join(
        f"{' and '.join(form.files.values())} ({form.source})"
        for form in _FORMS.values()
    )
    return raw_files.Findings(missing=tuple(gaps or [names]))


def _search(
    folder: pathlib.Path | None,
) -> dict[str, dict[str, pathlib.Path | None]]:
    """Returns the files of every form and split, None where there is none."""

    def first(pattern: str) -> pathlib.Path | None:
        return min(folder.rglob(pattern), default=None) if folder else None

    return {
        name: {split: first(file) for split, file in form.files.items()}
        for name, form in _FORMS.items()
    }
