"""Draws estimated and true scale over a clip (Yu 2021, Figures 3 and 5).

python trainers/scale_track.py --workdir=runs/yu \
    --dataset=cmu_mocap/trajectories

Writes scale_track.png and scale_track.json, which also has the agreement and
the errors over all poses of the split.
"""

import sys

from tf_poselift import quiet_start

quiet_start.import_tensorflow()

from absl import app
from absl import flags
from absl import logging

from tf_poselift.evaluation import scale_track

_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Run folder of a `yu2021`.", required=True
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
_SPLIT = flags.DEFINE_string("split", "test", "Split with the clip.")
_CLIP = flags.DEFINE_string(
    "clip", None, "Its clip_id; default: the one whose true scale changes most."
)
_VIEW = flags.DEFINE_integer("view", 0, "Number of the view.", 0)
_OUTPUT_DIR = flags.DEFINE_string(
    "output_dir", None, "Default: WORKDIR/evaluation."
)


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments: {' '.join(argv[1:])}.")
    logging.set_verbosity(logging.WARNING)
    try:
        content = scale_track.track(
            _WORKDIR.value,
            dataset=_DATASET.value,
            split=_SPLIT.value,
            data_dir=_DATA_DIR.value,
            clip=_CLIP.value,
            view=_VIEW.value,
            output_dir=_OUTPUT_DIR.value,
        )
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    print(f"clip {content['clip']}, view {content['view']}")
    for where in ("of_clip", "overall"):
        for name, value in content[where].items():
            print(f"{where:<8} {name:<25} {value:.3f}")


if __name__ == "__main__":
    app.run(main)
