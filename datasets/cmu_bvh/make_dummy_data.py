"""Writes dummy_data/: random motion of a Poser-like figure as BVH files.

cd datasets && python -m cmu_bvh.make_dummy_data
"""

import pathlib

import numpy as np

FOLDER = pathlib.Path(__file__).parent / "dummy_data"
FRAMES = 17
CLIPS = {"dance": ("01", "02", "03"), "fight": ("01",)}
SPLITS = "train: [dance]\ntest: [fight]\n"
# (joint, OFFSET in centimetres, its children)
ARM = (
    "Shldr",
    (11, 0, 0),
    [("ForeArm", (28, 0, 0), [("Hand", (24, 0, 0), [])])],
)
LEG = (
    "Thigh",
    (9, -3, 0),
    [("Shin", (0, -40, 0), [("Foot", (0, -42, 0), [])])],
)
EYES = [("leftEye", (4, 8, 8), []), ("rightEye", (-4, 8, 8), [])]


def side(letter: str, joint: tuple) -> tuple:
    """Returns a limb of the left ("l") or right ("r") side."""
    name, (x, y, z), children = joint
    mirrored = (x if letter == "l" else -x, y, z)
    return letter + name, mirrored, [side(letter, child) for child in children]


HEAD = ("neck", (0, 22, 0), [("head", (0, 7, 0), EYES)])
CHEST = ("chest", (0, 12, 0), [HEAD, *(side(s, ARM) for s in "rl")])
FIGURE = (
    "hip",
    (0, 0, 0),
    [("abdomen", (0, 20, 0), [CHEST]), *(side(s, LEG) for s in "rl")],
)


def hierarchy(joint: tuple, depth: int = 0) -> list[str]:
    """Returns the lines of a joint and of all below it."""
    name, offset, children = joint
    positions = "" if depth else "Xposition Yposition Zposition "
    order = (
        "Zrotation Xrotation Yrotation"
        if depth
        else ("Zrotation Yrotation Xrotation")
    )
    lines = [
        f"{'JOINT' if depth else 'ROOT'} {name}",
        "{",
        "  OFFSET " + " ".join(map(str, offset)),
        f"  CHANNELS {3 if depth else 6} {positions}{order}",
    ]
    for child in children:
        lines += ["  " + line for line in hierarchy(child, depth + 1)]
    if not children:
        lines += ["  End Site", "  {", "    OFFSET 1 0 0", "  }"]
    return [*lines, "}"]


def bvh(generator: np.random.Generator) -> list[str]:
    """Returns the lines of a file: somebody stands and sways."""
    lines = ["HIERARCHY", *hierarchy(FIGURE)]
    channels = sum(int(x.split()[1]) for x in lines if "CHANNELS" in x)
    values = generator.normal(0.0, 5.0, (FRAMES, channels))
    values[:, 1] += 88.0
    values[0, 3:] = 0.0  # the conversion begins with a rest pose
    rows = ["\t".join(f"{x:.5g}" for x in row) for row in values]
    timing = [f"Frames:\t{FRAMES}", "Frame Time:\t0.00833333"]
    return [*lines, "MOTION", *timing, *rows]


def main() -> None:
    generator = np.random.default_rng(0)
    for collection, names in CLIPS.items():
        folder = FOLDER / collection
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            text = "".join(f"{line}\r\n" for line in bvh(generator))
            (folder / f"{name}.bvh").write_bytes(text.encode())
    (FOLDER / "splits.yaml").write_text(SPLITS, encoding="utf-8")


if __name__ == "__main__":
    main()
