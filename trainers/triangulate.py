"""Triangulates a calibrated data set: 3D without a model, and its error.

python trainers/triangulate.py --dataset=keypoints/my_video --workdir=runs/3d

Prints the reprojection error of every view in pixels, and writes
triangulated.json, triangulated.npz (the 3D in the world and in each camera, mm)
and triangulated.png.
"""

import sys

from tf_poselift import quiet_start

quiet_start.import_tensorflow()

from absl import app
from absl import flags
from absl import logging

from tf_poselift.evaluation import triangulated

_DATASET = flags.DEFINE_string(
    "dataset",
    None,
    "NAME[/CONFIG][:VERSION], two calibrated views or more.",
    required=True,
)
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Folder to write into.", required=True
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Folder of prepared data sets; default: TFDS's own."
)
_SPLIT = flags.DEFINE_string(
    "split", "all", "Split, several (train+validation), or all."
)


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments: {' '.join(argv[1:])}.")
    logging.set_verbosity(logging.WARNING)
    try:
        content = triangulated.run(
            dataset=_DATASET.value,
            workdir=_WORKDIR.value,
            split=_SPLIT.value,
            data_dir=_DATA_DIR.value,
        )
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    print(triangulated.text_table(content))
    print(f"-> {_WORKDIR.value}/triangulated.{{json,npz,png}}")


if __name__ == "__main__":
    app.run(main)
