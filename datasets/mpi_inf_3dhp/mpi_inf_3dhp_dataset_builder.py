"""MPI-INF-3DHP: eight people in a studio; tests indoors and outdoors."""

import dataclasses
import pathlib

import tensorflow_datasets as tfds
from mpi_inf_3dhp import annotations
from mpi_inf_3dhp import calibration

from tf_poselift import skeletons
from tf_poselift.data import mat_files
from tf_poselift.data import raw_files
from tf_poselift.data import records
from tf_poselift.data import virtual_cameras

# Frames of the videos of (subject, sequence), from the kit's
# `mpii_get_sequence_info.m`; the annotations of some have further rows.
FRAMES = {
    (1, 1): 6416, (1, 2): 12430, (2, 1): 6502, (2, 2): 6081,
    (3, 1): 12488, (3, 2): 12283, (4, 1): 6171, (4, 2): 6675,
    (5, 1): 12820, (5, 2): 12312, (6, 1): 6188, (6, 2): 6145,
    (7, 1): 6239, (7, 2): 6320, (8, 1): 6468, (8, 2): 6054,
}  # fmt: skip
# Every take lasts about four minutes: at 25 or at 50 frames per second.
_FAST = 9000
VALIDATION_SUBJECT = 8
CAMERAS = (0, 2, 4, 7, 8)  # "mm3d_chest": at the height of the chest
STUDIO = "studio with green screen"
SCENES = {
    1: STUDIO, 2: STUDIO,
    3: "studio without green screen", 4: "studio without green screen",
    5: "outdoor", 6: "outdoor",
}  # fmt: skip
TEST_FPS = 25.0  # not documented
ACTIVITIES = (
    "Standing/Walking",
    "Exercising",
    "Sitting",
    "Reaching/Crouching",
    "On The Floor",
    "Sports",
    "Miscellaneous",
)
TRAINING_FILES = ("annot.mat", "camera.calibration")
TEST_FILE = "annot_data.mat"
_PAGE = "https://vcai.mpi-inf.mpg.de/3dhp-dataset/"
_DEPTH = 3  # folders within folders to look for S1 and TS1 in


@dataclasses.dataclass(eq=False, kw_only=True)
class Config(tfds.core.BuilderConfig):
    """Which 3D, and whether a clip has one view or all.

    Attributes:
      annotation: "annot3" or "univ_annot3".
      multi_view: one clip for all cameras of a take, instead of one for each.
    """

    annotation: str
    multi_view: bool = False


class Builder(tfds.core.GeneratorBasedBuilder):
    """Builds the `mpi_inf_3dhp` data set."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = [
        Config(
            name="camera",
            description="3D in millimetres, which projects onto the 2D.",
            annotation="annot3",
        ),
        Config(
            name="universal",
            description="3D of the universal skeleton, as in the official "
            "metric; it does not project onto the 2D.",
            annotation="univ_annot3",
        ),
        Config(
            name="multi_view",
            description="`camera`, five synchronised views in a clip; the "
            "test set has one view only and is left out.",
            annotation="annot3",
            multi_view=True,
        ),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"""\
Accept the licence of MPI-INF-3DHP, get the kit `mpi_inf_3dhp.zip` from
{_PAGE}, set `ready_to_download=1` in conf.ig and run get_dataset.sh and
get_testset.sh. Of what they download this reads only

  S1/Seq1/annot.mat              S1 to S8, Seq1 and Seq2
  S1/Seq1/camera.calibration
  TS1/annot_data.mat             TS1 to TS6

