"""CMU motion capture (ASF/AMC), seen by the four cameras of Human3.6M."""

import functools
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence

import tensorflow_datasets as tfds
from cmu_mocap import asf_amc

from tf_poselift.data import joint_maps
from tf_poselift.data import kinematics
from tf_poselift.data import mocap_clips
from tf_poselift.data import raw_files
from tf_poselift.data import records

URL = "http://mocap.cs.cmu.edu/allasfamc.zip"
TREE = "all_asfamc/subjects/NN/NN.asf and all_asfamc/subjects/NN/NN_TT.amc"
HZ = 120
# Captured at half the rate; the files do not say so.
HZ_OF_SUBJECT = dict.fromkeys(("60", "61", "75", "87", "88", "89"), 60)
TEST_REMAINDER = 2  # subjects whose number leaves this when divided by 5

_JOINT_MAP = pathlib.Path(__file__).parent / "joint_map.yaml"


class Builder(tfds.core.GeneratorBasedBuilder):
    """Builds the `cmu_mocap` data set."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = mocap_clips.CONFIGS
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Unpack {URL} (1.1 GB), or the subjects that you want of it, so that "
        f"the folder holds {TREE} (NN: subject, TT: trial). Name the "
        "folder with `--manual_dir`, or have it as `cmu_mocap` in the folder "
        "that the environment variable TF_POSELIFT_DATA names. Without such a "
        "folder the archive is downloaded."
    )

    def _info(self) -> tfds.core.DatasetInfo:
        return records.dataset_info(
            self,
            skeleton=joint_maps.load(_JOINT_MAP).skeleton,
            views=mocap_clips.VIEWS,
            action_names=(),  # a clip's action is its own number
            joints_3d=True,
            cameras=True,
            homepage="http://mocap.cs.cmu.edu",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        folder = raw_files.manual_folder(dl_manager)
        folder = folder or _downloaded(dl_manager)
        check(folder).require(folder, self.MANUAL_DOWNLOAD_INSTRUCTIONS)
        clips = _clips(folder)
        test = sorted(clip_id for clip_id in clips if _is_test(clip_id))
        train, validation = records.hold_out_every_eighth(set(clips) - {*test})
        splits = {"train": train, "validation": validation, "test": test}
        return {
            split: self._generate_examples(clips, clip_ids)
            for split, clip_ids in splits.items()
            if clip_ids
        }

    def _generate_examples(
        self, clips: Mapping[str, pathlib.Path], clip_ids: Sequence[str]
    ):
        joint_map = joint_maps.load(_JOINT_MAP)
        read_asf = functools.lru_cache(asf_amc.read_asf)
        position = {clip_id: i for i, clip_id in enumerate(sorted(clips))}
        for clip_id in clip_ids:
            subject = clip_id.split("_")[0]
            path = clips[clip_id]
            asf = path.parent / f"{subject}.asf"
            bones = read_asf(asf)
            missing = joint_map.missing(bones.names)
            if missing:
                raise ValueError(
                    f"{asf} must have the bones {', '.join(missing)}. "
                    f"Received: {', '.join(bones.names)}."
                )
            stride = round(HZ_OF_SUBJECT.get(subject, HZ) / mocap_clips.FPS)
            motion = asf_amc.read_amc(path, bones, stride=stride)
            ends, rotations = asf_amc.place_bones(bones, motion)
            joints = joint_maps.apply(joint_map, bones.names, ends, rotations)
            yield (
                clip_id,
                mocap_clips.example(
                    self.builder_config,
                    position[clip_id],
                    kinematics.y_up_to_z_up(joints),
                    clip_id=clip_id,
                    subject=subject,
                    action=clip_id,
                    frame_index=[stride * i for i in range(len(motion))],
                ),
            )


def _is_test(clip_id: str) -> bool:
    return int(clip_id.split("_")[0]) % 5 == TEST_REMAINDER


def _downloaded(dl_manager: tfds.download.DownloadManager) -> pathlib.Path:
    """Returns the archive, unpacked; perhaps a user did it where TFDS looks."""
    default = pathlib.Path(dl_manager.download_dir, "manual")
    if (default / "all_asfamc").exists():
        return default
    return pathlib.Path(dl_manager.download_and_extract(URL))


def _clips(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    paths = folder.glob("all_asfamc/subjects/*/[0-9]*_[0-9]*.amc")
    return {path.stem: path for path in paths}


def check(folder: pathlib.Path | None) -> raw_files.Findings:
    """Looks for motions and their skeletons; None: they are downloaded."""
    if folder is None:
        return raw_files.Findings(
            notes=(f"will be downloaded from {URL} (1.1 GB)",)
        )
    clips = _clips(folder)
    if not clips:
        return raw_files.Findings(missing=(f"{TREE}, in {URL}",))
    subjects = sorted({path.parent for path in clips.values()})
    skeletons = [path / f"{path.name}.asf" for path in subjects]
    return raw_files.Findings(
        found=(f"{len(clips)} trials of {len(subjects)} subjects",),
        missing=tuple(
            f"{path.relative_to(folder)}, the skeleton of its trials, in {URL}"
            for path in skeletons
            if not path.is_file()
        ),
    )
