"""Human3.6M from the user's own download, in any of its three usual forms."""

import dataclasses
import hashlib
import pathlib
from collections.abc import Sequence

import numpy as np
import tensorflow_datasets as tfds
from absl import logging
from human36m import detections
from human36m import poses
from human36m import takes

from tf_poselift import skeletons
from tf_poselift.data import raw_files
from tf_poselift.data import records
from tf_poselift.data import virtual_cameras
from tf_poselift.geometry import cameras as camera_geometry

FPS = 50
VIEWS = len(detections.CAMERAS)
# Of the official archives as others found them. The site may pack them anew.
MD5 = {
    "S1": "d4ae2827d0227dea8c88e6a082763d0a",
    "S5": "7a0bd0f458612decc9de0a04e0b589cc",
    "S6": "0970a30cbc947c3c0454c834db9b84e0",
    "S7": "abeea2a40650517cefb7cd911caa6472",
    "S8": "5695796fe478579ffe9b9ff09203dd27",
    "S9": "fce28bb66bf9908016e2d9738e5cb2db",
    "S11": "729e93d4e50c806f4a55fd1b87e2ff52",
}
GROUND_TRUTH = ("gt", "gt_16")
ADDRESS = "http://vision.imar.ro/human3.6m/"


@dataclasses.dataclass(eq=False, kw_only=True)
class Config(tfds.core.BuilderConfig):
    """Which 2D, and how many of the frames.

    Attributes:
      kind: "gt" and "gt_16" are projected 3D, others of `detections.NPZ`.
      stride: every how many frames.
    """

    kind: str
    stride: int

    @property
    def joints(self) -> tuple[int, ...]:
        """The record's joints among the 32."""
        small = self.kind in ("gt_16", "sh")
        return poses.HUMAN36M_16 if small else poses.HUMAN36M_17


_WORDS = {
    "gt": "2D: projected 3D, 17 joints",
    "gt_16": "2D: projected 3D, 16 joints",
    "cpn": "2D: cascaded pyramid network, 17 joints",
    "detectron": "2D: Mask R-CNN of Detectron, 17 joints",
    "sh": "2D: stacked hourglass, 16 joints",
}
CONFIGS = [
    Config(
        name=kind + suffix,
        description=f"{words}; {FPS // stride} Hz.",
        kind=kind,
        stride=stride,
    )
    for kind, words in _WORDS.items()
    for suffix, stride in (("", 1), ("_10hz", 5))
]


class Builder(tfds.core.GeneratorBasedBuilder):
    """Builds the `human36m` data set."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = CONFIGS
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"""
Human3.6M is free for academic use after registration at {ADDRESS} and may not
be passed on. Name a folder with one of these forms with `--manual_dir`:

  Poses_D3_Positions_S1.tgz ... S5, S6, S7, S8, S9, S11: Training Subjects, By
      subject, Poses, D3 Positions; or unpacked:
      S1/MyPoseFeatures/D3_Positions/Directions 1.cdf ...
  {poses.BASELINE_ZIP} of 3d-pose-baseline (no longer offered); or unpacked:
      h36m/S1/MyPoses/3D_positions/Directions 1.h5 ...
  {poses.NPZ}: what VideoPose3D's data/prepare_data_h36m.py makes

and, for the configurations with detections, beside it:

  cpn        {detections.NPZ["cpn"][0]}
  detectron  {detections.NPZ["detectron"][0]}
  sh         {" or ".join(detections.NPZ["sh"])},
             or h36m/S1/StackedHourglass/Directions_1.54138969.h5 ...

