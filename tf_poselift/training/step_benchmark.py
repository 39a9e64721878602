"""How near a training step comes to its bare matrix products.

The limit is the same products alone (`matrix_products`), in TensorFlow on the
same threads, with or without XLA, whichever is faster; all are timed in turn in
one run, because machines drift.
"""

import dataclasses
import resource
import statistics
import tempfile
import time

import tensorflow as tf

from tf_poselift import config as config_lib
from tf_poselift import methods
from tf_poselift import schema
from tf_poselift import skeletons
from tf_poselift.data import sampling
from tf_poselift.data import streaming
from tf_poselift.data import synthetic
from tf_poselift.data import tables
from tf_poselift.data import writer
from tf_poselift.methods import base
from tf_poselift.training import loop
from tf_poselift.training import matrix_products
from tf_poselift.training import run_folder
from tf_poselift.training import training_data

FRAMES, VIEWS = 100, 4  # of a clip
_LIMITS = ("plain", "xla")  # the bare products, without and with XLA


@dataclasses.dataclass(frozen=True)
class Result:
    """Medians over rounds; JSON-ready with `dataclasses.asdict`."""

    method: str
    batch_size: int
    precision: str
    device: str
    step_ms: float
    products_ms: float
    poses_per_second: float
    gflop_per_step: float
    step_gflops: float
    products_gflops: float
    ratio: float  # of the rates: products_ms / step_ms, the median of rounds
    outside_percent: float  # of the step's time: 100 (1 - ratio)
    input_percent: float  # of the step's time, drawing its batch
    compile_seconds: float  # first call, less its steps
    # After the first steps: of the GPU, or of this process.
    peak_memory_gib: float


class _SameBatch:
    """A sampler that draws one batch for ever, at no cost."""

    def __init__(self, sampler: sampling.Sampler):
        self._batch = sampler.draw(0)

    def draw(self, step, replica=0, replicas=1) -> dict[str, tf.Tensor]:
        del replica, replicas
        return self._batch | {schema.STEP: tf.cast(step, tf.int64)}


def measure(
    method: str,
    *,
    batch_size: int,
    precision: str = "float32",
    overrides: tuple[str, ...] = (),
    steps: int = 20,
    rounds: int = 5,
    skeleton: skeletons.Skeleton | None = None,
    clips: int = 50,
    streamed: bool = False,
) -> Result:
    """Times training steps and their bare products on synthetic data.

    Args:
      method: a name of `methods.names()`.
      batch_size: poses of a step.
      precision: a Keras dtype policy.
      overrides: FIELD=VALUE for the method's config.
      steps: steps of a round.
      rounds: rounds, each with steps and products in turn.
      skeleton: of the poses; default: `human36m_17`.
      clips: of `FRAMES` frames in `VIEWS` views.
      streamed: reads them from records, which are written to a temporary
        folder, instead of from the device.
    """
    model, sampler = build(
        method, batch_size, precision, overrides, skeleton, clips
    )
    if not streamed:
        return _measure(
            model, sampler, sampler, method, precision, steps, rounds
        )
    with tempfile.TemporaryDirectory() as folder:
        table = made_up(skeleton, clips)
        source = streaming.Stream(
            writer.write({"train": table}, folder, name="synthetic"),
            "train",
            folder,
            methods.load(method).batch_spec(model.config),
            batch_size=batch_size,
            seed=0,
        )
        return _measure(
            model, source, sampler, method, precision, steps, rounds
        )


def _measure(
    model: base.PoseLifter,
    source: sampling.Sampler | streaming.Stream,
    sampler: sampling.Sampler,
    method: str,
    precision: str,
    steps: int,
    rounds: int,
) -> Result:
    batch_size = model.config.batch_size
    whole = loop.Loop(model, source)
    first = _step_seconds(whole, 0, steps)
    peak = _peak_memory()  # the matrices below would be in it
    timed = range(steps, (rounds + 1) * steps)
    turns = {step: _turns(model, step) for step in range(timed.stop)}
    batch = sampler.draw(0)
    products = {
        turn: matrix_products.products_of(model, batch, dict(turn))
        for turn in {*turns.values()}
    }
    fed = loop.Loop(model, _SameBatch(sampler))
    times = _time(whole, fed, products, turns, steps, rounds)
    step = statistics.median(times["step"])
    bare = min((times[name] for name in _LIMITS), key=statistics.median)
    product = statistics.median(bare)
    ratio = _median_ratio(bare, times["step"])
    gflop = statistics.mean(
        sum(p.flops for p in products[turns[step]]) / 1e9 for step in timed
    )
    return Result(
        method=method,
        batch_size=batch_size,
        precision=precision,
        device=tf.config.list_logical_devices()[-1].device_type,
        step_ms=1e3 * step,
        products_ms=1e3 * product,
        poses_per_second=batch_size / step,
        gflop_per_step=gflop,
        step_gflops=gflop / step,
        products_gflops=gflop / product,
        ratio=ratio,
        outside_percent=100.0 * (1.0 - ratio),
        input_percent=100.0
        * (1.0 - _median_ratio(times["fed"], times["step"])),
        compile_seconds=steps * (first - step),
        peak_memory_gib=peak / 2**30,
    )


