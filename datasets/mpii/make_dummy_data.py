"""Writes dummy_data/: random people in the three forms of MPII's annotations.

cd datasets && python -m mpii.make_dummy_data

The MATLAB form has what its readers stumble over, see `people` below.
"""

import json
import pathlib
from typing import Any

import h5py
import numpy as np
from scipy import io

FOLDER = pathlib.Path(__file__).parent / "dummy_data"
MAT = "mpii_human_pose_v1_u12_2/mpii_human_pose_v1_u12_1.mat"
JOINTS = 16
EMPTY = np.zeros((0, 0))


def struct(rows: list[dict[str, Any]]) -> np.ndarray:
    """Returns a MATLAB struct array [1, N] with the fields of the first."""
    array = np.empty((1, len(rows)), [(name, object) for name in rows[0]])
    for i, row in enumerate(rows):
        for name, value in row.items():
            array[0, i][name] = value
    return array


def points(
    generator: np.random.Generator, ids: list[int], visible: list[Any] | None
) -> np.ndarray:
    """Returns points with an `is_visible` of every kind, or without one."""
    rows = []
    for i, joint in enumerate(ids):
        x, y = generator.integers(1, 1000, 2)
        row = {"x": float(x), "y": float(y), "id": joint}
        if visible is not None:
            row["is_visible"] = visible[i % len(visible)]
        rows.append(row)
    return struct(rows)


def rectangle(annotated: Any = None) -> dict[str, Any]:
    """Returns a head; without points it has no such field."""
    row = {"x1": 5, "y1": 6, "x2": 25, "y2": 31, "scale": 3.25}
    row["objpos"] = struct([{"x": 600, "y": 400}])
    if annotated is not None:
        row["annopoints"] = annotated
    return row


def people(generator: np.random.Generator) -> list[tuple[str, int, Any]]:
    """Returns (image, is it for training, `annorect`) of every image."""

    def person(ids, visible):
        return rectangle(struct([{"point": points(generator, ids, visible)}]))

    body = list(range(JOINTS))
    images = [
        # Two people, the second without an ankle and a wrist.
        ("015601864.jpg", 1, struct([
            person(body, [1, 0, "1", "0", EMPTY]),
            person([j for j in body if j not in (0, 15)], [1]),
        ])),
        # One person (a struct instead of an array), no `is_visible` at all.
        ("015599452.jpg", 1, struct([person(body[::-1], None)])),
        # One person with one point.
        ("005808361.jpg", 1, struct([person([7], ["1"])])),
        # A person without points (empty), one with.
        ("086617615.jpg", 1, struct([rectangle(EMPTY), person(body, [1])])),
        # People without the field, no people, and a test image.
        ("060111501.jpg", 1, struct([rectangle(), rectangle()])),
        ("070755336.jpg", 1, EMPTY),
        ("088819113.jpg", 0, struct([rectangle()])),
    ]  # fmt: skip
    more = [
        (f"09000000{i}.jpg", 1, struct([person(body, [1])])) for i in range(3)
    ]
    return images + more


def mat(generator: np.random.Generator, path: pathlib.Path) -> None:
    images = people(generator)
    annolist = [
        {
            "image": struct([{"name": name}]),
            "annorect": rectangles,
            "frame_sec": 11,
            "vidx": 1,
        }
        for name, _, rectangles in images
    ]
    activities = [
        {"act_name": "curling", "cat_name": "sports", "act_id": 1}
        if training and name != "015599452.jpg"
        else {"act_name": EMPTY, "cat_name": EMPTY, "act_id": -1}
        for name, training, _ in images
    ]
    release = {
        "annolist": struct(annolist),
        "img_train": np.array([[training for _, training, _ in images]]),
        "act": struct(activities).T,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    io.savemat(path, {"RELEASE": release}, do_compression=True)
    with open(path, "r+b") as file:  # instead of the time of writing
        file.write(b"MATLAB 5.0 MAT-file".ljust(116))


def persons(
    generator: np.random.Generator, count: int, missing: float
) -> tuple[np.ndarray, np.ndarray]:
    """Returns joints [N, 16, 2] from 1 and visible [N, 16].

    The last person lacks two joints; of the others the first is occluded.
    """
    joints = generator.integers(1, 1000, (count, JOINTS, 2)).astype(np.float64)
    visible = np.ones((count, JOINTS))
    visible[:, 0] = 0.0
    joints[-1, [0, 9]], visible[-1, [0, 9]] = missing, 0.0
    return joints, visible


def main() -> None:
    generator = np.random.default_rng(0)
    mat(generator, FOLDER / MAT)
    annot = FOLDER / "annot"
    annot.mkdir(exist_ok=True)
    for split, count in (("train", 4), ("valid", 2)):
        # Two people on the first image.
        names = [f"0{max(i, 1):08d}.jpg" for i in range(count)]
        joints, visible = persons(generator, count, -1.0)
        rows = [
            {
                "joints_vis": visible[i].astype(int).tolist(),
                "joints": joints[i].tolist(),
                "image": names[i],
                "scale": 3.021046,
                "center": [594.0, 257.0],
            }
            for i in range(count)
        ]
        text = json.dumps(rows)
        (annot / f"{split}.json").write_text(text, encoding="utf-8")
        joints, visible = persons(generator, count, 0.0)
        with h5py.File(annot / f"{split}.h5", "w") as file:
            file["part"] = joints
            file["visible"] = visible
            codes = [[float(ord(letter)) for letter in n] for n in names]
            # One file names images by bytes, the other by letters' codes.
            file["imgname"] = (
                np.array(codes) if split == "train" else np.array(names, "S")
            )


if __name__ == "__main__":
    main()
