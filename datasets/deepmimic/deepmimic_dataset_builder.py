"""DeepMimic's 15 motion clips, seen by 32 hand-held cameras each."""

import importlib.util

import numpy as np
import tensorflow_datasets as tfds
from deepmimic import humanoid
from etils import epath

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
        folder = _raw_folder(dl_manager)
        return {
            split: self._generate_examples(folder, names)
            for split, names in CLIPS.items()
        }

    def _generate_examples(self, folder: epath.Path, names: tuple[str, ...]):
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


def _raw_folder(dl_manager: tfds.download.DownloadManager) -> epath.Path:
    """Returns the user's folder, or else the pybullet wheel's.

    Raises:
      FileNotFoundError: no wheel, no such folder, or files that it lacks.
    """
    default = dl_manager.download_dir / "manual"
    try:
        folder = dl_manager.manual_dir
    except AssertionError as error:  # TFDS: not there, or empty
        if str(default) not in str(error):
            raise FileNotFoundError(str(error)) from error
        folder = default
    # The folder that TFDS falls back to holds other data sets' files too.
    if folder == default and not (folder / URDF).exists():
        # Finds the files without importing (starting) the simulator.
        spec = importlib.util.find_spec("pybullet_data")
        if spec is None:
            raise FileNotFoundError(
                "No DeepMimic clips: the package `pybullet_data` is missing. "
                + Builder.MANUAL_DOWNLOAD_INSTRUCTIONS
            )
        folder = epath.Path(spec.submodule_search_locations[0])
    needed = [MOTIONS.format(n) for names in CLIPS.values() for n in names]
    missing = [f for f in (URDF, *needed) if not (folder / f).exists()]
    if missing:
        raise FileNotFoundError(
            f"{folder} must hold DeepMimic's clips. Missing: "
            f"{', '.join(missing)}. {Builder.MANUAL_DOWNLOAD_INSTRUCTIONS}"
        )
    return folder
