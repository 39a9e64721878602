"""Whether measures without labels rank checkpoints as their errors do.

python trainers/measure_ranks.py --workdir=runs/a,runs/b --dataset=deepmimic

Prints Spearman's rank correlation of every measure with `pa_mpjpe` over the
checkpoints of the runs; writes measure_ranks.json and measure_ranks.png.
"""

import sys

from tf_poselift import quiet_start

quiet_start.import_tensorflow()

from absl import app
from absl import flags
from absl import logging

from tf_poselift.evaluation import measure_ranks

_WORKDIR = flags.DEFINE_list(
    "workdir", None, "Run folders of trainers/train.py.", required=True
)
_DATASET = flags.DEFINE_string(
    "dataset",
    None,
    "NAME[/CONFIG][:VERSION], several by comma, with 3D.",
    required=True,
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Folder of prepared data sets; default: TFDS's own."
)
_SPLIT = flags.DEFINE_string("split", "validation", "Split to measure on.")
_LAST = flags.DEFINE_bool("last", False, "Only the newest checkpoint of a run.")
_OUTPUT_DIR = flags.DEFINE_string(
    "output_dir", "runs/measure_ranks", "Of what is written."
)


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments: {' '.join(argv[1:])}.")
    logging.set_verbosity(logging.ERROR)  # each model is traced anew
    try:
        content = measure_ranks.compare(
            _WORKDIR.value,
            dataset=_DATASET.value,
            split=_SPLIT.value,
            data_dir=_DATA_DIR.value,
            last=_LAST.value,
            output_dir=_OUTPUT_DIR.value,
        )
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    print(f"rank correlation over {len(content['checkpoints'])} checkpoints:")
    for name, value in content["spearman"].items():
        print(f"{name:<12} {value:.2f}")
    print(f"writes to {_OUTPUT_DIR.value}")


if __name__ == "__main__":
    app.run(main)
