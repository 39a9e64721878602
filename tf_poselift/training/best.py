"""The best weights of a run by what 2D alone can tell, and when to stop.

`WORKDIR/best/` holds one checkpoint and `label_free.json`, the measure of every
checkpoint so far. Nothing of it looks at 3D.
"""

import json
import pathlib

from tf_poselift.data import prepared
from tf_poselift.data import reader
from tf_poselift.data import tables
from tf_poselift.methods import base
from tf_poselift.training import checkpoints
from tf_poselift.training import label_free
from tf_poselift.training import run_folder
from tf_poselift.training import writing

_MEASURES = "label_free.json"


def held_out(dataset: str, data_dir: str | None, skeleton):
    """Returns the validation clips of a data set, or None if it has none."""
    for name in dataset.split(","):
        builder = prepared.open_builder(name.strip(), data_dir)
        if "validation" not in builder.info.splits:
            return None
    return reader.read(dataset, "validation", data_dir, skeleton=skeleton)


def check(method: base.PoseLifter, table: tables.Table) -> None:
    """Raises ValueError if held-out clips cannot tell when to stop."""
    try:
        label_free.check(method, table)
    except label_free.NotMeasurable as error:
        raise ValueError(
            "`patience` needs a `validation` split that can be measured "
            f"without labels. {error} Train without `--patience`."
        ) from error


class Best:
    """Measures checkpoints on held-out 2D and keeps the best one.

    Args:
      method: that is trained; averaged weights are measured where it has them.
      table: the held-out clips.
      workdir: the run folder.
    """

    def __init__(
        self,
        method: base.PoseLifter,
        table: tables.Table,
        workdir: pathlib.Path,
    ):
        self._method = method
        self._table = table
        self._traced = label_free.Traced(method)
        self._is_measurable = True
        self.folder = workdir / run_folder.BEST
        self._kept = checkpoints.Checkpoints(
            method, workdir, keep=1, folder=run_folder.BEST
        )
        self._measured: dict[int, float] = {}

    def restore(self, step: int) -> None:
        """Reads what was measured up to `step`, where the run goes on.

        Measures the weights of `step` where a run was killed before it could.
        """
        path = self.folder / _MEASURES
        if path.exists():
            self._measured = {
                s: value for s, value in _read(path).items() if s <= step
            }
        if step and step not in self._measured:
            self.measure(step)

    def measure(self, step: int) -> dict[str, float]:
        """Measures the weights of a step; keeps them if they are the best.

        Returns:
          {name: value}; {} if the held-out clips cannot be measured, which is
          said once.
        """
        try:
            with self._method.averaged():
                measures = label_free.measure(self._traced, self._table)
        except label_free.NotMeasurable as error:
            if self._is_measurable:
                print(
                    f"WARNING: no best checkpoint is kept of step {step} and "
                    f"others like it, the `validation` split does not tell: "
                    f"{error}",
                    flush=True,
                )
            self._is_measurable = False
            return {}
        value = measures["label_free"]
        is_best = value < min(self._measured.values(), default=float("inf"))
        self._measured[step] = value
        if is_best:
            self._kept.save(step)
        with writing.into(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            run_folder.write_json(
                self.folder / _MEASURES,
                {"best": self.step, "label_free": self._measured},
            )
        return measures

    @property
    def step(self) -> int | None:
        """Of the best weights so far; None: nothing was measured."""
        return min(self._measured, key=self._measured.get, default=None)

    @property
    def since(self) -> int:
        """How many checkpoints were measured after the best one."""
        if not self._measured:
            return 0
        return sum(step > self.step for step in self._measured)


def _read(path: pathlib.Path) -> dict[int, float]:
    """Returns {step: measure} of a file; {}, saying so, if it is damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {int(s): float(v) for s, v in content["label_free"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        print(
            f"WARNING: {path} is damaged ({type(error).__name__}: {error}): "
            "goes on as if no checkpoint had been measured.",
            flush=True,
        )
        return {}
