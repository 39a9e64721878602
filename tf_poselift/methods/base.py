"""What every method is: networks, objectives, and the two halves of an update.

An update is `gradients(batch)`, compiled and per replica, then
`apply(network, gradients)`. What stands between them (Kudo's gate, Yu's
phases) is `updates(logs)`, decided on values of the global batch. The training
loop puts the decision outside `strategy.run`; `train_step` composes the same
halves for `Model.fit` on one device. How gradients come about is in
`base_gradients`, how a pose is served in `base_serving`.
"""

import dataclasses
import zlib
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tf_poselift import randomness
from tf_poselift import schema
from tf_poselift import skeletons
from tf_poselift.methods import base_gradients
from tf_poselift.methods import base_serving
from tf_poselift.networks import averages
from tf_poselift.networks import completion


@dataclasses.dataclass(frozen=True)
class Adversary:
    """Splits backward passes where a critic judges what lifters made.

    The critic's ends at `fake`. Those of the networks that have `term` are
    one, and begin there: their other terms depend on the weights of one of
    them, or all of them have the term with one weight.

    A critic that judges every fake by itself (without batch norm) gives its
    own loss and the term the same gradient at a fake, but for a number per
    example: the ratio of their derivatives by its score. Where it is `shared`,
    lifters take the critic's, times that number, and a second pass is saved:
    2 of 20 products of a step of `kudo2018`.

    Attributes:
      fake: [B, ...], what the critic judges.
      factor: [B] or [1, ...], times which the gradient at `fake` is taken: the
        weight of the term, which may differ from joint to joint; if shared,
        the weighted term's derivative by the score over that of the critic's
        loss.
      shared: whether that gradient is the critic's own; else it is the term's.
      network: name of the critic. Its loss depends on `fake` through its score
        of `fake` alone.
      term: name of the term of other networks' losses that does so, too.
    """

    fake: tf.Tensor
    factor: tf.Tensor
    shared: bool = True
    network: str = "discriminator"
    term: str = "adversarial"


@dataclasses.dataclass(frozen=True)
class Objectives:
    """What the networks of a method minimise on one batch.

    Attributes:
      losses: {network: {term: (weight, [B] one value per example)}}; a network
        that is not named gets no update.
      valid: [B] bool; other examples count as 0.
      watched: {name: [B]}: logged, not minimised.
      adversary: where backward passes are split; None: every network's loss
        is derived by itself.
    """

    losses: dict[str, dict[str, tuple[float, tf.Tensor]]]
    valid: tf.Tensor
    watched: dict[str, tf.Tensor] = dataclasses.field(default_factory=dict)
    adversary: Adversary | None = None


class Update(NamedTuple):
    """One replica's half of an update.

    Attributes:
      gradients: {network: one tensor per trainable variable}, of this
        replica's share of the mean over the global batch.
      state: new values of the networks' other variables (batch norm).
      logs: {name: scalar}, likewise shares; their sum over replicas is the
        mean over the global batch.
    """

    gradients: dict[str, list[tf.Tensor]]
    state: list[tf.Tensor]
    logs: dict[str, tf.Tensor]


