"""COCO's person keypoints: people in photographs, 2D only."""

import dataclasses
import json
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tf_poselift import skeletons
from tf_poselift.data import raw_files
from tf_poselift.data import records

URL = "http://images.cocodataset.org/annotations/annotations_trainval2017.zip"
TREE = "annotations/person_keypoints_{}2017.json"
SPLITS = {"train": "train", "validation": "val"}  # COCO's test is withheld
FPS = 1.0  # stills have no rate; a record must have one


@dataclasses.dataclass(eq=False, kw_only=True)
class PeopleConfig(tfds.core.BuilderConfig):
    """Which people are taken.

    Attributes:
      least: keypoints that must be annotated, of 17.
    """

    least: int


class Builder(tfds.core.GeneratorBasedBuilder):
    """Builds the `coco_keypoints` data set."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = [
        PeopleConfig(
            name="full_body",
            description="People whose 17 keypoints are all annotated.",
            least=17,
        ),
        PeopleConfig(
            name="all_people",
            description="People with at least one keypoint; the others are "
            "missing (score 0).",
            least=1,
        ),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Nothing to do: the annotations (about 250 MB, CC BY 4.0) are "
        f"downloaded from {URL}. If you have them, give the folder that holds "
        f"{TREE.format('train')} and {TREE.format('val')} as `--manual_dir`."
    )

    def _info(self) -> tfds.core.DatasetInfo:
        return records.dataset_info(
            self,
            skeleton=skeletons.load("coco_17"),
            views=1,
            action_names=(),
            joints_3d=False,
            cameras=False,
            homepage="https://cocodataset.org",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        folder = raw_files.manual_folder(dl_manager)
        if folder is None:
            folder = pathlib.Path(dl_manager.download_and_extract(URL))
        check(folder).require(folder, self.MANUAL_DOWNLOAD_INSTRUCTIONS)
        return {
            split: self._generate_examples(folder / TREE.format(name))
            for split, name in SPLITS.items()
        }

    def _generate_examples(self, path: pathlib.Path):
        for person in people(path, least=self.builder_config.least):
            yield person["clip_id"], person


def check(folder: pathlib.Path | None) -> raw_files.Findings:
    """Looks for the two files of annotations; None: they are downloaded."""
    if folder is None:
        return raw_files.Findings(
            notes=(f"will be downloaded from {URL} (about 250 MB)",)
        )
    paths = [folder / TREE.format(name) for name in SPLITS.values()]
    return raw_files.Findings(
        found=tuple(
            f"{path}: {path.stat().st_size / 1e6:.0f} MB"
            for path in paths
            if path.is_file()
        ),
        missing=tuple(
            f"{path.relative_to(folder)}, in {URL}"
            for path in paths
            if not path.is_file()
        ),
        notes=("crowds are left out",),
    )


def people(path: pathlib.Path, *, least: int) -> Iterator[dict[str, Any]]:
    """Yields a record of one frame for every person, in the file's order.

    Crowds (`iscrowd`) are left out. A keypoint that is annotated has score 1,
    also where something hides it (v = 1); score 0: not annotated (v = 0).

    Args:
      path: a file of annotations.
      least: keypoints that a person must have.

    Raises:
      ValueError: not such a file, or the number of a person whose keypoints
        or image are not as they must be.
    """
    content = _read(path)
    images = {image["id"]: image for image in content["images"]}
    for person in content["annotations"]:
        if person.get("iscrowd") or person.get("num_keypoints", 0) < least:
            continue
        where = f"{path}, annotation {person['id']}"
        keypoints = np.array(person["keypoints"], np.float32)
        if keypoints.shape != (51,):
            raise ValueError(
                f"{where}: `keypoints` must be 17 times x, y, v. Received: "
                f"{keypoints.size} numbers."
            )
        image = images.get(person["image_id"])
        if image is None:
            raise ValueError(
                f"{where}: `image_id` must be among the images. Received: "
                f"{person['image_id']}."
            )
        keypoints = keypoints.reshape(1, 1, 17, 3)
        yield records.example(
            clip_id=f"{person['image_id']:012d}_{person['id']}",
            fps=FPS,
            keypoints_2d=keypoints[..., :2],
            scores=keypoints[..., 2] > 0,
            image_size=np.array([[image["width"], image["height"]]]),
        )


def _read(path: pathlib.Path) -> dict[str, Any]:
    """Reads the file without outlines: they are most of it."""

    def without_outline(entries: dict[str, Any]) -> dict[str, Any]:
        entries.pop("segmentation", None)
        return entries

    try:
        with path.open(encoding="utf-8") as file:
            content = json.load(file, object_hook=without_outline)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path} is not valid JSON, or only the start of a file: {error}. "
            "Get it again."
        ) from error
    if not isinstance(content, dict) or not {"images", "annotations"} <= set(
        content
    ):
        raise ValueError(
            f"{path} must have the entries `images` and `annotations`."
        )
    return content
