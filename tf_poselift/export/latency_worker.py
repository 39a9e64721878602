"""Times one engine in a process of its own, so that none shares its threads.

    python -m tf_poselift.export.latency_worker '{"engine": "litert", ...}'

Reads `batch seconds` from lines of standard input, and answers each with the
median seconds of a call, of as many calls as fit into that time. Only what the
engine needs is imported.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from tf_poselift import quiet_start

_FEWEST = 5  # calls


def products(task: dict) -> Callable[[int], Callable[[], object]]:
    """Nothing but the matrix products of the model."""
    rng = np.random.default_rng(0)

    def matrix(rows: int, columns: int) -> np.ndarray:
        return rng.normal(size=(rows, columns)).astype(np.float32)

    right = [matrix(*shape) for shape in task["products"]]

    def for_batch(batch: int):
        left = [matrix(batch, len(weights)) for weights in right]
        out = [np.empty((batch, w.shape[1]), np.float32) for w in right]

        def call():
            for a, b, c in zip(left, right, out, strict=True):
                np.matmul(a, b, out=c)
            return out

        return call

    return for_batch


def savedmodel(task: dict) -> Callable[[int], Callable[[], object]]:
    """A loaded signature, tensors in and arrays out."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(task["threads"])
    loaded = tf.saved_model.load(task["path"])
    signature = loaded.signatures["serving_default"]

    def for_batch(batch: int):
        inputs = {k: tf.constant(v) for k, v in poses(task, batch).items()}

        def call():
            assert loaded  # its variables live as long as it does
            return {k: v.numpy() for k, v in signature(**inputs).items()}

        return call

    return for_batch


def litert(task: dict) -> Callable[[int], Callable[[], object]]:
    """A LiteRT file."""
    from tf_poselift.export import litert

    return _portable(task, litert.Model(task["path"], threads=task["threads"]))


def onnx(task: dict) -> Callable[[int], Callable[[], object]]:
    """An ONNX file."""
    from tf_poselift.export import onnx_file

    model = onnx_file.Model(task["path"], threads=task["threads"])
    return _portable(task, model)


def _portable(task: dict, model):
    def for_batch(batch: int):
        inputs = poses(task, batch)
        return lambda: model.run("serving_default", inputs)

    return for_batch


ENGINES = {f.__name__: f for f in (products, savedmodel, litert, onnx)}


def poses(task: dict, batch: int) -> dict[str, np.ndarray]:
    """Returns random poses of `task["joints"]` joints."""
    joints = task["joints"]
    points = np.random.default_rng(0).normal(500.0, 120.0, [batch, joints, 2])
    return {
        "keypoints_2d": points.astype(np.float32),
        "scores": np.ones([batch, joints], np.float32),
    }


def median_seconds(call: Callable[[], object], seconds: float) -> float:
    """Returns the median of calls within some seconds, after one to warm up."""
    call()
    taken = []
    end = time.perf_counter() + seconds
    while len(taken) < _FEWEST or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def main() -> None:
    task = json.loads(sys.argv[1])
    if task["engine"] != "products":
        quiet_start.import_tensorflow()
    for_batch = ENGINES[task["engine"]](task)
    calls = {}
    print("ready", flush=True)
    for line in sys.stdin:
        batch, seconds = line.split()
        if batch not in calls:
            calls[batch] = for_batch(int(batch))
        print(median_seconds(calls[batch], float(seconds)), flush=True)


if __name__ == "__main__":
    main()
