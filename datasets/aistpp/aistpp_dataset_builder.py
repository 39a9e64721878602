"""AIST++: dancers seen by nine calibrated cameras, real detections and 3D."""

import dataclasses
import functools
import pathlib

import numpy as np
import tensorflow_datasets as tfds
from aistpp import annotations

from tf_poselift import skeletons
from tf_poselift.data import generation
from tf_poselift.data import raw_files
from tf_poselift.data import records
from tf_poselift.geometry import cameras as camera_geometry

URL = (
    "https://github.com/google/aistplusplus_dataset/releases/download/v1.0/"
    "aist_plusplus_final.zip"
)
HZ = 60
TREE = """
aist_plusplus_final/
  cameras/mapping.txt, setting1.json ...
  keypoints2d/gBR_sBM_cAll_d04_mBR0_ch01.pkl ...
  keypoints3d/gBR_sBM_cAll_d04_mBR0_ch01.pkl ...
  splits/pose_train.txt, pose_val.txt, pose_test.txt
  ignore_list.txt
"""


@dataclasses.dataclass(eq=False, kw_only=True)
class RateConfig(tfds.core.BuilderConfig):
    """How many frames are kept.

    Attributes:
      stride: every stride-th of the 60 frames a second.
    """

    stride: int


class Builder(generation.Builder):
    """Builds the `aistpp` data set."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = [
        RateConfig(name="60hz", description="All frames.", stride=1),
        RateConfig(name="10hz", description="Every sixth frame.", stride=6),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Nothing to do: the annotations (2.3 GB, CC BY 4.0) are downloaded "
        f"from {URL}. If you have them, give the folder that holds this tree "
        f"as `--manual_dir`:\n{TREE}"
    )

    def _info(self) -> tfds.core.DatasetInfo:
        return records.dataset_info(
            self,
            skeleton=skeletons.load("coco_17"),
            views=annotations.VIEWS,
            action_names=(),  # a clip's action is its genre
            joints_3d=True,
            cameras=True,
            homepage="https://google.github.io/aistplusplus_dataset",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        folder = raw_files.manual_folder(dl_manager)
        if folder is None:
            folder = pathlib.Path(dl_manager.download_and_extract(URL))
        check(folder).require(folder, self.MANUAL_DOWNLOAD_INSTRUCTIONS)
        folder = annotations.root(folder)
        return {
            split: self._generate_examples(folder, sequences)
            for split, sequences in annotations.read_splits(folder).items()
            if sequences
        }

    def _generate_examples(self, folder: pathlib.Path, sequences: list[str]):
        stride = self.builder_config.stride
        make = functools.partial(clip, folder, stride=stride)
        return self.make_examples(sequences, make)


def check(folder: pathlib.Path | None) -> raw_files.Findings:
    """Looks for the lists and for every sequence's files."""
    if folder is None:
        return raw_files.Findings(
            notes=(f"will be downloaded from {URL} (2.3 GB)",)
        )
    root = annotations.root(folder)
    if root is None:
        return raw_files.Findings(missing=(f"cameras/mapping.txt, in {URL}",))
    lists = ["ignore_list.txt"]
    lists += [f"splits/pose_{n}.txt" for n in annotations.SPLITS.values()]
    missing = [
        f"{name}, in {URL}" for name in lists if not (root / name).is_file()
    ]
    if missing:
        return raw_files.Findings(missing=tuple(missing))
    settings, found = annotations.read_settings(root), []
    for split, sequences in annotations.read_splits(root).items():
        files = [
            f"cameras/{s}.json" for s in {*map(settings.get, sequences)} if s
        ]
        files += [
            f"{kind}/{sequence}.pkl"
            for kind in ("keypoints2d", "keypoints3d")
            for sequence in sequences
        ]
        missing += [f for f in files if not (root / f).is_file()]
        missing += [
            f"`{sequence}` in cameras/mapping.txt"
            for sequence in sequences
            if sequence not in settings
        ]
        found.append(f"{split}: {len(sequences)} sequences")
    return raw_files.Findings(
        found=tuple(found),
        missing=tuple(missing),
        notes=("sequences of ignore_list.txt are left out",),
    )


def clip(folder: pathlib.Path, name: str, *, stride: int):
    """Returns the id and the record of one sequence.

    Args:
      folder: with the annotations.
      name: of the sequence, genre_situation_cAll_dancer_music_choreography.
      stride: every stride-th frame is kept.
    """
    setting = annotations.read_settings(folder)[name]
    cameras = annotations.read_cameras(folder / "cameras" / f"{setting}.json")
    sequence = annotations.read_sequence(folder, name)
    joints_world = sequence.joints_world[::stride, np.newaxis].astype(float)
    known = np.isfinite(joints_world).all(axis=-1)
    joints_3d = camera_geometry.world_to_camera(
        np.where(known[..., np.newaxis], joints_world, 0.0),
        cameras.calibration["rotation"],
        cameras.calibration["translation"],
    ).numpy()
    known = np.broadcast_to(known, joints_3d.shape[:-1])
    genre, situation, _, dancer, _, _ = name.split("_")
    return name, records.example(
        clip_id=name,
        subject=dancer,
        action=genre,
        scene=situation,
        flags=sequence.flags,
        fps=HZ / stride,
        frame_index=stride * np.arange(len(joints_3d)),
        frame_valid=known.all(axis=(1, 2)),
        keypoints_2d=sequence.keypoints_2d[::stride],
        scores=sequence.scores[::stride],
        image_size=cameras.image_size,
        joints_3d=np.where(known[..., np.newaxis], joints_3d, 0.0),
        joints_3d_valid=known,
        cameras=cameras.calibration,
    )
