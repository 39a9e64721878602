r"""Makes the comparisons of docs/results.md, in one call.

python trainers/reproduce.py --experiments=kudo_facing --scale=small \
    --data_dir=runs/data --workdir=runs/results

Every experiment of trainers/experiments.yaml leaves results.json, table.md and
curves.png in WORKDIR/SCALE/EXPERIMENT, beside its run folders. The same call
goes on where an earlier one ended. `--list` shows what there is.
"""

import pathlib
import shlex
import sys

from tf_poselift import quiet_start

quiet_start.import_tensorflow()

from absl import app
from absl import flags
from absl import logging

from tf_poselift import checks
from tf_poselift.data import prepared
from tf_poselift.evaluation import comparison
from tf_poselift.evaluation import experiments
from tf_poselift.evaluation import scored_runs

_EXPERIMENTS = flags.DEFINE_list(
    "experiments", None, "Names, by comma, or `all`; see --list."
)
_SCALE = flags.DEFINE_string(
    "scale", "small", "`small` (two cores) or `full` (a GPU)."
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir", prepared.DATA_DIR, "Folder of prepared data sets."
)
_WORKDIR = flags.DEFINE_string(
    "workdir", "runs/results", "Folder of all comparisons."
)
_FILE = flags.DEFINE_string(
    "file",
    str(pathlib.Path(__file__).with_name("experiments.yaml")),
    "Their description.",
)
_STEPS = flags.DEFINE_integer(
    "steps", None, "Other number of steps, to try a comparison out.", 1
)
_SEEDS = flags.DEFINE_integer("seeds", None, "Other number of seeds.", 1)
_LIST = flags.DEFINE_bool("list", False, "Lists the experiments.")


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments: {' '.join(argv[1:])}.")
    logging.set_verbosity(logging.ERROR)  # each model is traced anew
    try:
        known = experiments.read(_FILE.value)
        if _LIST.value:
            print("\n".join(experiments.summary(known)))
            return
        names = _EXPERIMENTS.value or []
        names = list(known) if names == ["all"] else names
        for name in names:
            checks.check_member("experiment", name, known)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    if not names:
        sys.exit("error: --experiments is required; see --list.")
    failures = []
    for name in names:
        failures += _compare(known[name])
    if failures:
        sys.exit("\n".join(["error: not all went well:", *failures]))


def _compare(experiment: experiments.Experiment) -> list[str]:
    """Runs one experiment; returns what failed, in words."""
    try:
        content = comparison.compare(
            experiment,
            scale=_SCALE.value,
            data_dir=_DATA_DIR.value,
            workdir=_WORKDIR.value,
            steps=_STEPS.value,
            seeds=_SEEDS.value,
            command=shlex.join(["python", *sys.argv]),
        )
    except (scored_runs.Stopped, KeyboardInterrupt) as error:
        sys.exit(f"Stopped. {error} The same call continues.")
    except (ValueError, OSError) as error:
        return [f"{experiment.name}: {error}"]
    return [
        f"{experiment.name}, {failure['row']}, seed {failure['seed']}: "
        f"{failure['error']}"
        for failure in content["failures"]
    ]


if __name__ == "__main__":
    app.run(main)
