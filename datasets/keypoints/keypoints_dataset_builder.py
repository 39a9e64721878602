"""The user's own 2D keypoints, from the files of a detector."""

import functools
import os
import pathlib
from collections import Counter
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import tensorflow_datasets as tfds
from keypoints import clips as clips_lib
from keypoints import settings as settings_lib

from tf_poselift.data import raw_files
from tf_poselift.data import records
from tf_poselift.keypoint_files import layouts
from tf_poselift.keypoint_files import long_csv
from tf_poselift.keypoint_files import reading

_OPTIONS = "options"  # key in the metadata


class Builder(tfds.core.GeneratorBasedBuilder):
    """Builds `keypoints/NAME` from a folder of keypoint files."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = [
        settings_lib.Config(
            name="default",
            description=f"The folder `keypoints` in TF_POSELIFT_DATA, which "
            f"must hold {settings_lib.FILE}.",
        )
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = """\
The folder holds a file per video (COCO, AlphaPose, MMPose or MediaPipe JSON,
VideoPose3D npz, long CSV), a folder per video (OpenPose JSON, one file per
frame), or arrays of stills (npy, npz):
  python datasets/build.py --dataset=keypoints --manual_dir=DIR \\
      --skeleton=coco_17 --name=my_video
Synchronised views: a file or folder per camera, named like the cameras in the
TOML file that `--calibration` names. docs/own_data.md says the rest.
"""

    @classmethod
    def config_of(cls, folder: str | None, options: Mapping[str, Any]):
        """Returns the configuration of `--manual_dir` and the flags.

        Args:
          folder: with the keypoint files.
          options: those of `settings.OPTIONS`; None = not given.
        """
        if folder is None:
            raise FileNotFoundError(
                "`--manual_dir` must name the folder with the keypoint files. "
                f"{cls.MANUAL_DOWNLOAD_INSTRUCTIONS}"
            )
        path = pathlib.Path(folder)
        findings = check(path, options.get("format"))
        findings.require(path, cls.MANUAL_DOWNLOAD_INSTRUCTIONS)
        given = {k: v for k, v in options.items() if v is not None}
        name = given.pop("name", None) or settings_lib.read_file(path).get(
            "name"
        )
        return settings_lib.Config(
            name=settings_lib.check_name(name),
            description=f"The keypoints in `{path.name}`.",
            folder=folder,
            **given,
        )

    @functools.cached_property
    def settings(self) -> settings_lib.Settings:
        given = {
            key: getattr(self.builder_config, key, None)
            for key in settings_lib.OPTIONS
            if key != "name"
        }
        return settings_lib.load(self._folder, given)

    @property
    def _folder(self) -> pathlib.Path:
        shared = os.environ.get("TF_POSELIFT_DATA") or "."
        folder = self.builder_config.folder or f"{shared}/keypoints"
        return pathlib.Path(folder).expanduser()

    def _info(self) -> tfds.core.DatasetInfo:
        calibration = self.settings.calibration
        info = records.dataset_info(
            self,
            skeleton=self.settings.skeleton,
            views=len(calibration.names) if calibration else 1,
            action_names=(),
            joints_3d=False,
            cameras=calibration is not None,
        )
        info.metadata[_OPTIONS] = self.settings.options()
        return info

    def download_and_prepare(self, *, download_config=None, **kwargs) -> None:
        """Builds; does not pass off records of other options as these.

        Raises:
          ValueError: what is there was built with other options.
        """
        config = download_config or tfds.download.DownloadConfig()
        there = pathlib.Path(self.data_dir).exists()
        if there and not config.download_mode.overwrite_dataset:
            # Once built, the description comes from there.
            built = self.info.metadata.get(_OPTIONS, {})
            differing = [
                f"{option}: {built.get(option)}"
                for option, value in self.settings.options().items()
                if built.get(option) != value
            ]
            if differing:
                raise ValueError(
                    f"{self.info.full_name} was built with other options "
                    f"({'; '.join(differing)}). Give another `--name`, or "
                    "`--overwrite`."
                )
        super().download_and_prepare(download_config=download_config, **kwargs)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        del dl_manager  # the configuration names the folder
        findings = check(self._folder, self.settings.format)
        findings.require(self._folder, self.MANUAL_DOWNLOAD_INSTRUCTIONS)
        clips, notes = clips_lib.read(self.settings)
        splits, more = clips_lib.split(clips)
        self.notes = [*notes, *more, _missing(clips, self.settings.min_score)]
        if doubt := _doubt(clips, self.settings.skeleton):
            self.notes.append(doubt)
        return {
            split: self._generate_examples(of_split)
            for split, of_split in splits.items()
        }

    def _generate_examples(self, clips: Sequence[clips_lib.Clip]):
        calibration = self.settings.calibration
        for clip in clips:
            yield (
                clip.clip_id,
                records.example(
                    clip_id=clip.clip_id,
                    scene=clip.name,
                    person=clip.person,
                    fps=self.settings.fps,
                    frame_index=clip.frame_index,
                    keypoints_2d=clip.keypoints_2d,
                    scores=clip.scores,
                    image_size=clip.image_size,
                    cameras=calibration and calibration.cameras(),
                ),
            )


def _missing(clips: Sequence[clips_lib.Clip], min_score: float) -> str:
    total = sum(clip.scores.size for clip in clips)
    missing = sum((clip.scores == 0.0).sum() for clip in clips)
    return (
        f"{missing / total:.1%} of all joints are missing (score below "
        f"{min_score:g}, or not seen)"
    )


def _doubt(clips: Sequence[clips_lib.Clip], skeleton) -> str | None:
    joints = skeleton.num_joints
    return layouts.doubt(
        [
            (
                clip.keypoints_2d.reshape(-1, joints, 2),
                clip.scores.reshape(-1, joints),
            )
            for clip in clips
        ],
        skeleton,
    )


def check(
    folder: pathlib.Path | None, format: str | None = None
) -> raw_files.Findings:
    """Says which keypoint files are in a folder, and their formats.

    Args:
      folder: to look at.
      format: of all files, if the user says it.
    """
    if folder is None or not folder.is_dir():
        return raw_files.Findings(
            missing=(f"a folder of keypoint files: {folder or 'none named'}",)
        )
    options = settings_lib.read_file(folder)
    paths = reading.sources(folder)
    if not paths:
        return raw_files.Findings(
            missing=("a keypoint file: none ends in .json, .csv, .npy or .npz",)
        )
    format = format or options.get("format")
    for path in paths:
        if (format or path.suffix.lower().lstrip(".")) == "csv":
            long_csv.check_header(path)
    formats = Counter(format or reading.detect(path) for path in paths)
    notes = []
    if not options.get("skeleton"):
        notes.append(
            "the files do not tell their skeleton: build with `--skeleton=`, "
            f"or write it into {settings_lib.FILE}"
        )
    return raw_files.Findings(
        found=tuple(
            f"{format}: {count} {'video' if count == 1 else 'videos'}"
            for format, count in sorted(formats.items())
        ),
        notes=tuple(notes),
    )