def _time(
    whole: loop.Loop,
    fed: loop.Loop,
    products: dict[tuple, list[matrix_products.Product]],
    turns: dict[int, tuple],
    steps: int,
    rounds: int,
) -> dict[str, list[float]]:
    """Returns the seconds of all that is timed in turn, one entry a round.

    Args:
      whole: the steps.
      fed: the same on one batch.
      products: {whose turn it is: those of a step}.
      turns: {step: whose turn it is}.
      steps: of a round.
      rounds: how many.
    """
    limits = {name: {} for name in _LIMITS}
    for turn, each in products.items():
        pairs = matrix_products.operands(each)
        for name in _LIMITS:
            function = matrix_products.bare(
                each, pairs, jit_compile=name == "xla"
            )
            _products_seconds([function])  # compiles
            limits[name][turn] = function
    timed = {
        "step": lambda steps_: _step_seconds(whole, steps_.start, steps),
        "fed": lambda steps_: _step_seconds(fed, steps_.start, steps),
    }
    for name, functions in limits.items():
        timed[name] = lambda steps_, functions=functions: _products_seconds(
            [functions[turns[step]] for step in steps_]
        )
    timed["fed"](range(steps))  # compiles
    times = {name: [] for name in timed}
    for round_ in range(1, rounds + 1):
        # What comes after something else finds the caches cold: every other
        # round goes backwards.
        steps_ = range(round_ * steps, (round_ + 1) * steps)
        for name in list(timed)[:: 1 if round_ % 2 else -1]:
            times[name].append(timed[name](steps_))
    return times


def _median_ratio(above: list[float], below: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def _step_seconds(training_loop: loop.Loop, first: int, steps: int) -> float:
    start = time.perf_counter()
    logs, _ = training_loop.run(
        tf.constant(first, tf.int64), tf.constant(steps, tf.int64)
    )
    float(logs["valid"])  # waits for the device
    return (time.perf_counter() - start) / steps


def _products_seconds(functions: list) -> float:
    """Of one call, on average."""
    start = time.perf_counter()
    for function in functions:
        results = None  # or two sets of them would be in memory
        results = function()
    results[-1][0, 0].numpy()  # waits for the device
    return (time.perf_counter() - start) / len(functions)


def _peak_memory() -> int:
    """Bytes: of the GPU since it was first used, or of this process."""
    if tf.config.list_logical_devices("GPU"):
        return tf.config.experimental.get_memory_info("GPU:0")["peak"]
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def build(
    name: str,
    batch_size: int,
    precision: str,
    overrides: tuple[str, ...],
    skeleton: skeletons.Skeleton | None = None,
    clips: int = 50,
) -> tuple[base.PoseLifter, sampling.Sampler]:
    """Builds the method and a sampler on synthetic motion."""
    module = methods.load(name)
    config = config_lib.override(
        module.Config(), [*overrides, f"batch_size={batch_size}"]
    )
    table = made_up(skeleton, clips)
    make = getattr(module, "statistics", None)
    settings = run_folder.Settings(
        method=name,
        config=config_lib.to_json(config),
        skeleton=table.skeleton.to_dict(),
        dataset="synthetic",
        data=table.datasets,
        batch_size=batch_size,
        seed=0,
        precision=precision,
    )
    return (
        run_folder.build_method(settings, make(table, config) if make else {}),
        training_data.make_sampler(module, config, table, seed=0),
    )


def made_up(
    skeleton: skeletons.Skeleton | None = None, clips: int = 50
) -> tables.Table:
    """Returns synthetic motion of any number of clips of `measure`."""
    skeleton = skeleton or skeletons.load("human36m_17")
    few = synthetic.table(
        skeleton, clips=min(clips, 50), frames=FRAMES, views=VIEWS
    )
    return tables.concatenate(  # the same people again
        [
            dataclasses.replace(
                few, clip_id=tuple(f"{i}/{part}" for i in few.clip_id)
            )
            for part in range(-(-clips // 50))
        ]
    )


def _turns(method: base.PoseLifter, step: int) -> tuple[tuple[str, bool], ...]:
    """Whose turn it is at a step."""
    turns = method.turns(tf.constant(step, tf.int64))
    return tuple((name, bool(turn)) for name, turn in turns.items())
