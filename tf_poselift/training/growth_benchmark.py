"""How a step's time grows: with the batch, the joints and the data.

The data lie on the device, or are streamed from records.
"""

import dataclasses
from collections.abc import Sequence

from matplotlib import figure as mpl_figure

from tf_poselift import skeletons
from tf_poselift.training import step_benchmark
from tf_poselift.visualization import growth

BATCH_SIZES = (64, 256, 1024, 4096)
JOINTS = (8, 17, 34, 68, 136)
POSES = (10_000, 100_000, 1_000_000, 10_000_000)
STREAMED = (100_000, 1_000_000)
_LABELS = {
    "batch_size": "poses of a step",
    "joints": "joints",
    "poses": "poses on the device",
    "streamed": "poses streamed from records",
}


@dataclasses.dataclass(frozen=True)
class Point:
    """One measurement; what is not `varied` has the default."""

    varied: str
    value: int
    step_ms: float
    products_ms: float
    ratio: float
    input_percent: float


def measure(
    method: str,
    *,
    precision: str = "float32",
    overrides: tuple[str, ...] = (),
    batch_size: int = 1024,
    batch_sizes: Sequence[int] = BATCH_SIZES,
    joints: Sequence[int] = JOINTS,
    poses: Sequence[int] = POSES,
    streamed: Sequence[int] = STREAMED,
    steps: int = 20,
    rounds: int = 5,
) -> list[Point]:
    """Times steps with one of these sizes varied at a time.

    Args:
      method: a name of `methods.names()`.
      precision: a Keras dtype policy.
      overrides: FIELD=VALUE for the method's config.
      batch_size: where it is not varied.
      batch_sizes: poses of a step.
      joints: of made-up skeletons.
      poses: that the training data has, on the device.
      streamed: the same, read from records.
      steps: steps of a round.
      rounds: rounds, each with steps and products in turn.
    """
    per_clip = step_benchmark.FRAMES * step_benchmark.VIEWS
    sizes = (
        [("batch_size", size, {"batch_size": size}) for size in batch_sizes]
        + [("joints", count, {"skeleton": made_up(count)}) for count in joints]
        + [("poses", n, {"clips": max(1, n // per_clip)}) for n in poses]
        + [
            ("streamed", n, {"clips": max(1, n // per_clip), "streamed": True})
            for n in streamed
        ]
    )
    points = []
    for varied, value, options in sizes:
        result = step_benchmark.measure(
            method,
            precision=precision,
            overrides=overrides,
            steps=steps,
            rounds=rounds,
            **({"batch_size": batch_size} | options),
        )
        point = Point(
            varied,
            value,
            result.step_ms,
            result.products_ms,
            result.ratio,
            result.input_percent,
        )
        print(row(point), flush=True)
        points.append(point)
    return points


def made_up(joints: int) -> skeletons.Skeleton:
    """Returns a skeleton of any number of joints from 5 on.

    A back, a front above it, and as many arms of one bone left as right.
    """
    sides = (joints - 3) // 2
    parents = {"root": None, "back": "root", "front": "back"}
    for i in range(sides):
        parents |= {f"left_{i}": "back", f"right_{i}": "back"}
    if len(parents) < joints:
        parents["top"] = "front"
    return skeletons.from_dict(
        {
            "name": f"made_up_{joints}",
            "joints": parents,
            "pairs": [[f"left_{i}", f"right_{i}"] for i in range(sides)],
            "root": "root",
            "head": "front",
            "legs": ["left_0", "right_0"],
            "facing": {
                "back": "back",
                "front": "front",
                "left": "left_0",
                "right": "right_0",
            },
        }
    )


def row(point: Point) -> str:
    """Returns one line of the printed table."""
    return (
        f"{point.varied:>10} {point.value:>10,}  {point.step_ms:8.1f} ms  "
        f"products {point.products_ms:8.1f} ms  ratio {point.ratio:.2f}  "
        f"input {point.input_percent:4.1f} %"
    )


def figure(points: Sequence[Point]) -> mpl_figure.Figure:
    """Draws a panel for each of the sizes."""
    panels = {}
    for varied, label in _LABELS.items():
        chosen = [point for point in points if point.varied == varied]
        if chosen:
            panels[label] = (
                [point.value for point in chosen],
                {
                    "step": [point.step_ms for point in chosen],
                    "its matrix products": [p.products_ms for p in chosen],
                },
            )
    return growth.growth_figure(panels, y_label="ms")
