"""The half of a method that lifts what it is given, as it is served."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from tf_poselift import normalization
from tf_poselift import schema
from tf_poselift.geometry import safe_ops
from tf_poselift.methods import base_uncertainty
from tf_poselift.networks import completion


class Serving:
    """Part of `base.PoseLifter`, whose attributes it uses."""

    # How many times more `serve` lifts a pose to tell its `uncertainty`.
    uncertainty_lifts = 0

    def offer_uncertainty(self, lifts: int) -> None:
        """From now on `serve` answers with `uncertainty`, too; 0: no more.

        Args:
          lifts: how many times more every pose is lifted.

        Raises:
          ValueError: not one of the numbers that there are, or a skeleton
            that cannot be mirrored.
        """
        base_uncertainty.check(lifts, self.skeleton)
        self.uncertainty_lifts = lifts

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

        With `joint_drop`, joints that were not seen are filled in first
        (`completion.fill`), the root, too, if at least half of them are seen.

        Args:
          keypoints_2d: [B, J, 2] pixels.
          scores: [B, J]; 0 = missing.
          intrinsics: [B, 3, 3] of the cameras, for a `calibrated` method; it
            takes the training cameras' mean without.

        Returns:
          `joints_3d` [B, J, 3]: root-relative, camera axes, the mean distance
          of the seen non-root joints from the root is 1. `scale` [B]: mm per
          unit, 0 if the method does not know it. `valid` [B] bool; other rows
          are 0. After `offer_uncertainty` also `uncertainty` [B, J], in the
          unit of `joints_3d` (`base_uncertainty`).
        """
        inputs = [keypoints_2d, scores]
        inputs += [] if intrinsics is None else [intrinsics]
        answers = self._serve(*inputs)
        if self.uncertainty_lifts:
            answers["uncertainty"] = base_uncertainty.measure(
                self._serve,
                answers,
                *inputs,
                skeleton=self.skeleton,
                lifts=self.uncertainty_lifts,
            )
        return answers

    def _serve(self, keypoints_2d, scores, intrinsics=None):
        seen = tf.greater(scores, 0.0)
        if completion.NAME in self.networks:
            keypoints_2d, scores = completion.fill(
                self.networks[completion.NAME], keypoints_2d, scores
            )
        inputs = {schema.KEYPOINTS_2D: keypoints_2d, schema.SCORES: scores}
        if intrinsics is not None:
            inputs[schema.INTRINSICS] = intrinsics
        outputs = self(inputs, training=False)
        joints = tf.cast(outputs[schema.JOINTS_3D], tf.float32)
        # A plain root, which has no slope at 0: no gradient is taken here.
        distances = tf.sqrt(tf.reduce_sum(tf.square(joints), axis=-1))
        size = normalization.mean_of_seen(
            distances, tf.cast(seen, tf.float32), self.skeleton
        )
        # Coordinates far out of any image overflow.
        known = outputs["valid"] & tf.math.is_finite(size)
        size = tf.where(known, size, 0.0)
        return {
            # Zeros where the size is 0, whatever the joints are.
            schema.JOINTS_3D: safe_ops.divide(
                joints, size[:, tf.newaxis, tf.newaxis]
            ),
            "scale": size if self.metric else tf.zeros_like(size),
            "valid": size > 0.0,
        }
