"""Writes dummy_data/: made-up people in the form of COCO's annotations.

cd datasets && python -m coco_keypoints.make_dummy_data
"""

import json
import pathlib

import numpy as np
from coco_keypoints import coco_keypoints_dataset_builder as builder

FOLDER = pathlib.Path(__file__).parent / "dummy_data"


def person(
    generator: np.random.Generator, number: int, image: int, **changes
) -> dict:
    """Returns an annotation; `seen` is the v of the 17 keypoints."""
    seen = np.array(changes.pop("seen", [2] * 17))
    points = np.round(generator.uniform(20, 400, (17, 2)))
    points[seen == 0] = 0
    keypoints = np.concatenate([points, seen[:, np.newaxis]], axis=1)
    return {
        "segmentation": [[1.0, 2.0, 3.0, 4.0]],
        "num_keypoints": int((seen > 0).sum()),
        "area": 1000.0,
        "iscrowd": 0,
        "keypoints": keypoints.ravel().astype(int).tolist(),
        "image_id": image,
        "bbox": [20.0, 20.0, 380.0, 380.0],
        "category_id": 1,
        "id": number,
    } | changes


def annotations(generator: np.random.Generator, first: int) -> dict:
    """Two images: four people, of whom two have all keypoints, and a crowd."""
    half = [2] * 11 + [0] * 6
    hidden = [2] * 5 + [1] * 12
    return {
        "images": [
            {"id": first, "file_name": "a.jpg", "width": 640, "height": 427},
            {
                "id": first + 1,
                "file_name": "b.jpg",
                "width": 480,
                "height": 640,
            },
        ],
        "annotations": [
            person(generator, 10 * first, first),
            person(generator, 10 * first + 1, first, seen=half),
            person(generator, 10 * first + 2, first + 1, seen=hidden),
            person(generator, 10 * first + 3, first + 1, seen=[0] * 17),
            person(
                generator,
                10 * first + 4,
                first + 1,
                iscrowd=1,
                segmentation={"counts": [1, 2], "size": [640, 480]},
            ),
        ],
        "categories": [{"id": 1, "name": "person"}],
    }


def main() -> None:
    generator = np.random.default_rng(0)
    for first, name in ((139, "train"), (285, "val")):
        path = FOLDER / builder.TREE.format(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(annotations(generator, first)))


if __name__ == "__main__":
    main()
