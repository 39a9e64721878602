"""Scores a trained model on a split with 3D.

python trainers/evaluate.py --workdir=runs/kudo --dataset=deepmimic

Prints a table and writes results.json and poses.png (the best, the median and
the worst pose).
"""

import sys

from tf_poselift import quiet_start

quiet_start.import_tensorflow()

from absl import app
from absl import flags
from absl import logging

from tf_poselift.evaluation import evaluation

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
_SPLIT = flags.DEFINE_string("split", "test", "Split to evaluate on.")
_CHECKPOINT = flags.DEFINE_string(
    "checkpoint", None, "Path of a checkpoint, or `best`; default: the newest."
)
_NOISE = flags.DEFINE_multi_string(
    "noise",
    [],
    "FIELD=VALUE of detector-like noise on the 2D, as in trainers/train.py; "
    "may be repeated.",
)
_BY = flags.DEFINE_list(
    "by",
    [],
    "Groups beside the actions: subject, scene, or several joined by +.",
)
_UNCERTAINTY = flags.DEFINE_integer(
    "uncertainty",
    0,
    "Lifts every pose so many times more, up to 5, and tells how well the "
    "uncertainty ranks the errors, as --uncertainty of serving/export.py.",
)
_OUTPUT_DIR = flags.DEFINE_string(
    "output_dir",
    None,
    "Default: WORKDIR/evaluation/DATASET-SPLIT, with --noise and --checkpoint "
    "behind it where they are given.",
)


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments: {' '.join(argv[1:])}.")
    logging.set_verbosity(logging.WARNING)
    try:
        evaluation.evaluate(
            _WORKDIR.value,
            dataset=_DATASET.value,
            split=_SPLIT.value,
            data_dir=_DATA_DIR.value,
            checkpoint=_CHECKPOINT.value,
            noise=_NOISE.value,
            by=_BY.value,
            uncertainty=_UNCERTAINTY.value,
            output_dir=_OUTPUT_DIR.value,
        )
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    app.run(main)