S1 and TS1 may lie up to {_DEPTH} folders further down (the test set unpacks to
mpi_inf_3dhp_test_set/mpi_inf_3dhp_test_set/TS1). No images are needed.
"""

    def _info(self) -> tfds.core.DatasetInfo:
        return records.dataset_info(
            self,
            skeleton=skeletons.load("mpi_inf_3dhp_17"),
            views=len(CAMERAS) if self.builder_config.multi_view else 1,
            action_names=ACTIVITIES,
            joints_3d=True,
            cameras=True,
            homepage=_PAGE,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        folder = raw_files.manual_folder(dl_manager)
        findings = check(folder)
        findings.require(folder, self.MANUAL_DOWNLOAD_INSTRUCTIONS)
        training = _root(folder, "S[1-8]/Seq[12]/annot.mat")
        takes = {
            "train": [t for t in FRAMES if t[0] != VALIDATION_SUBJECT],
            "validation": [t for t in FRAMES if t[0] == VALIDATION_SUBJECT],
        }
        splits = {
            split: self._generate_examples(training, subjects)
            for split, subjects in takes.items()
        }
        if not self.builder_config.multi_view:
            splits["test"] = self._test_clips(
                _root(folder, f"TS[1-6]/{TEST_FILE}")
            )
        return splits

    def _generate_examples(self, root: pathlib.Path, takes):
        config = self.builder_config
        groups = [CAMERAS] if config.multi_view else [(c,) for c in CAMERAS]
        for subject, sequence in takes:
            folder = root / f"S{subject}" / f"Seq{sequence}"
            frames = FRAMES[subject, sequence]
            take = annotations.read_training(
                folder / TRAINING_FILES[0],
                annotation=config.annotation,
                camera_ids=CAMERAS,
                frames=frames,
            )
            for group in groups:
                clip_id = f"S{subject}_Seq{sequence}"
                if not config.multi_view:
                    clip_id += f"_camera{group[0]}"
                views = [CAMERAS.index(camera) for camera in group]
                yield self._clip(
                    clip_id,
                    take,
                    views,
                    calibration.read(folder / TRAINING_FILES[1], group),
                    subject=f"S{subject}",
                    action=f"Seq{sequence}",
                    scene=STUDIO,
                    fps=50.0 if frames > _FAST else 25.0,
                )

    def _test_clips(self, root: pathlib.Path):
        for number, scene in SCENES.items():
            name = f"TS{number}"
            take = annotations.read_test(
                root / name / TEST_FILE,
                annotation=self.builder_config.annotation,
            )
            yield self._clip(
                name,
                take,
                [0],
                calibration.test_camera(number),
                subject=name,
                scene=scene,
                fps=TEST_FPS,
            )

    def _clip(
        self,
        clip_id: str,
        take: annotations.Take,
        views: list[int],
        cameras: virtual_cameras.Cameras,
        **labels,
    ):
        annotated = take.annotated[:, views]
        universal = self.builder_config.annotation == "univ_annot3"
        return (
            clip_id,
            records.example(
                clip_id=clip_id,
                flags="universal_3d" if universal else "",
                keypoints_2d=take.keypoints_2d[:, views],
                scores=annotated,
                frame_valid=take.valid & annotated.all(axis=(1, 2)),
                frame_action=take.activity,
                image_size=cameras.image_size,
                joints_3d=take.joints_3d[:, views],
                joints_3d_valid=annotated,
                cameras=cameras.calibration(),
                **labels,
            ),
        )


def check(folder: pathlib.Path | None) -> raw_files.Findings:
    """Says what is there of the training takes and of the test set."""
    found, missing = [], []
    training = _root(folder, "S[1-8]/Seq[12]/annot.mat")
    for subject, sequence in FRAMES:
        take = f"S{subject}/Seq{sequence}"
        paths = [training and training / take / n for n in TRAINING_FILES]
        absent = [
            f"{take}/{name} (get_dataset.sh)"
            for name, path in zip(TRAINING_FILES, paths, strict=True)
            if not (path and path.is_file())
        ]
        if not absent and mat_files.version(paths[0]) != "5":
            absent = [f"{take}/{TRAINING_FILES[0]}, which is damaged: get it "
                      "again (get_dataset.sh)"]  # fmt: skip
        missing += absent
        found += [] if absent else [f"training take {take}"]
    test = _root(folder, f"TS[1-6]/{TEST_FILE}")
    for number in SCENES:
        path = test and test / f"TS{number}" / TEST_FILE
        if not (path and path.is_file()):
            missing.append(f"TS{number}/{TEST_FILE} (get_testset.sh)")
        elif mat_files.version(path) != "7.3":
            missing.append(f"TS{number}/{TEST_FILE}, which is damaged: get it "
                           "again (get_testset.sh)")  # fmt: skip
        else:
            found.append(f"test take TS{number}")
    return raw_files.Findings(
        found=tuple(found),
        missing=tuple(missing),
        notes=(
            f"of the 14 training cameras {CAMERAS} are taken, those at the "
            "height of the chest",
            f"S{VALIDATION_SUBJECT} is the validation split",
            "TS6: `annot3` and `univ_annot3` disagree at knees and ankles",
        ),
    )


def _root(folder: pathlib.Path | None, inside: str) -> pathlib.Path | None:
    """Returns the folder that has files like `inside`, the highest one."""
    if folder is None:
        return None
    for depth in range(_DEPTH + 1):
        for path in sorted(folder.glob("*/" * depth + inside)):
            return path.parents[inside.count("/")]
    return None
