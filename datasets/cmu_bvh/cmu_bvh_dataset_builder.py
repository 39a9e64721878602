"""CMU motion capture as BVH files, seen by the four cameras of Human3.6M."""

import pathlib
from collections.abc import Mapping
from collections.abc import Sequence

import tensorflow_datasets as tfds
import yaml

from tf_poselift.data import bvh
from tf_poselift.data import joint_maps
from tf_poselift.data import kinematics
from tf_poselift.data import mocap_clips
from tf_poselift.data import raw_files
from tf_poselift.data import records

TREE = "<collection>/*.bvh and splits.yaml"
SPLITS = ("train", "test")

_FOLDER = pathlib.Path(__file__).parent / "joint_maps"


class Builder(tfds.core.GeneratorBasedBuilder):
    """Builds the `cmu_bvh` data set."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = mocap_clips.CONFIGS
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"The folder must hold {TREE}; splits.yaml names the collections of "
        "each split, e.g. `train: [salsa, indian]` and `test: [martial]`. Name "
        "the folder with `--manual_dir`, or have it as `cmu_bvh` in the folder "
        "that the environment variable TF_POSELIFT_DATA names."
    )

    def _info(self) -> tfds.core.DatasetInfo:
        return records.dataset_info(
            self,
            skeleton=_load_joint_maps()[0].skeleton,
            views=mocap_clips.VIEWS,
            action_names=(),  # a clip's action is its collection
            joints_3d=True,
            cameras=True,
            homepage="http://mocap.cs.cmu.edu",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        folder = raw_files.manual_folder(dl_manager)
        check(folder).require(folder, self.MANUAL_DOWNLOAD_INSTRUCTIONS)
        split_of = _read_splits(folder / "splits.yaml")
        clips = {
            f"{collection}_{path.stem}": path
            for collection in split_of
            for path in (folder / collection).glob("*.bvh")
        }
        named = {
            split: [c for c in clips if split_of[clips[c].parent.name] == split]
            for split in SPLITS
        }
        train, validation = records.hold_out_every_eighth(named["train"])
        test = sorted(named["test"])
        splits = {"train": train, "validation": validation, "test": test}
        return {
            split: self._generate_examples(clips, clip_ids)
            for split, clip_ids in splits.items()
            if clip_ids
        }

    def _generate_examples(
        self, clips: Mapping[str, pathlib.Path], clip_ids: Sequence[str]
    ):
        maps = _load_joint_maps()
        position = {clip_id: i for i, clip_id in enumerate(sorted(clips))}
        for clip_id in clip_ids:
            path = clips[clip_id]
            motion = bvh.read(path, fps=mocap_clips.FPS)
            joint_map = _fitting_map(path, motion, maps)
            motion = bvh.keep(motion, joint_map.sources)
            joints = joint_maps.apply(
                joint_map, motion.joints, *bvh.place_joints(motion)
            )
            recorded = motion.frame_index >= joint_map.first_frame
            yield (
                clip_id,
                mocap_clips.example(
                    self.builder_config,
                    position[clip_id],
                    kinematics.y_up_to_z_up(joints[recorded]),
                    clip_id=clip_id,
                    subject=path.parent.name,
                    action=path.parent.name,
                    frame_index=motion.frame_index[recorded],
                ),
            )


def check(folder: pathlib.Path | None) -> raw_files.Findings:
    """Looks for splits.yaml and for the motions of what it names."""
    if folder is None or not (folder / "splits.yaml").exists():
        return raw_files.Findings(missing=("splits.yaml, which you write",))
    split_of = _read_splits(folder / "splits.yaml")
    counts = {
        collection: len(list((folder / collection).glob("*.bvh")))
        for collection in split_of
    }
    return raw_files.Findings(
        found=tuple(
            f"{collection}, for {split_of[collection]}: {count} motions"
            for collection, count in counts.items()
            if count
        ),
        missing=tuple(
            f"{collection}/*.bvh, which splits.yaml names"
            for collection, count in counts.items()
            if not count
        ),
    )


def _read_splits(path: pathlib.Path) -> dict[str, str]:
    """Returns the split of every collection."""
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not valid YAML: {error}") from error
    if (
        not isinstance(entries, dict)
        or not set(entries) <= set(SPLITS)
        or not all(_is_list_of_text(names or []) for names in entries.values())
    ):
        raise ValueError(
            f"{path} must name the collections of {' and '.join(SPLITS)}, each "
            f"a list of text (quote numbers). Received: {entries}."
        )
    split_of = {}
    for split, collections in entries.items():
        for collection in collections or ():
            if collection in split_of:
                raise ValueError(f"{path} names `{collection}` twice.")
            split_of[collection] = split
    return split_of


def _is_list_of_text(value) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) for v in value)


def _load_joint_maps() -> list[joint_maps.JointMap]:
    return [joint_maps.load(path) for path in sorted(_FOLDER.glob("*.yaml"))]


def _fitting_map(
    path: pathlib.Path, motion: bvh.Motion, maps: list[joint_maps.JointMap]
) -> joint_maps.JointMap:
    """Returns the first map whose joints the file has."""
    for joint_map in maps:
        if not joint_map.missing(motion.joints):
            return joint_map
    nearest = min(maps, key=lambda m: len(m.missing(motion.joints)))
    raise ValueError(
        f"{path} fits no joint map. Missing for the nearest one: "
        f"{', '.join(nearest.missing(motion.joints))}. Write a map for its "
        f"joints into {_FOLDER}: {', '.join(motion.joints)}."
    )
