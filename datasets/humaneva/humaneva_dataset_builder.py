"""HumanEva-I from VideoPose3D's conversion of the user's own download."""

import dataclasses
import pathlib
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import tensorflow_datasets as tfds
from humaneva import cameras
from humaneva import files
from humaneva import takes

from tf_poselift import skeletons
from tf_poselift.data import raw_files
from tf_poselift.data import records

FPS = 60
SKELETON = skeletons.load("humaneva_15")
COCO = skeletons.load("coco_17")
ADDRESS = "http://humaneva.is.tue.mpg.de"
# Of HumanEva's joints those between two of COCO's.
_BETWEEN = {
    "pelvis": ("left_hip", "right_hip"),
    "thorax": ("left_shoulder", "right_shoulder"),
}
_LACKING = "head"  # its top: COCO ends at eyes and ears
_OFFICIAL = ("HumanEvaI_Data_CD*.tar", "S*/Mocap_Data", "*/S*/Mocap_Data")


@dataclasses.dataclass(eq=False, kw_only=True)
class Config(tfds.core.BuilderConfig):
    """Which 2D, and whether with a calibration.

    Attributes:
      kind: of `files.NPZ_2D`.
      calibrated: with the cameras of the official download.
    """

    kind: str
    calibrated: bool = False


class Builder(tfds.core.GeneratorBasedBuilder):
    """Builds the `humaneva` data set."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = [
        Config(name="gt", description="2D: projected 3D.", kind="gt"),
        Config(
            name="detectron",
            description="2D: Mask R-CNN of Detectron, no head.",
            kind="detectron",
        ),
        Config(
            name="gt_calibrated",
            description="2D: projected 3D; with the official calibration.",
            kind="gt",
            calibrated=True,
        ),
        Config(
            name="detectron_calibrated",
            description="2D: Mask R-CNN of Detectron, no head; with the "
            "official calibration.",
            kind="detectron",
            calibrated=True,
        ),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"""
HumanEva-I is given out after registration at {ADDRESS} and may not be passed
on. Its joint centres come out of the official MATLAB code: convert your copy
as VideoPose3D's DATASETS.md says (ConvertHumanEva.m, with the critical update
of the OFS files; 15 joints), and name a folder with `--manual_dir` that has

  converted_15j/Train/S1/Walking_1.mat ... and converted_15j/Validate/..., or
  {files.NPZ_3D} and {files.NPZ_2D["gt"]}

and, for the configuration `detectron`, {files.NPZ_3D} and
  {files.NPZ_2D["detectron"]} (its address stands there too).
The configurations `..._calibrated` also need, as in the official download,

  S1/Calibration_Data/C1.cal, C2.cal, C3.cal; S2/... and S3/...
