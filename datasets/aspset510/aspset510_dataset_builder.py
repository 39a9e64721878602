"""ASPset-510: amateur sports seen by three calibrated cameras, 3D included."""

import csv
import dataclasses
import json
import pathlib
import warnings
from collections.abc import Mapping

import numpy as np
import tensorflow_datasets as tfds

from tf_poselift import schema
from tf_poselift import skeletons
from tf_poselift.data import raw_files
from tf_poselift.data import records
from tf_poselift.geometry import cameras as camera_geometry

URL = "https://archive.org/download/aspset510/aspset510_v1_{}.tar.gz"
PARTS = (
    "common-splits",
    "trainval-joints_3d",
    "trainval-cameras",
    "test-joints_3d",
    "test-cameras",
)
CAMERAS = ("left", "mid", "right")
SPLITS = {"train": "train", "validation": "val", "test": "test"}
HZ = 50.0
TEST_STRIDE = 5  # the official evaluation of `test` is at 10 Hz
IMAGE_SIZE = (3840, 2160)
TREE = """
splits.csv
trainval/joints_3d/SUBJECT/SUBJECT-CLIP.c3d
trainval/cameras/SUBJECT/SUBJECT-CAMERA.json
test/joints_3d/...
test/cameras/...
"""
# The files' world is the left camera: x right, y down, z forward.
_TO_Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


@dataclasses.dataclass(eq=False, kw_only=True)
class ViewsConfig(tfds.core.BuilderConfig):
    """What a record is.

    Attributes:
      views: 1: a clip seen by one camera; 3: by all of them together.
    """

    views: int


@dataclasses.dataclass(frozen=True)
class Clip:
    """A clip and the cameras of its record."""

    subject: str
    number: str
    cameras: tuple[str, ...]

    @property
    def file(self) -> str:
        return f"{self.subject}-{self.number}.c3d"

    @property
    def camera_files(self) -> list[str]:
        return [f"{self.subject}-{camera}.json" for camera in self.cameras]


class Builder(tfds.core.GeneratorBasedBuilder):
    """Builds the `aspset510` data set."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = [
        ViewsConfig(
            name="one_view",
            description="A record for every clip and camera; all splits.",
            views=1,
        ),
        ViewsConfig(
            name="three_views",
            description="A record for every clip that all three cameras saw.",
            views=3,
        ),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Nothing to do: splits, joints and cameras (CC0) are downloaded from "
        "https://archive.org/details/aspset510. If you have them, give the "
        f"folder that holds this tree as `--manual_dir`:\n{TREE}"
    )

    def _info(self) -> tfds.core.DatasetInfo:
        return records.dataset_info(
            self,
            skeleton=skeletons.load("aspset_17"),
            views=self.builder_config.views,
            action_names=(),
            joints_3d=True,
            cameras=True,
            homepage="https://github.com/anibali/aspset-510",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        folder = raw_files.manual_folder(dl_manager)
        folders = (
            [folder]
            if folder
            else dl_manager.download_and_extract([URL.format(p) for p in PARTS])
        )
        files = find_files(*map(pathlib.Path, folders))
        _check(files).require(folder, self.MANUAL_DOWNLOAD_INSTRUCTIONS)
        rows = read_splits(files["splits.csv"])
        clips = {
            split: _clips(rows, name, self.builder_config.views)
            for split, name in SPLITS.items()
        }
        return {
            split: self._generate_examples(files, clips[split], split == "test")
            for split in SPLITS
            if clips[split]
        }

    def _generate_examples(
        self, files: Mapping[str, pathlib.Path], clips: list[Clip], is_test
    ):
        for clip in clips:
            record = example(files, clip, stride=TEST_STRIDE if is_test else 1)
            yield record[schema.CLIP_ID], record


def find_files(*folders: pathlib.Path) -> dict[str, pathlib.Path]:
    """Returns every file in the folders by its name; names are unique."""
    return {
        path.name: path
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".c3d", ".json", ".csv")
    }


def read_splits(path: pathlib.Path) -> list[dict[str, str]]:
    """Returns the rows of splits.csv.

    Raises:
      ValueError: without the columns that must be there.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = {"subject_id", "clip_id", "split", "camera_id"}
    if not rows or not columns <= set(rows[0]):
        raise ValueError(
            f"{path} must have rows with the columns "
            f"{', '.join(sorted(columns))}. Received: "
            f"{', '.join(rows[0]) if rows else 'no rows'}."
        )
    return rows


def _clips(rows, split: str, views: int) -> list[Clip]:
    clips = []
    for row in rows:
        if row["split"] != split:
            continue
        camera = row["camera_id"]
        cameras = CAMERAS if camera == "all" else (camera,)
        sets = [cameras] if views > 1 else [(name,) for name in cameras]
        clips += [
            Clip(row["subject_id"], row["clip_id"], names)
            for names in sets
            if len(names) == views
        ]
    return clips


