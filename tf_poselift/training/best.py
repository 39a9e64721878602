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

_MEASURES = "label_free.json"


def held_out(dataset: str, data_dir: str | None, skeleton):
    """Returns the validation clips of a data set, or None if it has none."""
    for name in dataset.split(","):
        builder = prepared.open_builder(name.strip(), data_dir)
        if "validation" not in builder.info.splits:
            return None
    return reader.read(dataset, "validation", data_dir, skeleton=skeleton)


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
            content = json.loads(path.read_text(encoding="utf-8"))
            self._measured = {
                int(s): value
                for s, value in content["label_free"].items()
                if int(s) <= step
            }
        if step and step not in self._measured:
            self.measure(step)

    def measure(self, step: int) -> dict[str, float]:
        """Measures the weights of a step; keeps them if they are the best."""
        with self._method.averaged():
            measures = label_free.measure(self._method, self._table)
        value = measures["label_free"]
        is_best = value < min(self._measured.values(), default=float("inf"))
        self._measured[step] = value
        if is_best:
            self._kept.save(step)
        self.folder.mkdir(parents=True, exist_ok=True)
        run_folder.write_json(
            self.folder / _MEASURES,
            {"best": self.step, "label_free": self._measured},
        )
        return measures

    @property
    def step(self) -> int:
        """Of the best weights so far."""
        return min(self._measured, key=self._measured.get)

    @property
    def since(self) -> int:
        """How many checkpoints were measured after the best one."""
        if not self._measured:
            return 0
        return sum(step > self.step for step in self._measured)
