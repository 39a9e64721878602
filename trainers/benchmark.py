"""Times a training step beside its bare matrix products.

python trainers/benchmark.py --what=step --method=kudo2018 --batch_size=1024
"""

import dataclasses
import json
import sys

from absl import app
from absl import flags
from absl import logging

from tf_poselift.training import step_benchmark

_WHAT = flags.DEFINE_enum("what", "step", ["step"], "What is timed.")
_METHOD = flags.DEFINE_string("method", "kudo2018", "Method.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 1024, "Poses of a step.", 1)
_PRECISION = flags.DEFINE_enum(
    "precision", "float32", ["float32", "mixed_bfloat16"], "Keras policy."
)
_CONFIG = flags.DEFINE_multi_string(
    "config", [], "FIELD=VALUE of the method's config; may be repeated."
)
_STEPS = flags.DEFINE_integer("steps", 20, "Steps of a round.", 1)
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Rounds; medians are shown.", 1)
_JSON = flags.DEFINE_string("json", None, "File to write the result to.")


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments: {' '.join(argv[1:])}.")
    logging.set_verbosity(logging.WARNING)
    try:
        result = step_benchmark.measure(
            _METHOD.value,
            batch_size=_BATCH_SIZE.value,
            precision=_PRECISION.value,
            overrides=tuple(_CONFIG.value),
            steps=_STEPS.value,
            rounds=_ROUNDS.value,
        )
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"error: {error}")
    values = dataclasses.asdict(result)
    for name, value in values.items():
        shown = f"{value:.4g}" if isinstance(value, float) else value
        print(f"{name:20} {shown}")
    if _JSON.value:
        with open(_JSON.value, "w", encoding="utf-8") as file:
            json.dump(values, file, indent=2)


if __name__ == "__main__":
    app.run(main)
