"""The half of a method that makes one replica's share of an update."""

import keras
import tensorflow as tf

from tf_poselift import normalization
from tf_poselift import randomness
from tf_poselift import schema
from tf_poselift.geometry import safe_ops
from tf_poselift.losses import pose
from tf_poselift.networks import adam
from tf_poselift.networks import completion

# Of the network that fills in missing keypoints; no paper has one.
_COMPLETION_RATE = 1e-3
_MAX_DROP = 0.5  # a pose's own rate is up to twice as high


class Gradients:
    """Part of `base.PoseLifter`, whose attributes it uses."""

    @property
    def _labelled(self) -> float:
        return getattr(self.config, "labelled_share", 0.0)

    @property
    def _joint_drop(self) -> float:
        return getattr(self.config, "joint_drop", 0.0)

    def _shares(self, batch, turns=None):
        """Returns the fields of `base.Update`."""
        if turns is None:
            turns = self.turns(batch[schema.STEP])
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
                if completion.NAME in self.networks:
                    value = self._completion_error(batch)
                    term = 1.0, self._mean(value, objectives.valid)
                    means[completion.NAME] = {completion.NAME: term}
                passes = _passes(means, objectives.adversary)
            state = [
                _current(scope, variable)
                for variable in self._state_variables()
            ]
        gradients = self._derive(
            tape, turns, means, passes, objectives.adversary
        )
        logs = {f"{name}_loss": _sum(terms) for name, terms in means.items()}
        logs["valid"] = self._mean(
            tf.ones_like(objectives.valid, tf.float32), objectives.valid
        )
        for terms in means.values():
            logs |= {term: mean for term, (_, mean) in terms.items()}
        for name, value in objectives.watched.items():
            logs[name] = self._mean(value, objectives.valid)
        return gradients, state, logs

    def _derive(self, tape, turns, means, passes, adversary):
        """{network: gradients by its weights}; see `base.Adversary`."""
        weights = {
            name: self.networks[name].trainable_variables for name in means
        }
        gradients = {}
        if adversary is not None:
            critic, fake = adversary.network, adversary.fake
            turn = turns.get(critic)
            *gradients[critic], at_fake = _gradient(
                tape, turn, passes.pop((critic,)), [*weights[critic], fake]
            )
            if not adversary.shared:
                term = _term(means, adversary.term)
                (at_fake,) = _gradient(tape, turn, term, [fake])
            at_fake *= _like(adversary.factor, at_fake)
        for networks, loss in passes.items():
            ends, seeds = [loss], [tf.ones_like(loss)]
            if adversary is not None and adversary.term in means[networks[0]]:
                ends, seeds = [*ends, fake], [*seeds, at_fake]
            turn = turns.get(networks[0])
            by_weights = [weights[name] for name in networks]
            by_weights = _gradient(tape, turn, ends, by_weights, seeds)
            gradients |= zip(networks, by_weights, strict=True)
        return gradients

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

    def _add_completion(self) -> None:
        if not 0.0 < self._joint_drop <= _MAX_DROP:
            raise ValueError(
                f"`joint_drop` must be in [0, {_MAX_DROP}]. Received: "
                f"{self._joint_drop}."
            )
        joints = self.skeleton.num_joints
        self.add_network(
            completion.NAME,
            completion.build(joints, self.seed_of(completion.NAME)),
            adam.Adam(_COMPLETION_RATE),
            features=completion.num_features(self.skeleton),
        )

    def _completion_error(self, batch) -> tf.Tensor:
        """How far off joints are filled in that are taken away, [B]."""
        scores = batch[schema.SCORES]
        draws = self.uniform(
            batch,
            "joint_drop",
            shape=(*scores.shape[1:-1], completion.num_draws(self.skeleton)),
        )
        return completion.error(
            self.networks[completion.NAME],
            batch[schema.KEYPOINTS_2D],
            scores,
            draws,
            skeleton=self.skeleton,
            drop=self.config.joint_drop,
        )

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

    def _state_variables(self) -> list[keras.Variable]:
        return [
            variable
            for network in self.networks.values()
            for variable in network.non_trainable_weights
        ]

    def _seeds(self, batch) -> list[tuple[keras.Variable, tf.Tensor]]:
        """Values for the layers' seed states, from (seed, step, example)."""
        layers = {}
        for name, network in self.networks.items():
            kept = {id(v) for v in network.non_trainable_weights}
            for i, variable in enumerate(
                v for v in network.non_trainable_variables if id(v) not in kept
            ):
                layers[f"{name}/{i}"] = variable
        if not layers:
            return []
        pairs = randomness.bits_of_streams(
            self.seed,
            batch[schema.STEP],
            batch[schema.INDEX][:1],
            streams=tuple(layers),
            shape=(2,),
        )[:, 0]
        return list(zip(layers.values(), tf.unstack(pairs), strict=True))


def _gradient(tape, turn, ends, sources, seeds=None):
    """The tape's gradient; zeros, and nothing computed, out of its turn."""
    if turn is None:
        return tape.gradient(ends, sources, seeds)

    def derived():
        return tape.gradient(ends, sources, seeds, unconnected_gradients="zero")

    def zeros():
        return tf.nest.map_structure(
            lambda source: tf.zeros_like(tf.convert_to_tensor(source)), sources
        )

    if isinstance(turn, bool):
        return derived() if turn else zeros()
    return tf.cond(turn, derived, zeros)


def _passes(means, adversary) -> dict[tuple[str, ...], tf.Tensor]:
    """{networks that are derived in one pass: loss without the split term}."""
    split = adversary and adversary.term
    together = tuple(name for name in means if split in means[name])
    alone = [(name,) for name in means if name not in together]
    return {
        networks: _sum(
            {
                term: mean
                for name in networks
                for term, mean in means[name].items()
                if term != split
            }
        )
        for networks in ([together] if together else []) + alone
    }


def _term(means, name) -> tf.Tensor:
    """The mean of a term, which is the same in every network that has it."""
    return next(terms[name][1] for terms in means.values() if name in terms)


def _like(factor: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """With axes at the end, to be multiplied with the values."""
    for _ in range(values.shape.rank - factor.shape.rank):
        factor = factor[..., tf.newaxis]
    return tf.cast(factor, values.dtype)


def _sum(terms: dict[str, tuple[float, tf.Tensor]]) -> tf.Tensor:
    return tf.add_n([w * mean for w, mean in terms.values()] or [tf.zeros([])])


def _current(scope: keras.StatelessScope, variable) -> tf.Tensor:
    value = scope.get_current_value(variable)
    return tf.convert_to_tensor(variable.value if value is None else value)
