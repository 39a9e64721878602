"""How near a served model comes to its bare matrix products, on the CPU.

The products are read off the traced model itself, so that they fit any method,
and are computed by NumPy with the fastest kernels that the processor has. Every
engine runs in a process of its own; all are timed in turn in one run, because
machines drift, and a ratio is one of the same round.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from collections.abc import Sequence

import tensorflow as tf

from tf_poselift.export import portable
from tf_poselift.export import saved_model
from tf_poselift.export import signatures

BATCH_SIZES = (1, 64, 1024)
PRODUCTS = "matrix products, NumPy"
_SECONDS = 0.3  # of one engine, batch and round


@dataclasses.dataclass(frozen=True)
class Row:
    """Medians over rounds."""

    engine: str
    batch: int
    milliseconds: float
    ratio: float  # to the products of the same round


@dataclasses.dataclass(frozen=True)
class Result:
    """JSON-ready with `dataclasses.asdict`."""

    method: str
    threads: int
    processor: str
    megaflop_per_pose: float
    rounds: int
    rows: list[Row]


def measure(
    method,
    *,
    batch_sizes: Sequence[int] = BATCH_SIZES,
    rounds: int = 5,
    threads: int | None = None,
) -> Result:
    """Exports a method in every format and times them all.

    Args:
      method: a `methods.base.PoseLifter`.
      batch_sizes: poses of a call.
      rounds: rounds, each with all engines in turn.
      threads: of every engine; by default one for every core that there is.

    Raises:
      ImportError: packages are missing.
      ValueError: the model does not export.
    """
    for kind in portable.FORMATS:
        portable.require(kind)
    threads = threads or len(os.sched_getaffinity(0))
    shapes = products_of(method)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        tasks = _tasks(method, pathlib.Path(folder), shapes, threads)
        workers = {
            name: stack.enter_context(_worker(task, environment))
            for name, (task, environment) in tasks.items()
        }
        times = {(name, batch): [] for batch in batch_sizes for name in workers}
        for _ in range(rounds):
            for (name, batch), taken in times.items():
                taken.append(_ask(workers[name], batch))
    rows = [
        Row(
            engine=name,
            batch=batch,
            milliseconds=1e3 * statistics.median(taken),
            ratio=statistics.median(
                a / b
                for a, b in zip(taken, times[PRODUCTS, batch], strict=True)
            ),
        )
        for (name, batch), taken in times.items()
    ]
    module = type(method).__module__
    return Result(
        method=module.rpartition(".")[2],
        threads=threads,
        processor=_processor()["model name"],
        megaflop_per_pose=sum(2 * k * n for k, n in shapes) / 1e6,
        rounds=rounds,
        rows=rows,
    )


def products_of(method) -> list[tuple[int, int]]:
    """Returns the shapes of the matrices that a pose is multiplied with."""
    default = signatures.serving_default(method)
    graph = tf.function(method.serve, autograph=False).get_concrete_function(
        **default.inputs
    )
    shapes = [
        tuple(operation.inputs[1].shape.as_list())
        for operation in graph.graph.get_operations()
        if operation.type == "MatMul"
    ]
    return [tuple(map(int, shape)) for shape in shapes]


def table(result: Result) -> str:
    """Returns the result as the rows and columns of a Markdown table."""
    batches = sorted({row.batch for row in result.rows})
    cells = {(row.engine, row.batch): row for row in result.rows}
    lines = [
        "| engine | " + " | ".join(f"batch {b}" for b in batches) + " |",
        "| --- |" + " --- |" * len(batches),
    ]
    for name in dict.fromkeys(row.engine for row in result.rows):
        shown = (
            f"{row.milliseconds:.3g} ms, {row.ratio:.2f} x"
            for row in (cells[name, batch] for batch in batches)
        )
        lines.append(f"| {name} | " + " | ".join(shown) + " |")
    return "\n".join(lines)


def _tasks(method, folder, shapes, threads: int) -> dict[str, tuple]:
    """Exports; returns {engine: (what its worker is told, environment)}."""
    model = saved_model.export(method, folder)
    lite = portable.export(method, folder, "litert")
    onnx = portable.export(method, folder, "onnx")
    common = {"threads": threads, "joints": method.skeleton.num_joints}

    def task(engine: str, path=None, **environment: str) -> tuple:
        told = common | {"engine": engine, "path": path and str(path)}
        return told, {"OPENBLAS_NUM_THREADS": str(threads)} | environment

    told, environment = task("products", **_kernels())
    return {
        PRODUCTS: (told | {"products": shapes}, environment),
        "SavedModel": task("savedmodel", model),
        "SavedModel, TF_ENABLE_ONEDNN_OPTS=0": task(
            "savedmodel", model, TF_ENABLE_ONEDNN_OPTS="0"
        ),
        "LiteRT": task("litert", lite / "model.tflite"),
        "LiteRT, int8 weights": task("litert", lite / "model_int8.tflite"),
        "ONNX Runtime": task("onnx", onnx / "serving_default.onnx"),
        "ONNX Runtime, int8 weights": task(
            "onnx", onnx / "serving_default_int8.onnx"
        ),
    }


def _kernels() -> dict[str, str]:
    # OpenBLAS takes its AVX2 kernels on some processors that have AVX-512.
    if "avx512f" in _processor().get("flags", "").split():
        return {"OPENBLAS_CORETYPE": "SkylakeX"}
    return {}


def _processor() -> dict[str, str]:
    """The first processor in /proc/cpuinfo, where there is one."""
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return {"model name": "unknown"}
    pairs = (line.partition(":") for line in text.split("\n\n")[0].splitlines())
    entries = {key.strip(): value.strip() for key, _, value in pairs}
    return {"model name": "unknown"} | entries


@contextlib.contextmanager
def _worker(task: dict, environment: dict) -> Iterator[subprocess.Popen]:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "tf_poselift.export.latency_worker"),
            json.dumps(task),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""} | environment,
    )
    try:
        _line(process)
        yield process
    finally:
        process.kill()
        process.communicate()


def _ask(process: subprocess.Popen, batch: int) -> float:
    process.stdin.write(f"{batch} {_SECONDS}\n")
    process.stdin.flush()
    return float(_line(process))


def _line(process: subprocess.Popen) -> str:
    line = process.stdout.readline()
    if not line:
        raise ValueError(
            "An engine must run. Received: exit code "
            f"{process.wait()} of {process.args}; its errors are above."
        )
    return line