def check(folder: pathlib.Path | None) -> raw_files.Findings:
    """Looks for every file that splits.csv names; None: they are downloaded."""
    if folder is None:
        return raw_files.Findings(
            notes=("will be downloaded from archive.org/details/aspset510",)
        )
    return _check(find_files(folder))


def _check(files: Mapping[str, pathlib.Path]) -> raw_files.Findings:
    if "splits.csv" not in files:
        where = URL.format("common-splits")
        return raw_files.Findings(missing=(f"splits.csv, in {where}",))
    rows, found, missing = read_splits(files["splits.csv"]), [], []
    for split, name in SPLITS.items():
        clips = _clips(rows, name, 1)
        found.append(f"{split}: {len(clips)} clips and cameras")
        archive = "test" if split == "test" else "trainval"
        needed = {(clip.file, "joints_3d") for clip in clips}
        needed |= {(f, "cameras") for c in clips for f in c.camera_files}
        missing += [
            f"{file}, in {URL.format(f'{archive}-{kind}')}"
            for file, kind in sorted(needed)
            if file not in files
        ]
    return raw_files.Findings(found=tuple(found), missing=tuple(missing))


def example(
    files: Mapping[str, pathlib.Path], clip: Clip, *, stride: int
) -> dict:
    """Returns the record of a clip.

    Args:
      files: of `find_files`.
      clip: what to read.
      stride: every stride-th frame is for evaluation.
    """
    joints = read_joints(files[clip.file])
    known = np.isfinite(joints).all(axis=-1)
    joints = np.where(known[..., np.newaxis], joints, 0.0) @ _TO_Z_UP.T
    cameras = read_cameras([files[name] for name in clip.camera_files])
    joints_3d = camera_geometry.world_to_camera(
        joints[:, np.newaxis],
        cameras[schema.ROTATION],
        cameras[schema.TRANSLATION],
    ).numpy()
    keypoints_2d = camera_geometry.project(
        joints_3d, cameras[schema.INTRINSICS]
    ).numpy()
    seen = np.broadcast_to(known[:, np.newaxis], joints_3d.shape[:-1])
    clip_id = f"{clip.subject}-{clip.number}"
    if len(clip.cameras) == 1:
        clip_id += f"-{clip.cameras[0]}"
    return records.example(
        clip_id=clip_id,
        subject=clip.subject,
        fps=HZ,
        frame_valid=np.arange(len(joints)) % stride == 0,
        keypoints_2d=np.where(seen[..., np.newaxis], keypoints_2d, 0.0),
        scores=seen,
        image_size=np.tile(IMAGE_SIZE, (len(clip.cameras), 1)),
        joints_3d=joints_3d,
        joints_3d_valid=seen,
        cameras=cameras,
    )


def read_joints(path: pathlib.Path) -> np.ndarray:
    """Returns [T, 17, 3] mm in the world of the files; NaN where unknown.

    Raises:
      ValueError: names the file: damaged, or not of 17 points at 50 Hz.
      ImportError: without the package `c3d`.
    """
    import c3d  # noqa: PLC0415  # only here, an extra

    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # no analog data
            reader = c3d.Reader(file)
            rate = reader.point_rate
            points = np.stack([points for _, points, _ in reader.read_frames()])
    except Exception as error:  # a damaged file may raise anything
        raise ValueError(
            f"Cannot read {path}: {error!r}. Get it again."
        ) from error
    if points.shape[1] != 17 or rate != HZ:
        raise ValueError(
            f"{path} must have 17 points at {HZ:g} Hz. Received: "
            f"{points.shape[1]} at {rate:g} Hz."
        )
    unknown = points[..., 3:4] < 0  # how C3D marks them
    return np.where(unknown, np.nan, points[..., :3].astype(np.float64))


def read_cameras(paths: list[pathlib.Path]) -> dict[str, np.ndarray]:
    """Returns the calibration of V cameras, world z up.

    Raises:
      ValueError: names the file that is no such calibration.
    """
    intrinsics, extrinsics = [], []
    for path in paths:
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            intrinsics.append(np.reshape(content["intrinsic_matrix"], (3, 4)))
            extrinsics.append(np.reshape(content["extrinsic_matrix"], (4, 4)))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is no calibration: {error!r}.") from error
    extrinsics = np.array(extrinsics, np.float64)
    return {
        schema.INTRINSICS: np.array(intrinsics, np.float64)[:, :, :3],
        schema.DISTORTION: np.zeros((len(paths), 5)),
        schema.ROTATION: extrinsics[:, :3, :3] @ _TO_Z_UP.T,
        schema.TRANSLATION: extrinsics[:, :3, 3],
    }
