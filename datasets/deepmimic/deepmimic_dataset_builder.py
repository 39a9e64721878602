"""DeepMimic's 15 motion clips, seen by 32 hand-held cameras each."""

import importlib.util
import pathlib

import numpy as np
import tensorflow_datasets as tfds
from deepmimic import humanoid

from tf_poselift.data import raw_files
from tf_poselift.data import records
from tf_poselift.data import virtual_cameras

VIEWS = 32
# A person with a camera in the hands: radians above the aim, mm from the place
# where the motion comes closest.
ELEVATION = (np.deg2rad(-5.0), np.deg2rad(15.0))
DISTANCE = (3000.0, 6000.0)
AIM_HEIGHT = 900.0  # mm above the floor
# Whole activities are held out; variants (dances, kicks) stay together.
CLIPS = {
    "train": (
        "backflip",
        "cartwheel",
        "crawl",
        "dance_a",
        "dance_b",
        "getup_facedown",
        "getup_faceup",
        "kick",
        "roll",
        "spinkick",
    ),
    "validation": ("spin",),
    "test": ("jump", "punch", "run", "walk"),
}
MOTIONS = "data/motions/humanoid3d_{}.txt"
URDF = "humanoid/humanoid.urdf"


class Builder(tfds.core.GeneratorBasedBuilder):
    """Builds the `deepmimic` data set."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "The clips ship in the pybullet wheel: `pip install -e "
        "'.[quickstart]'` in the checkout of this project. To read them from "
        f"elsewhere, give a folder with `{URDF}` and `{MOTIONS.format('*')}` "
        "as `--manual_dir`."
    )

    def _info(self) -> tfds.core.DatasetInfo:
        names = sorted(name for names in CLIPS.values() for name in names)
        return records.dataset_info(
            self,
            skeleton=humanoid.SKELETON,
            views=VIEWS,
            action_names=names,
            joints_3d=True,
            cameras=True,
            homepage="https://xbpeng.github.io/projects/DeepMimic/",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        folder = raw_files.manual_folder(dl_manager) or installed()
        check(folder).require(folder, self.MANUAL_DOWNLOAD_INSTRUCTIONS)
        return {
            split: self._generate_examples(folder, names)
            for split, names in CLIPS.items()
        }

    def _generate_examples(self, folder: pathlib.Path, names: tuple[str, ...]):
        offsets = humanoid.read_offsets(folder / URDF)
        for name in names:
            frames = humanoid.read_frames(folder / MOTIONS.format(name))
            joints_world = humanoid.joints_world(frames, offsets)
            cameras = _cameras(name, joints_world)
            keypoints_2d, joints_3d = virtual_cameras.view(
                joints_world, cameras
            )
            yield (
                name,
                records.example(
                    clip_id=name,
                    subject="humanoid",
                    action=name,
                    fps=humanoid.FPS,
                    keypoints_2d=keypoints_2d,
                    image_size=cameras.image_size,
                    joints_3d=joints_3d,
                    cameras=cameras.calibration(),
                ),
            )


def _cameras(name: str, joints_world: np.ndarray) -> virtual_cameras.Cameras:
    """Places the cameras round the middle of a clip's path.

    They depend on the clip's name alone, so that a rebuilt data set is the
    same.
    """
    path = joints_world[:, 0, :2]
    middle = (path.min(axis=0) + path.max(axis=0)) / 2.0
    radius = np.linalg.norm(path - middle, axis=-1).max()
    return virtual_cameras.random_cameras(
        list(name.encode()),
        VIEWS,
        distance=(DISTANCE[0] + radius, DISTANCE[1] + radius),
        elevation=ELEVATION,
        target=(*middle, AIM_HEIGHT),
    )


def installed() -> pathlib.Path | None:
    """Returns the folder of the pybullet wheel's files, if it is installed."""
    # Finds the files without importing (starting) the simulator.
    spec = importlib.util.find_spec("pybullet_data")
    return spec and pathlib.Path(spec.submodule_search_locations[0])


def check(folder: pathlib.Path | None) -> raw_files.Findings:
    """Looks for the clips; None: in the pybullet wheel."""
    folder = folder or installed()
    if folder is None:
        return raw_files.Findings(missing=("the package `pybullet`",))
    needed = [MOTIONS.format(n) for names in CLIPS.values() for n in names]
    missing = [f for f in (URDF, *needed) if not (folder / f).exists()]
    return raw_files.Findings(
        found=(f"{1 + len(needed) - len(missing)} files in {folder}",),
        missing=tuple(missing),
    )
