"""The run of a training: from one checkpoint to the next, to the end."""

import dataclasses
import math
import pathlib
import time

import numpy as np
import tensorflow as tf
import tqdm

from tf_poselift.methods import base
from tf_poselift.training import best as best_lib
from tf_poselift.training import checkpoints
from tf_poselift.training import loop
from tf_poselift.training import pace as pace_lib
from tf_poselift.training import stopping
from tf_poselift.training import summaries
from tf_poselift.training import workers as workers_lib

_ADVICE = (
    "Checkpoints written so far are intact; try a lower "
    "`--config=learning_rate=...` in another `--workdir`."
)


@dataclasses.dataclass(frozen=True)
class Session:
    """What takes part in a run; of several processes the chief alone writes.

    Attributes:
      method: that is trained.
      training_loop: runs its steps.
      workers: the processes of the run.
      kept: its checkpoints.
      best: of the checkpoints; None without held-out 2D and if not the chief.
      written: scalars and pictures; None if not the chief.
      workdir: the run folder.
    """

    method: base.PoseLifter
    training_loop: loop.Loop
    workers: workers_lib.Workers
    kept: checkpoints.Checkpoints
    best: best_lib.Best | None
    written: summaries.Summaries | None
    workdir: pathlib.Path

    def run(
        self,
        *,
        steps: int,
        patience: int | None,
        save_every: int,
        log_every: int,
    ) -> dict[str, float]:
        """Continues to `steps`; returns the last logs, or {} if none is left.

        See `training.train` for the arguments.
        """
        step = self.kept.restore()
        self.workers.check_same("step to start from", str(step))
        if self.best:
            self.best.restore(step)
        ended = self._is_enough(patience)
        if step >= steps or ended:
            self._tell_nothing_to_do(step, steps, patience)
            return {}
        if step:
            print(f"Continuing from step {step}.")
        self.training_loop.begin(step)
        started = time.monotonic()
        bar = tqdm.tqdm(
            total=steps,
            initial=step,
            unit="step",
            dynamic_ncols=True,
            disable=not self.workers.is_chief,
        )
        logs = {}
        pace = pace_lib.Pace(self.workers)
        with bar, stopping.on_request() as stop_asked:
            stopping_now = False
            while step < steps and not stopping_now and not ended:
                # Logs are of the steps up to where checkpoints are due.
                due = (step // save_every + 1) * save_every
                last = min(step + log_every, steps, due)
                means = _Means()
                while step < last and not stopping_now:
                    until = min(step + pace.count(), last)
                    with pace.measured(until - step):
                        means.add(self._call(step, until), until - step)
                    bar.update(until - step)
                    step = until
                    # All end at the same step, whichever was asked to.
                    stopping_now = self.workers.any(stop_asked())
                logs = means.values()
                if step == last:
                    check_valid(logs, step - means.steps, step)
                if self.written:
                    self.written.scalars(logs, step)
                bar.set_postfix({k: f"{v:.3f}" for k, v in logs.items()})
                if step in (due, steps) or stopping_now:
                    self._checkpoint(step)
                    ended = self._is_enough(patience)
        self._tell_end(
            step, steps, patience if ended else None, time.monotonic() - started
        )
        return logs

    def _call(self, step: int, until: int) -> dict[str, float]:
        """Runs the steps from `step` and returns their mean logs."""
        values, bad_step = self.training_loop.run(
            tf.constant(step, tf.int64), tf.constant(until - step, tf.int64)
        )
        logs = {name: float(value) for name, value in values.items()}
        if bad_step >= 0:
            raise self._exploded(logs, int(bad_step))
        return logs

    def _checkpoint(self, step: int) -> None:
        check_weights(self.method, step)
        if not self.workers.is_chief:
            return
        self.kept.save(step)
        if self.written:
            self.written.skeletons(step)
        if self.best:
            measures = self.best.measure(step)
            if self.written:
                self.written.scalars(measures, step)

    def _is_enough(self, patience: int | None) -> bool:
        return self.workers.any(
            patience is not None
            and self.best is not None
            and self.best.since >= patience
        )

    def _tell_nothing_to_do(self, step, steps, patience) -> None:
        has = f"Nothing to do: the run has {step} of {steps} steps"
        if step >= steps:
            print(f"{has}.")
        else:
            print(
                f"{has} and was ended by `patience`: {patience} checkpoints "
                "not better. It goes on with a larger one, or without."
            )

    def _tell_end(self, step, steps, ended_by, seconds) -> None:
        if self.best and self.best.step is not None:
            best = self.best
            print(f"Best without labels: step {best.step}, in {best.folder}.")
        if ended_by is not None:
            print(f"Ended at step {step}: {ended_by} checkpoints not better.")
        elif step < steps:
            print(f"Stopped at step {step}; the same command continues.")
        else:
            print(f"Trained to step {step} in {seconds:.0f} s.")

    def _exploded(self, logs: dict[str, float], step: int) -> ValueError:
        """Saves the batch of a step and returns what to raise."""
        sums = {f"{name}_loss" for name in self.method.networks}
        # Terms first: where a sum is lost, one of them tells why.
        ordered = sorted(logs, key=lambda name: name in sums)
        names = [name for name in ordered if not math.isfinite(logs[name])]
        wrong = f"{', '.join(names)} not finite"
        if not names:
            large = [n for n in ordered if abs(logs[n]) >= loop.EXPLODED]
            wrong = ", ".join(f"{name} = {logs[name]:.3g}" for name in large)
        where = f"step {step}"
        batch = self.training_loop.batch(step)
        if batch is not None:
            path = self.workdir / f"bad_batch_{step}.npz"
            where += f", with the batch in {path}"
            if self.workers.is_chief:
                with path.open("wb") as file:
                    np.savez(file, **batch)
        return ValueError(
            f"Losses must be finite and below {loop.EXPLODED:g}. Received: "
            f"{wrong} at {where}. {_ADVICE}"
        )


class _Means:
    """Mean logs over calls of several steps each."""

    def __init__(self):
        self._totals: dict[str, float] = {}
        self.steps = 0

    def add(self, means: dict[str, float], steps: int) -> None:
        for name, mean in means.items():
            self._totals[name] = self._totals.get(name, 0.0) + steps * mean
        self.steps += steps

    def values(self) -> dict[str, float]:
        return {name: t / self.steps for name, t in self._totals.items()}


def check_valid(logs: dict[str, float], first: int, last: int) -> None:
    """Raises ValueError if no pose was valid in all these steps."""
    if not logs["valid"]:
        raise ValueError(
            "Some poses must be valid: the root and two further joints seen "
            f"(score > 0) and finite. Received: none in steps {first} to "
            f"{last}. Look at the scores of the skeleton's `root` joints."
        )


def check_weights(method: base.PoseLifter, step: int) -> None:
    """Raises ValueError naming a network whose weights are not finite."""
    for name, network in method.networks.items():
        finite = [
            tf.reduce_all(tf.math.is_finite(w.value)) for w in network.weights
        ]
        if not all(finite):
            raise ValueError(
                f"Weights must be finite. Received: `{name}` not finite after "
                f"step {step}. {_ADVICE}"
            )