"""

    def _info(self) -> tfds.core.DatasetInfo:
        return records.dataset_info(
            self,
            skeleton=SKELETON,
            views=cameras.VIEWS,
            action_names=takes.ACTIONS,
            joints_3d=True,
            cameras=self.builder_config.calibrated,
            homepage=ADDRESS,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        folder = raw_files.manual_folder(dl_manager)
        kind = self.builder_config.kind
        findings = check(
            folder, kind, calibrated=self.builder_config.calibrated
        )
        findings.require(folder, self.MANUAL_DOWNLOAD_INSTRUCTIONS)
        clips = files.find(folder, kind).read()
        by_id = {take.clip_id: take for take in clips}
        train, validation = records.hold_out_every_eighth(
            i for i, take in by_id.items() if take.part == takes.TRAIN
        )
        test = sorted(set(by_id) - {*train, *validation})
        splits = {"train": train, "validation": validation, "test": test}
        return {
            split: self._generate_examples(
                folder, clips, [by_id[i] for i in clip_ids]
            )
            for split, clip_ids in splits.items()
        }

    def _generate_examples(
        self,
        folder: pathlib.Path,
        clips: Mapping[takes.Take, Callable[[], files.Clip]],
        chosen: Sequence[takes.Take],
    ):
        for take in chosen:
            clip = clips[take]()
            keypoints, scores = clip.keypoints_2d, None
            if self.builder_config.kind == "detectron":
                keypoints, scores = from_coco(keypoints)
            calibration = None
            joints_3d = cameras.to_cameras(clip.joints_world, take.subject)
            if self.builder_config.calibrated:
                calibration = cameras.read_calibration(folder, take.subject)
                joints_3d = cameras.to_calibrated(
                    clip.joints_world, calibration
                )
            yield (
                take.clip_id,
                records.example(
                    clip_id=take.clip_id,
                    subject=take.subject,
                    action=take.action,
                    fps=FPS,
                    frame_index=clip.frame_index,
                    keypoints_2d=keypoints,
                    scores=scores,
                    image_size=[cameras.IMAGE_SIZE] * cameras.VIEWS,
                    joints_3d=joints_3d,
                    cameras=calibration,
                ),
            )


def from_coco(keypoints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns keypoints [..., 15, 2] and scores [..., 15] of COCO's 17.

    Pelvis and thorax are half way between hips and shoulders; the top of the
    head is missing.
    """
    points, scores = [], np.ones((*keypoints.shape[:-2], files.JOINTS))
    for joint in SKELETON.joints:
        # A missing joint needs some position.
        names = _BETWEEN.get(joint, ("nose" if joint == _LACKING else joint,))
        of_coco = [COCO.joints.index(name) for name in names]
        points.append(keypoints[..., of_coco, :].mean(axis=-2))
    scores[..., SKELETON.joints.index(_LACKING)] = 0.0
    return np.stack(points, axis=-2), scores


def check(
    folder: pathlib.Path | None, kind: str = "gt", *, calibrated: bool = False
) -> raw_files.Findings:
    """Returns what is there of HumanEva.

    Args:
      folder: of the user, or None.
      kind: the 2D that must be there: of `files.NPZ_2D`.
      calibrated: the calibration must be there, too.

    Raises:
      ValueError: names a damaged file, or a name that is no take.
    """
    found, missing, notes = [], [], []
    source = files.find(folder, kind) if folder else None
    if source:
        found.append(f"{source.form}: {len(source.recordings)} recordings")
        for part in (takes.TRAIN, takes.TEST):
            for subject in takes.SUBJECTS:
                actions = {
                    recording.split(" ")[0]
                    for p, s, recording in source.recordings
                    if (p, s) == (part, subject)
                }
                lacking = [a for a in takes.ACTIONS if a not in actions]
                needed = [a for a in lacking if a in takes.REPORTED]
                if needed:
                    missing.append(
                        f"{part}/{subject}: {', '.join(needed)} in "
                        f"{source.form}"
                    )
                elif lacking:
                    notes.append(f"{part}/{subject}: no {', '.join(lacking)}")
    else:
        converted = " or converted_15j" if kind == "gt" else ""
        missing.append(
            f"{files.NPZ_3D} with {files.NPZ_2D[kind]}{converted}, made from "
            f"the download of {ADDRESS}"
        )
        if folder and any(list(folder.glob(p)) for p in _OFFICIAL):
            missing.append(
                "the official files are there, but not enough: the joint "
                "centres come out of the official MATLAB code. Convert them "
                "with VideoPose3D's ConvertHumanEva.m"
            )
    absent = [
        str(path.relative_to(folder))
        for subject in (takes.SUBJECTS if folder else ())
        for path in cameras.calibration_files(folder, subject)
        if not path.is_file()
    ]
    if calibrated:
        missing += [f"{path}, of the official download" for path in absent]
    elif absent:
        notes.append(
            f"{len(absent)} calibration files are not there ({absent[0]} ...); "
            "only the configurations ..._calibrated need them"
        )
    for other, name in files.NPZ_2D.items():
        if other != kind and not (folder and (folder / name).exists()):
            notes.append(
                f"{name} is not there; only the configuration {other} needs it"
            )
    return raw_files.Findings(tuple(found), tuple(missing), tuple(notes))
