"""Draws figures/skeletons.png: every built-in skeleton with the names.

python docs/skeleton_figure.py
"""

import pathlib

from matplotlib import figure

from tf_poselift import skeletons

PATH = pathlib.Path(__file__).parent / "figures" / "skeletons.png"
COLUMNS = 5
COLORS = {"left": "tab:blue", "right": "tab:red", "": "0.35"}
# A person seen from the front; the left side is at the right.
MIDDLE = {
    "pelvis": 1.0,
    "spine": 1.25,
    "spine1": 1.11,
    "spine2": 1.22,
    "spine3": 1.33,
    "chest": 1.25,
    "thorax": 1.5,
    "neck": 1.5,
    "upper_neck": 1.62,
    "nose": 1.78,
    "head": 1.95,
    "head_top": 2.15,
}
# Larger than life where joints are many.
SIDE = {
    "hip": (0.16, 0.9),
    "knee": (0.22, 0.52),
    "ankle": (0.26, 0.14),
    "foot": (0.32, 0.02),
    "foot_index": (0.42, -0.06),
    "big_toe": (0.3, -0.1),
    "small_toe": (0.5, -0.02),
    "heel": (0.1, 0.02),
    "collar": (0.12, 1.42),
    "shoulder": (0.28, 1.4),
    "elbow": (0.55, 1.3),
    "wrist": (0.8, 1.16),
    "hand": (0.88, 1.06),
    "pinky": (0.82, 1.0),
    "index": (0.95, 1.08),
    "thumb": (0.95, 1.24),
    "eye": (0.16, 1.98),
    "eye_inner": (0.08, 1.9),
    "eye_outer": (0.24, 2.06),
    "ear": (0.34, 1.88),
    "mouth": (0.12, 1.66),
}
# The middle of the head; elsewhere `head` is its top.
HEAD_IS_MIDDLE = ("smpl_24", "mpi_inf_3dhp_17", "aspset_17")


def place(skeleton: skeletons.Skeleton) -> list[tuple[float, float]]:
    """Returns where to draw the joints."""
    points = []
    for joint in skeleton.joints:
        side, _, part = joint.partition("_")
        if side in ("left", "right"):
            x, y = SIDE[part]
            points.append((x if side == "left" else -x, y))
        elif joint == "head" and skeleton.name not in HEAD_IS_MIDDLE:
            points.append((0.0, MIDDLE["head_top"]))
        elif joint == "neck" and skeleton.name == "mpii_16":
            points.append((0.0, MIDDLE["upper_neck"]))
        else:
            points.append((0.0, MIDDLE[joint]))
    return points


def draw(axes, skeleton: skeletons.Skeleton) -> None:
    points = place(skeleton)
    for parent, child in skeleton.bones:
        side = skeleton.joints[child].partition("_")[0]
        x, y = zip(points[parent], points[child], strict=True)
        axes.plot(x, y, color=COLORS.get(side, COLORS[""]), lw=1.2, zorder=1)
    for j, (x, y) in enumerate(points):
        is_root = j in skeleton.root
        axes.plot(x, y, "s" if is_root else "o", color="black", ms=3, zorder=2)
        side, _, part = skeleton.joints[j].partition("_")
        name = part if side in ("left", "right") else skeleton.joints[j]
        if side == "right":
            name = ""  # as on the left
        axes.annotate(
            f"{j} {name.replace('_', ' ')}",
            (x, y),
            xytext=(-3 if side == "right" else 3, 1),
            textcoords="offset points",
            ha="right" if side == "right" else "left",
            fontsize=5,
        )
    axes.set_title(skeleton.name, fontsize=9)
    axes.set(xlim=(-1.15, 1.25), ylim=(-0.17, 2.22), aspect="equal")
    axes.axis("off")


def main() -> None:
    names = skeletons.names()
    rows = -(-len(names) // COLUMNS)
    drawn = figure.Figure(figsize=(3 * COLUMNS, 3.1 * rows), dpi=110)
    grid = drawn.subplots(rows, COLUMNS, squeeze=False).ravel()
    for axes in grid:
        axes.axis("off")
    for axes, name in zip(grid, names, strict=False):
        draw(axes, skeletons.load(name))
    drawn.tight_layout()
    drawn.savefig(PATH)
    print(f"Written to {PATH}")


if __name__ == "__main__":
    main()
