"""Shows which predicted depths move when one keypoint does.

python trainers/sensitivity.py --workdir=runs/tipsy --dataset=deepmimic

TIPSy-GAN 2022, Tables 3 to 5, over a whole split. Prints a table and writes
sensitivity.json and sensitivity.png (a heat map).
"""

import sys

from tf_poselift import quiet_start

quiet_start.import_tensorflow()

from absl import app
from absl import flags
from absl import logging

from tf_poselift.evaluation import sensitivity

_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Run folder of trainers/train.py.", required=True
)
_DATASET = flags.DEFINE_string(
    "dataset",
    None,
    "NAME[/CONFIG][:VERSION], several by comma.",
    required=True,
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Folder of prepared data sets; default: TFDS's own."
)
_SPLIT = flags.DEFINE_string("split", "test", "Split whose poses are lifted.")
_CHECKPOINT = flags.DEFINE_string(
    "checkpoint", None, "Path of a checkpoint, or `best`; default: the newest."
)
_FACTOR = flags.DEFINE_float(
    "factor", 1.05, "Of a keypoint's position relative to the root."
)
_OUTPUT_DIR = flags.DEFINE_string(
    "output_dir", None, "Default: WORKDIR/sensitivity/DATASET-SPLIT."
)


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments: {' '.join(argv[1:])}.")
    logging.set_verbosity(logging.WARNING)
    try:
        sensitivity.analyse(
            _WORKDIR.value,
            dataset=_DATASET.value,
            split=_SPLIT.value,
            data_dir=_DATA_DIR.value,
            checkpoint=_CHECKPOINT.value,
            factor=_FACTOR.value,
            output_dir=_OUTPUT_DIR.value,
        )
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    app.run(main)
