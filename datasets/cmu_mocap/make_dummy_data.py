"""Writes dummy_data/: random motion in the format of the CMU archive.

cd datasets && python -m cmu_mocap.make_dummy_data
"""

import pathlib

import numpy as np

FOLDER = pathlib.Path(__file__).parent / "dummy_data"
FRAMES = 9
# Subject 02 is for testing, 60 was captured at half the rate.
CLIPS = ("01_01", "01_02", "02_01", "60_01")
# bone: (parent, direction, length, z of the axis in degrees, dof)
BONES = {
    "lhipjoint": ("root", (0.6, -0.8, 0.0), 2.4, 0, ""),
    "lfemur": ("lhipjoint", (0.3, -0.95, 0.0), 7.2, 20, "rx ry rz"),
    "ltibia": ("lfemur", (0.3, -0.95, 0.0), 7.3, 20, "rx"),
    "rhipjoint": ("root", (-0.6, -0.8, 0.0), 2.4, 0, ""),
    "rfemur": ("rhipjoint", (-0.3, -0.95, 0.0), 7.2, -20, "rx ry rz"),
    "rtibia": ("rfemur", (-0.3, -0.95, 0.0), 7.3, -20, "rx"),
    "lowerback": ("root", (0.0, 1.0, -0.1), 2.0, 0, "rx ry rz"),
    "upperback": ("lowerback", (0.0, 1.0, 0.0), 2.0, 0, "rx ry rz"),
    "lowerneck": ("upperback", (0.0, 1.0, 0.1), 3.8, 0, "rx ry rz"),
    "upperneck": ("lowerneck", (0.0, 1.0, 0.0), 1.7, 0, "rx ry rz"),
    "head": ("upperneck", (0.0, 1.0, 0.0), 1.7, 0, "rx ry rz"),
    "lclavicle": ("upperback", (0.95, 0.3, 0.0), 3.4, 0, "ry rz"),
    "lhumerus": ("lclavicle", (1.0, 0.0, 0.0), 5.0, -30, "rx ry rz"),
    "lradius": ("lhumerus", (1.0, 0.0, 0.0), 3.3, -90, "rx"),
    "lwrist": ("lradius", (1.0, 0.0, 0.0), 1.6, 90, "ry"),
    "rclavicle": ("upperback", (-0.95, 0.3, 0.0), 3.4, 0, "ry rz"),
    "rhumerus": ("rclavicle", (-1.0, 0.0, 0.0), 5.0, 30, "rx ry rz"),
    "rradius": ("rhumerus", (-1.0, 0.0, 0.0), 3.3, 90, "rx"),
    "rwrist": ("rradius", (-1.0, 0.0, 0.0), 1.6, -90, "ry"),
}


def asf() -> list[str]:
    """Returns the lines of a skeleton file."""
    lines = [
        "# Made by make_dummy_data.py",
        ":version 1.10",
        ":name DUMMY",
        ":units",
        "  mass 1.0",
        "  length 0.45",
        "  angle deg",
        ":documentation",
        "  Nobody's skeleton.",
        ":root",
        "  order TX TY TZ RX RY RZ",
        "  axis XYZ",
        "  position 0 0 0",
        "  orientation 0 0 0",
        ":bonedata",
    ]
    for i, (name, bone) in enumerate(BONES.items(), start=1):
        _, direction, length, axis, dof = bone
        unit = np.array(direction) / np.linalg.norm(direction)
        lines += [
            "  begin",
            f"     id {i}",
            f"     name {name}",
            "     direction " + " ".join(f"{x:.6f}" for x in unit),
            f"     length {length}",
            f"     axis 0 0 {axis}  XYZ",
        ]
        if dof:
            lines += [f"    dof {dof}", "    limits (-90.0 90.0)"]
            lines += ["           (-90.0 90.0)"] * dof.count(" ")
        lines.append("  end")
    lines += [":hierarchy", "  begin"]
    for parent in ("root", *BONES):
        children = [name for name in BONES if BONES[name][0] == parent]
        if children:
            lines.append(f"    {parent} {' '.join(children)}")
    return [*lines, "  end"]


def amc(generator: np.random.Generator) -> list[str]:
    """Returns the lines of a motion: somebody stands and sways."""
    lines = ["#!Made by make_dummy_data.py", ":FULLY-SPECIFIED", ":DEGREES"]
    for frame in range(1, FRAMES + 1):
        root = [*generator.normal([0.0, 17.0, 0.0], 0.1), 0.0, 5.0 * frame, 0.0]
        lines += [str(frame), "root " + " ".join(f"{x:.6g}" for x in root)]
        for name, (*_, dof) in BONES.items():
            if dof:
                angles = generator.normal(0.0, 5.0, len(dof.split()))
                lines.append(f"{name} " + " ".join(f"{x:.6g}" for x in angles))
    return lines


def main() -> None:
    generator = np.random.default_rng(0)
    subjects = FOLDER / "all_asfamc" / "subjects"
    for clip in CLIPS:
        subject = clip.split("_")[0]
        folder = subjects / subject
        folder.mkdir(parents=True, exist_ok=True)
        files = {f"{subject}.asf": asf(), f"{clip}.amc": amc(generator)}
        for name, lines in files.items():
            text = "".join(f"{line}\r\n" for line in lines)
            (folder / name).write_bytes(text.encode())


if __name__ == "__main__":
    main()
