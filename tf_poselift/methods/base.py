"""What every method is: networks, objectives, and the two halves of an update.

An update is `gradients(batch)`, compiled and per replica, then
`apply(network, gradients)`. What stands between them (Kudo's gate, Yu's
phases) is `updates(logs)`, decided on values of the global batch. The training
loop puts the decision outside `strategy.run`; `train_step` composes the same
halves for `Model.fit` on one device.
"""

import contextlib
import dataclasses
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tf_poselift import normalization
from tf_poselift import randomness
from tf_poselift import schema
from tf_poselift import skeletons
from tf_poselift.geometry import safe_ops
from tf_poselift.losses import pose
from tf_poselift.networks import averages


@dataclasses.dataclass(frozen=True)
class Objectives:
    """What the networks of a method minimise on one batch.

    Attributes:
      losses: {network: {term: (weight, [B] one value per example)}}; a network
        that is not named gets no update.
      valid: [B] bool; other examples count as 0.
      watched: {name: [B]}: logged, not minimised.
    """

    losses: dict[str, dict[str, tuple[float, tf.Tensor]]]
    valid: tf.Tensor
    watched: dict[str, tf.Tensor] = dataclasses.field(default_factory=dict)


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


class PoseLifter(keras.Model):
    """Base of all methods.

    A subclass builds its networks with `add_network`, and defines `call`,
    `objectives` and `log_names`; where it needs to, `updates` and `priors`.
    Two fields of its config are dealt with here: `average_decay` (the networks
    in `served` get an `Average`) and `labelled_share` (they get a supervised
    term on the labelled poses).

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
        self._compiled_gradients = tf.function(
            self.traceable_gradients, jit_compile=jit_compile
        )
        self._jit_compile = jit_compile
        self._compiled_apply = {}
        self._compiled_average = tf.function(
            self._average, jit_compile=jit_compile
        )
        super().compile(optimizer=None, jit_compile=False)

    # What a method defines.

    def log_names(self) -> tuple[str, ...]:
        """Returns the names of all that a step logs, in the order shown."""
        raise NotImplementedError

    def objectives(self, batch: dict[str, tf.Tensor]) -> Objectives:
        """Returns every network's loss terms on a batch (`batch_spec`)."""
        raise NotImplementedError

    def updates(
        self, logs: dict[str, tf.Tensor], step: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Returns {network: scalar bool} for networks that may be skipped.

        Args:
          logs: means over the valid examples of the global batch.
          step: scalar int64, number of the step, from 0.
        """
        del logs, step
        return {}

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
            jit_compile=self._jit_compile,
        )
        decay = getattr(self.config, "average_decay", 0.0)
        if decay and name in self.served:
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
        return self.log_names() + (("labelled",) if self._labelled else ())

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

    @property
    def _labelled(self) -> float:
        return getattr(self.config, "labelled_share", 0.0)

    # Serving.

    def use_averages(self) -> None:
        """Overwrites the served networks with their averages, if any."""
        for average in self.averages.values():
            average.copy_to_network()

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """Within it the served networks hold their averages, if any."""
        kept = {
            name: [tf.identity(weight.value) for weight in network.weights]
            for name, network in self.networks.items()
            if name in self.averages
        }
        self.use_averages()
        try:
            yield
        finally:
            for name, values in kept.items():
                weights = self.networks[name].weights
                for weight, value in zip(weights, values, strict=True):
                    weight.assign(value)

    def serve(
        self,
        keypoints_2d: tf.Tensor,
        scores: tf.Tensor,
        intrinsics: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        """Lifts poses to the units of the served signature.

        Args:
          keypoints_2d: [B, J, 2] pixels.
          scores: [B, J]; 0 = missing.
          intrinsics: [B, 3, 3] of the cameras, for a `calibrated` method; it
            takes the training cameras' mean without.

        Returns:
          `joints_3d` [B, J, 3]: root-relative, camera axes, the mean distance
          of the seen non-root joints from the root is 1. `scale` [B]: mm per
          unit, 0 if the method does not know it. `valid` [B] bool; other rows
          are 0.
        """
        inputs = {schema.KEYPOINTS_2D: keypoints_2d, schema.SCORES: scores}
        if intrinsics is not None:
            inputs[schema.INTRINSICS] = intrinsics
        outputs = self(inputs, training=False)
        joints = tf.cast(outputs[schema.JOINTS_3D], tf.float32)
        seen = (scores > 0.0) & outputs["valid"][:, tf.newaxis]
        size = normalization.mean_distance(
            joints, tf.cast(seen, tf.float32), self.skeleton
        )
        # Coordinates far out of any image overflow.
        known = (size[:, 0, 0] > 0.0) & tf.math.is_finite(size[:, 0, 0])
        valid = outputs["valid"] & known
        scale = size[:, 0, 0] if self.metric else tf.zeros_like(size[:, 0, 0])
        return {
            schema.JOINTS_3D: tf.where(
                valid[:, tf.newaxis, tf.newaxis],
                safe_ops.divide(joints, size),
                tf.zeros_like(joints),
            ),
            "scale": tf.where(valid, scale, tf.zeros_like(scale)),
            "valid": valid,
        }

    # Training.

    def gradients(self, batch: dict[str, tf.Tensor]) -> Update:
        """Returns this replica's gradients, new state and logs."""
        return self._compiled_gradients(batch)

    def traceable_gradients(self, batch: dict[str, tf.Tensor]) -> Update:
        """`gradients`, not compiled: for a caller's own `tf.function`."""
        # A stateless scope collects what layers would assign (batch norm's
        # moving statistics), since an assignment in here fails under
        # MirroredStrategy, and gives dropout a seed that depends on the step.
        with keras.StatelessScope(self._seeds(batch)) as scope:
            with tf.GradientTape(persistent=True) as tape:
                objectives = self.objectives(batch)
                means = {
                    network: {
                        term: (weight, self._mean(value, objectives.valid))
                        for term, (weight, value) in terms.items()
                    }
                    for network, terms in objectives.losses.items()
                }
                if self._labelled:
                    term = self.config.labelled_weight, self._supervision(batch)
                    for network in self.served:
                        means.setdefault(network, {})["labelled"] = term
                totals = {
                    network: tf.add_n([w * mean for w, mean in terms.values()])
                    for network, terms in means.items()
                }
            state = [
                _current(scope, variable)
                for variable in self._state_variables()
            ]
        gradients = {
            network: self._decayed(
                network,
                tape.gradient(
                    total, self.networks[network].trainable_variables
                ),
            )
            for network, total in totals.items()
        }
        logs = {f"{network}_loss": total for network, total in totals.items()}
        logs["valid"] = self._mean(
            tf.ones_like(objectives.valid, tf.float32), objectives.valid
        )
        for terms in means.values():
            logs |= {term: mean for term, (_, mean) in terms.items()}
        for name, value in objectives.watched.items():
            logs[name] = self._mean(value, objectives.valid)
        return Update(gradients, state, logs)

    def apply(self, name: str, gradients: list[tf.Tensor]) -> None:
        """Updates one network; gradients are summed over replicas."""
        if tf.distribute.has_strategy():  # its variables cannot be compiled
            self._apply(name, gradients)
        else:
            self._compiled_apply[name](*gradients)

    def _apply(self, name: str, gradients) -> None:
        self.optimizers[name].apply(
            list(gradients), self.networks[name].trainable_variables
        )

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

    def _supervision(self, batch) -> tf.Tensor:
        """This replica's share of the mean error on the labelled poses.

        Kudo 2018, Sec. 5.2: squared distances of lifted joints from the truth.
        """
        inputs = {
            key: batch[schema.LABELLED + key]
            for key in (schema.KEYPOINTS_2D, schema.SCORES, schema.INTRINSICS)
            if schema.LABELLED + key in batch
        }
        outputs = self.call(inputs, training=True)
        joints = tf.cast(outputs[schema.JOINTS_3D], tf.float32)
        truth = normalization.normalize_per_pose(
            batch[schema.LABELLED + schema.JOINTS_3D],
            tf.cast(
                batch[schema.LABELLED + schema.JOINTS_3D_VALID], tf.float32
            ),
            self.skeleton,
        )
        # Both in units of their mean distance from the root: most methods
        # have no scale. That of a metric method counts.
        scale = (
            truth.scale
            if self.metric
            else normalization.mean_distance(joints, truth.mask, self.skeleton)
        )
        error = pose.joint_error(
            safe_ops.divide(joints, scale), truth.points, truth.mask, power=2
        )
        return self._mean(error, outputs["valid"])

    def _mean(self, per_example: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
        """This replica's share of the mean over the global batch."""
        per_example = tf.cast(per_example, tf.float32)
        if per_example.shape.rank != 1:
            raise ValueError(
                "A loss term must be one value per example, [B]. Received: "
                f"{per_example.shape}."
            )
        counted = tf.where(valid, per_example, tf.zeros_like(per_example))
        # Gradients and logs are summed over replicas.
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        return tf.reduce_mean(counted) / replicas

    def _decayed(self, network: str, gradients) -> list[tf.Tensor]:
        """Adds the gradient of weight_decay / 2 |w|^2."""
        decay = getattr(self.config, "weight_decay", 0.0)
        decay /= tf.distribute.get_strategy().num_replicas_in_sync
        variables = self.networks[network].trainable_variables
        return [
            gradient + decay * variable.value if decay else gradient
            for gradient, variable in zip(gradients, variables, strict=True)
        ]

    def _state_variables(self) -> list[keras.Variable]:
        return [
            variable
            for network in self.networks.values()
            for variable in network.non_trainable_weights
        ]

    def _seeds(self, batch) -> list[tuple[keras.Variable, tf.Tensor]]:
        """Values for the layers' seed states, from (seed, step, example)."""
        seeds = []
        for name, network in self.networks.items():
            kept = {id(v) for v in network.non_trainable_weights}
            for i, variable in enumerate(
                v for v in network.non_trainable_variables if id(v) not in kept
            ):
                pair = randomness.bits(
                    self.seed,
                    batch[schema.STEP],
                    batch[schema.INDEX][:1],
                    stream=f"{name}/{i}",
                    shape=(2,),
                )
                seeds.append((variable, tf.cast(pair[0], variable.dtype)))
        return seeds


def over_valid(logs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Turns means over a global batch into means over its valid examples."""
    return {
        name: value
        if name == "valid"
        else tf.math.divide_no_nan(value, logs["valid"])
        for name, value in logs.items()
    }


def _current(scope: keras.StatelessScope, variable) -> tf.Tensor:
    value = scope.get_current_value(variable)
    return tf.convert_to_tensor(variable.value if value is None else value)


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
