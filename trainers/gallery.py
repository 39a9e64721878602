"""Draws what a trained model makes of a split; no 3D truth is needed.

python trainers/gallery.py --workdir=runs/kudo --dataset=keypoints/my_video \
    --split=train --count=25
"""

import pathlib
import sys

from tf_poselift import quiet_start

quiet_start.import_tensorflow()

from absl import app
from absl import flags
from absl import logging

from tf_poselift.evaluation import gallery

_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Run folder of trainers/train.py.", required=True
)
_DATASET = flags.DEFINE_string(
    "dataset", None, "NAME[/CONFIG][:VERSION].", required=True
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Folder of prepared data sets; default: TFDS's own."
)
_SPLIT = flags.DEFINE_string("split", "validation", "Split to draw from.")
_CHECKPOINT = flags.DEFINE_string(
    "checkpoint", None, "Path of a checkpoint, or `best`; default: the newest."
)
_COUNT = flags.DEFINE_integer("count", 25, "Number of poses.", 1)
_OUTPUT = flags.DEFINE_string(
    "output", None, "PNG file; default: WORKDIR/gallery.png."
)


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments: {' '.join(argv[1:])}.")
    logging.set_verbosity(logging.WARNING)
    output = _OUTPUT.value or pathlib.Path(_WORKDIR.value) / "gallery.png"
    try:
        count = gallery.draw(
            _WORKDIR.value,
            dataset=_DATASET.value,
            split=_SPLIT.value,
            data_dir=_DATA_DIR.value,
            checkpoint=_CHECKPOINT.value,
            count=_COUNT.value,
            output=output,
        )
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    print(f"{count} poses drawn in {output}")


if __name__ == "__main__":
    app.run(main)