class PoseLifter(base_gradients.Gradients, base_serving.Serving, keras.Model):
    """Base of all methods.

    A subclass builds its networks with `add_network`, and defines `call`,
    `objectives` and `log_names`; where it needs to, `updates` and `priors`.
    Three fields of its config are dealt with here: `average_decay` (the
    networks in `served` get an `Average`), `labelled_share` (they get a
    supervised term on the labelled poses) and `joint_drop` (a network is
    trained beside them that fills in joints which were not seen; they learn
    nothing from it).

    Args:
      skeleton: the J joints that the method works in.
      config: the method's `Config`.
      statistics: arrays that the method's `statistics` made of the training
        split, or None.
      teacher: a trained lifter of the same skeleton to learn from, or None.
      seed: of initial weights and of every random draw.
      jit_compile: compiles forward and backward pass and updates with XLA.
    """

    # Whether `call` returns millimetres; else its unit is the method's own.
    metric = False
    # Whether `call` makes use of `intrinsics`.
    calibrated = False
    # Whether `call` gives the same for keypoints of any unit and origin.
    any_unit = True
    # From this many examples on (of a replica) forward and backward pass run
    # without XLA on a CPU, whose matrix products are 10 to 20 % slower than
    # TensorFlow's; None: always with XLA. Batch norm and dropout, which only
    # XLA fuses, cost more than that.
    plain_from: int | None = None
    # The names of the networks that `call` uses; set before `add_network`.
    served: tuple[str, ...] = ("lifter",)

    def __init__(
        self,
        skeleton: skeletons.Skeleton,
        config,
        *,
        statistics: dict[str, np.ndarray] | None = None,
        teacher: "PoseLifter | None" = None,
        seed: int = 0,
        jit_compile: bool = True,
    ):
        # Keypoints stay float32 under a mixed policy: a pixel in bfloat16 is
        # off by up to four. The networks cast their own inputs.
        super().__init__(autocast=False)
        self.skeleton = skeleton
        self.config = config
        self.statistics = statistics or {}
        self.teacher = teacher
        self.seed = seed
        self.networks: dict[str, keras.Model] = {}
        self.optimizers: dict[str, keras.optimizers.Optimizer] = {}
        self.averages: dict[str, averages.Average] = {}
        self.trackers = {
            name: keras.metrics.Mean(name=name) for name in self.logged
        }
        # Of Keras, for `fit`; it sets `self.jit_compile`, which is not ours.
        super().compile(optimizer=None, jit_compile=False)
        self._with_xla = jit_compile
        self._plain_gradients = tf.function(
            self.traceable_gradients, autograph=False
        )
        self._compiled_gradients = tf.function(
            self.traceable_gradients, autograph=False, jit_compile=jit_compile
        )
        self._compiled_apply = {}
        self._compiled_average = tf.function(
            self._average, autograph=False, jit_compile=jit_compile
        )
        if self._joint_drop:
            self._add_completion()

    # What a method defines.

    def log_names(self) -> tuple[str, ...]:
        """Returns the names of all that a step logs, in the order shown."""
        raise NotImplementedError

    def objectives(self, batch: dict[str, tf.Tensor]) -> Objectives:
        """Returns every network's loss terms on a batch (`batch_spec`)."""
        raise NotImplementedError

    def turns(self, step: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns {network: scalar bool} for networks that take turns.

        Out of its turn, a network's gradient is not computed: it is zero.
        Networks that are derived in one pass (`Adversary`) have theirs at once.

        Args:
          step: scalar int64, number of the step, from 0.
        """
        del step
        return {}

    def updates(
        self, logs: dict[str, tf.Tensor], step: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Returns {network: scalar bool} for networks that may be skipped.

        By default those whose turn it is not.

        Args:
          logs: means over the valid examples of the global batch.
          step: scalar int64, number of the step, from 0.
        """
        del logs
        return self.turns(step)

    def sums(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Returns what `objectives` must know of the global batch.

        With several replicas the sums over all of them come with the batch,
        under the same names; with one they do not.
        """
        del batch
        return {}

    def priors(self) -> list[str]:
        """Returns every number that the method takes from 3D, as text."""
        return []

    # What a method uses.

    def add_network(
        self,
        name: str,
        network: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        *,
        features: int,
    ) -> keras.Model:
        """Builds a network of [B, features] and its optimizer's variables.

        Both exist before the first step: under a distribution strategy nothing
        can be created inside it.
        """
        network(tf.zeros([1, features]))
        optimizer.build(network.trainable_variables)
        self.networks[name] = network
        self.optimizers[name] = optimizer
        self._compiled_apply[name] = tf.function(
            lambda *gradients: self._apply(name, gradients),
            autograph=False,
            jit_compile=self._with_xla,
        )
        decay = getattr(self.config, "average_decay", 0.0)
        if decay and name in (*self.served, completion.NAME):
            self.averages[name] = averages.Average(network, decay)
        return network

    def seed_of(self, name: str) -> int:
        """Returns a seed for the network or purpose `name`."""
        return zlib.crc32(f"{self.seed}/{name}".encode())

    def uniform(
        self,
        batch: dict[str, tf.Tensor],
        stream: str,
        *,
        shape: tuple[int, ...] = (),
        minval: float = 0.0,
        maxval: float = 1.0,
    ) -> tf.Tensor:
        """Draws [B, *shape] numbers, a function of (seed, step, example)."""
        return randomness.uniform(
            self.seed,
            batch[schema.STEP],
            batch[schema.INDEX],
            stream=stream,
            shape=shape,
            minval=minval,
            maxval=maxval,
        )

    # What others read.

    @property
    def lifter(self) -> keras.Model:
        """The first of the networks that `call` uses."""
        return self.networks[self.served[0]]

    @property
    def logged(self) -> tuple[str, ...]:
        """The names of all that a step logs, in the order shown."""
        labelled = ("labelled",) if self._labelled else ()
        name = completion.NAME
        filled = (f"{name}_loss", name) if self._joint_drop else ()
        return (*self.log_names(), *labelled, *filled)

    @property
    def prior_card(self) -> list[str]:
        """All of `priors` and the labelled share; empty for 2D alone."""
        card = list(self.priors())
        if self._labelled:
            card.append(
                f"3D truth of {self._labelled:.4%} of the training poses "
                "(`labelled_share`)."
            )
        return card

    # Training.

    def gradients(self, batch: dict[str, tf.Tensor]) -> Update:
        """Returns this replica's gradients, new state and logs."""
        if self._plain(batch):
            return self._plain_gradients(batch)
        return self._compiled_gradients(batch)

    def _plain(self, batch) -> bool:
        examples = batch[schema.INDEX].shape[0]
        return (
            self.plain_from is not None
            and examples is not None
            and examples >= self.plain_from
            and not tf.config.list_logical_devices("GPU")
        )

    def traceable_gradients(
        self,
        batch: dict[str, tf.Tensor],
        turns: dict[str, bool] | None = None,
    ) -> Update:
        """`gradients`, not compiled: for a caller's own `tf.function`.

        Args:
          batch: as of `gradients`.
          turns: whose turn it is; default: `self.turns` of the batch's step.
        """
        return Update(*self._shares(batch, turns))

    def apply(self, name: str, gradients: list[tf.Tensor]) -> None:
        """Updates one network; gradients are summed over replicas."""
        if tf.distribute.has_strategy():  # its variables cannot be compiled
            self._apply(name, gradients)
        else:
            self._compiled_apply[name](*gradients)

    def _apply(self, name: str, gradients) -> None:
        """Updates with the gradient of weight_decay / 2 |w|^2 added.

        It is added here, where the weights are read anyway.
        """
        variables = self.networks[name].trainable_variables
        decay = getattr(self.config, "weight_decay", 0.0)
        # Gradients are summed over replicas.
        decay /= tf.distribute.get_strategy().num_replicas_in_sync
        if decay:
            gradients = [
                gradient + decay * variable.value
                for gradient, variable in zip(gradients, variables, strict=True)
            ]
        self.optimizers[name].apply(list(gradients), variables)

    def apply_state(self, state: list[tf.Tensor]) -> None:
        """Stores what `gradients` returned as `state`."""
        for variable, value in zip(self._state_variables(), state, strict=True):
            variable.assign(value)

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One update for `Model.fit` on one device; our loop does the same."""
        update = self.gradients(batch)
        logs = over_valid(update.logs)
        decisions = self.updates(logs, batch[schema.STEP])
        for name, gradients in update.gradients.items():
            apply_if(
                decisions.get(name),
                lambda n=name, g=gradients: self.apply(n, g),
            )
        self.apply_state(update.state)
        if self.averages:
            self.average(batch[schema.STEP])
        for name, value in logs.items():
            self.trackers[name].update_state(value)
        return {name: t.result() for name, t in self.trackers.items()}

    def compile(self, **kwargs) -> None:
        """Takes nothing: optimizers are built with their networks."""
        if kwargs:
            raise ValueError(
                "`compile` takes no arguments: a method builds its optimizers "
                f"from its config. Received: {sorted(kwargs)}."
            )
        super().compile(optimizer=None, jit_compile=False)

    def average(self, step: tf.Tensor) -> None:
        """Moves the averages towards the weights after the step `step`."""
        if tf.distribute.has_strategy():
            self._average(step)
        else:
            self._compiled_average(step)

    def _average(self, step) -> None:
        for average in self.averages.values():
            average.update(step)


def over_valid(logs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Turns means over a global batch into means over its valid examples."""
    return {
        name: value
        if name == "valid"
        else tf.math.divide_no_nan(value, logs["valid"])
        for name, value in logs.items()
    }


def apply_if(condition: tf.Tensor | None, action) -> None:
    """Runs `action`, under a condition if there is one.

    A skipped update changes neither weights nor optimizer state: an Adam step
    with a zero gradient would still move the weights.
    """
    if condition is None:
        action()
    else:
        tf.cond(condition, lambda: _done(action), lambda: False)


def _done(action) -> bool:
    action()
    return True