VideoPose3D's DATASETS.md says where these are.
"""

    def _info(self) -> tfds.core.DatasetInfo:
        name = f"human36m_{len(self.builder_config.joints)}"
        return records.dataset_info(
            self,
            skeleton=skeletons.load(name),
            views=VIEWS,
            action_names=takes.ACTIONS,
            joints_3d=True,
            cameras=True,
            homepage=ADDRESS,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        folder = raw_files.manual_folder(dl_manager)
        kind = self.builder_config.kind
        findings = check(folder, kind)
        findings.require(folder, self.MANUAL_DOWNLOAD_INSTRUCTIONS)
        for note in findings.notes:
            logging.info("%s", note)
        joints_3d = poses.find(folder)[0]
        keypoints = None
        if kind not in GROUND_TRUTH:
            keypoints = detections.find(folder, kind)
            keypoints.require(joints_3d.sources)
        by_id = {take.clip_id: take for take in joints_3d.sources}
        train, validation = records.hold_out_every_eighth(
            i for i, take in by_id.items() if take.subject in takes.TRAIN
        )
        test = sorted(set(by_id) - {*train, *validation})
        splits = {"train": train, "validation": validation, "test": test}
        return {
            split: self._generate_examples(
                split, [by_id[i] for i in clip_ids], joints_3d, keypoints
            )
            for split, clip_ids in splits.items()
        }

    def _generate_examples(
        self,
        split: str,
        chosen: Sequence[takes.Take],
        joints_3d: poses.Poses,
        keypoints: detections.Detections | None,
    ):
        cameras = virtual_cameras.human36m()
        total, cut = 0, 0
        for take in chosen:
            record, surplus = example(
                self.builder_config,
                take,
                cameras[take.subject],
                joints_3d,
                keypoints,
            )
            total += VIEWS * len(record["frame_index"])
            cut += surplus
            yield take.clip_id, record
        logging.info(
            "human36m/%s, %s: %d takes, %d poses in %d views; 2D beyond the 3D "
            "cut off: %d.",
            self.builder_config.name,
            split,
            len(chosen),
            total,
            VIEWS,
            cut,
        )


def example(
    config: Config,
    take: takes.Take,
    cameras: virtual_cameras.Cameras,
    joints_3d: poses.Poses,
    keypoints: detections.Detections | None,
) -> tuple[dict, int]:
    """Returns the record of a take, and how many frames of 2D were cut off.

    Raises:
      ValueError: names the take or its file.
    """
    world = joints_3d.read(take)[:, config.joints]
    frames = len(world)
    world = np.asarray(world[:: config.stride], np.float64)
    surplus = 0
    if keypoints is None:
        pixels, seen = _project(take, world, cameras)
    else:
        pixels, surplus = keypoints.read(take, frames)
        pixels = pixels[:: config.stride]
        seen = camera_geometry.world_to_camera(
            world[:, np.newaxis], cameras.rotation, cameras.translation
        )
    record = records.example(
        clip_id=take.clip_id,
        subject=take.subject,
        action=take.action,
        flags=take.flags,
        fps=FPS / config.stride,
        frame_index=range(0, frames, config.stride),
        keypoints_2d=pixels,
        image_size=cameras.image_size,
        joints_3d=seen,
        cameras=cameras.calibration(),
    )
    return record, surplus


def _project(take, world, cameras) -> tuple[np.ndarray, np.ndarray]:
    try:
        return virtual_cameras.view(world, cameras, model="human36m")
    except ValueError as error:
        raise ValueError(f"Clip `{take.clip_id}`: {error}") from error


def check(folder: pathlib.Path | None, kind: str = "gt") -> raw_files.Findings:
    """Returns what is there of Human3.6M.

    Args:
      folder: of the user, or None.
      kind: the 2D that must be there: of `Config`.

    Raises:
      ValueError: names a damaged archive, or a name that is no take.
    """
    forms = poses.find(folder) if folder else []
    found, missing, notes = [], [], []
    if forms:
        best, *others = forms
        found.append(f"3D: {best.form}, {len(best.sources)} takes")
        for subject, (have, want) in takes.shortfall(best.sources).items():
            missing.append(
                f"{subject}: {have} of {want} takes in {best.form} "
                f"(officially in Poses_D3_Positions_{subject}.tgz)"
            )
        if best.package:
            missing.append(
                f"the package {best.package}: pip install -e '.[formats]'"
            )
        notes += [f"{form.form}: there too, not read" for form in others]
        notes += _unlike_md5(folder)
        notes += [
            "S11 Directions is left out: the video of its first camera is "
            "damaged. Papers leave it out too",
            "S9 Greeting, SittingDown 1 and Waiting 1 are 200 mm off their "
            f"images; not corrected, flagged `{takes.S9_OFFSET}`",
        ]
    else:
        missing.append(
            f"3D: {poses.ARCHIVES} ({ADDRESS}), {poses.BASELINE_ZIP} or "
            f"{poses.NPZ}, packed or unpacked"
        )
    for name, files in detections.NPZ.items():
        there = detections.find(folder, name) if folder else None
        files = " or ".join(files)
        if there:
            found.append(f"2D {name}: {there.where}")
        elif name == kind:
            missing.append(
                f"2D {name}: {files} (see VideoPose3D's DATASETS.md)"
            )
        else:
            notes.append(
                f"2D {name}: {files} is not there; only the configurations "
                f"{name} and {name}_10hz need it"
            )
    return raw_files.Findings(tuple(found), tuple(missing), tuple(notes))


def _unlike_md5(folder: pathlib.Path) -> list[str]:
    notes = []
    for subject, expected in MD5.items():
        path = folder / f"Poses_D3_Positions_{subject}.tgz"
        if path.exists():
            with open(path, "rb") as file:
                found = hashlib.file_digest(file, "md5").hexdigest()
            if found != expected:
                notes.append(
                    f"{path.name} differs from the archive that others have "
                    f"(MD5 {found}, not {expected}): another issue of it, or "
                    "damaged"
                )
    return notes
