"""Times a step or a served model beside its matrix products, or the data's way.

python trainers/benchmark.py --what=step --method=kudo2018 --batch_size=1024
python trainers/benchmark.py --what=growth --figure=growth.png
python trainers/benchmark.py --what=data
python trainers/benchmark.py --what=serve --method=martinez2017 --threads=1
"""

import dataclasses
import importlib
import json
import pathlib
import sys
import tempfile
from typing import Any

from tf_poselift import quiet_start

quiet_start.import_tensorflow()

from absl import app
from absl import flags
from absl import logging

from tf_poselift.export import latency
from tf_poselift.training import benchmark_table
from tf_poselift.training import data_benchmark
from tf_poselift.training import growth_benchmark
from tf_poselift.training import run_folder
from tf_poselift.training import step_benchmark

_WHAT = flags.DEFINE_enum(
    "what", "step", ["step", "growth", "data", "serve"], "What is timed."
)
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
_FRAMES = flags.DEFINE_integer("frames", 2500, "Data: frames of a take.", 1)
_CLIPS = flags.DEFINE_integer(
    "clips", 20, "Data: clips that are read; 156 are all of Human3.6M's.", 1
)
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Serve: run folder; by default --method, untrained."
)
_THREADS = flags.DEFINE_integer(
    "threads", None, "Serve: threads of every engine; by default all cores.", 1
)
_POSES = flags.DEFINE_list(
    "poses", None, "Growth: poses of the training data; default: to 10^7."
)
_FIGURE = flags.DEFINE_string("figure", None, "Growth: picture to write.")
_JSON = flags.DEFINE_string("json", None, "File to write the result to.")
_COMPARE = flags.DEFINE_string(
    "compare",
    None,
    "File of an earlier run's --json to compare with; of the same --what, "
    "method, batch size, precision and config.",
)

DATASETS = pathlib.Path(__file__).parents[1] / "datasets"


def step() -> dict[str, Any]:
    """Times a training step."""
    return dataclasses.asdict(
        step_benchmark.measure(
            _METHOD.value,
            batch_size=_BATCH_SIZE.value,
            precision=_PRECISION.value,
            overrides=tuple(_CONFIG.value),
            steps=_STEPS.value,
            rounds=_ROUNDS.value,
        )
    )


def growth() -> dict[str, Any]:
    """Times a step over batch sizes, joints and sizes of the data."""
    points = growth_benchmark.measure(
        _METHOD.value,
        batch_size=_BATCH_SIZE.value,
        precision=_PRECISION.value,
        overrides=tuple(_CONFIG.value),
        poses=[int(n) for n in _POSES.value or growth_benchmark.POSES],
        steps=_STEPS.value,
        rounds=_ROUNDS.value,
    )
    if _FIGURE.value:
        growth_benchmark.figure(points).savefig(_FIGURE.value)
    return {"points": [dataclasses.asdict(point) for point in points]}


def data() -> dict[str, Any]:
    """Times `human36m` on made-up files of its size, reading and metrics."""
    sys.path.insert(0, str(DATASETS))
    module = importlib.import_module("human36m.human36m_dataset_builder")
    made_up = importlib.import_module("human36m.make_dummy_data")
    values = {}
    for form in made_up.FORMS:
        with tempfile.TemporaryDirectory() as folder:
            made_up.write(pathlib.Path(folder), form, frames=_FRAMES.value)
            builder = module.Builder(config="gt", data_dir=f"{folder}/none")
            result = data_benchmark.building(builder, folder)
        values |= {
            f"{form}: {name}": value
            for name, value in dataclasses.asdict(result).items()
        }
    others = {
        "reading": data_benchmark.reading(
            clips=_CLIPS.value, frames=_FRAMES.value
        ),
        "metrics": data_benchmark.scoring(),
    }
    return values | {
        f"{what}: {name}": value
        for what, result in others.items()
        for name, value in dataclasses.asdict(result).items()
    }


def serve() -> dict[str, Any]:
    """Times a model in every format that it is exported in."""
    method = (
        run_folder.load(_WORKDIR.value).method
        if _WORKDIR.value
        else step_benchmark.build(
            _METHOD.value, 1, "float32", tuple(_CONFIG.value)
        )[0]
    )
    result = latency.measure(
        method, rounds=_ROUNDS.value, threads=_THREADS.value
    )
    print(latency.table(result))
    return dataclasses.asdict(result)


def settings() -> dict[str, Any]:
    """Returns what an earlier run must share to be compared with."""
    what = _WHAT.value
    values = {"what": what}
    if what in ("step", "growth"):
        values |= {
            "method": _METHOD.value,
            "batch_size": _BATCH_SIZE.value,
            "precision": _PRECISION.value,
            "config": " ".join(_CONFIG.value),
        }
    elif what == "serve" and not _WORKDIR.value:
        values |= {
            "method": _METHOD.value,
            "config": " ".join(_CONFIG.value),
        }
    return values


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments: {' '.join(argv[1:])}.")
    logging.set_verbosity(logging.ERROR)  # each size is traced anew
    what = {"step": step, "growth": growth, "data": data, "serve": serve}
    earlier = {}
    try:
        if _COMPARE.value:
            earlier = benchmark_table.read(_COMPARE.value)
            benchmark_table.check_same(settings(), earlier)
        values = settings() | what[_WHAT.value]()
    except (ValueError, FileNotFoundError, ImportError) as error:
        sys.exit(f"error: {error}")
    print("\n".join(benchmark_table.lines(values, earlier)))
    if _JSON.value:
        with open(_JSON.value, "w", encoding="utf-8") as file:
            json.dump(values, file, indent=2)


if __name__ == "__main__":
    app.run(main)
