"""Writes dummy_data/: random motion in the format of DeepMimic's files.

cd datasets && python -m deepmimic.make_dummy_data
"""

import json
import pathlib

import numpy as np
from deepmimic import deepmimic_dataset_builder
from deepmimic import humanoid

FOLDER = pathlib.Path(__file__).parent / "dummy_data"
FRAMES = 3


def motion(generator: np.random.Generator) -> str:
    """Returns a clip of a person who stands and sways, as JSON."""
    frames = []
    for _ in range(FRAMES):
        frame = [0.05, *generator.normal([0.0, 0.9, 0.0], 0.02)]
        for numbers in humanoid.ROTATIONS.values():
            if numbers == 4:
                vector = generator.normal(0.0, 0.1, 3)
                quaternion = np.array([1.0, *vector])
                frame += list(quaternion / np.linalg.norm(quaternion))
            else:
                frame.append(generator.normal(0.0, 0.1))
        frames.append([round(float(number), 4) for number in frame])
    return json.dumps({"Loop": "none", "Frames": frames}) + "\n"


def urdf(generator: np.random.Generator) -> str:
    """Returns a skeleton with limbs of about the right length."""
    lines = ['<robot name="dummy">']
    for name in humanoid.SKELETON.joints:
        if name in ("pelvis", "nose"):
            continue
        side = 0.5 * (name.startswith("right") - name.startswith("left"))
        up = 1.0 if name in ("chest", "neck") else -1.2
        xyz = generator.normal([0.0, up, side], 0.05)
        numbers = " ".join(f"{number:.3f}" for number in xyz)
        lines += [
            f'  <joint name="{name}" type="spherical">',
            f'    <origin rpy="0 0 0" xyz="{numbers}"/>',
            "  </joint>",
        ]
    return "\n".join([*lines, "</robot>", ""])


def main() -> None:
    generator = np.random.default_rng(0)
    builder = deepmimic_dataset_builder
    files = {builder.URDF: urdf(generator)}
    for names in builder.CLIPS.values():
        for name in names:
            files[builder.MOTIONS.format(name)] = motion(generator)
    for name, text in files.items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
