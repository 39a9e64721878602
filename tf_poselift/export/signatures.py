"""What a served model takes and returns.

A served model answers by names, in pixels, whatever it was trained with:

| tensor | shape, type | meaning |
| --- | --- | --- |
| `keypoints_2d` | [-1, J, 2] float32 | pixels, origin top left |
| `scores` | [-1, J] float32 | in [0, 1]; 0 = missing, above 0 = seen |
| `joints_3d` | [-1, J, 3] float32 | root-relative, camera axes |
| `scale` | [-1] float32 | mm per unit of `joints_3d`; 0 = unknown |
| `valid` | [-1] bool | false: the row's other outputs are zeros |
| `uncertainty` | [-1, J] float32 | where the method was told to offer it |

That is `serving_default`. The other signatures give the same outputs for other
inputs, from the same weights:

* `calibrated`, of a method that makes use of the camera, takes `intrinsics`
  [-1, 3, 3] float32 besides; all others then lift with the mean of the
  training cameras.
* `normalized`, of a method that divides unit and origin out again
  (`any_unit`), takes root-relative keypoints of any unit.
* `examples` takes `examples` [-1] string, serialized `tf.train.Example`s.
* `from_coco_17` and its like take the joints of a 2D detector.

A server does not compare a request's shapes with the signature: a [J, 2] array
would be broadcast and answered. The endpoint checks shapes itself, inside the
graph. It never checks values: under batching one bad row would fail its
neighbours, so such a row is answered with `valid` false.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tf_poselift import schema
from tf_poselift import skeletons
from tf_poselift.export import detectors
from tf_poselift.export import tf_examples

MEANING = {
    "keypoints_2d": "pixels, origin top left, x right, y down",
    "scores": (
        "confidence in [0, 1]; 0: the joint is missing; any score above 0 "
        "counts in full, so set what you do not trust to 0, as in training"
    ),
    "intrinsics": (
        "of the camera that saw the row, pixels: "
        "[[f_x, 0, c_x], [0, f_y, c_y], [0, 0, 1]]"
    ),
    "examples": (
        "serialized tf.train.Example of one pose: `keypoints_2d`, 2 J floats "
        "(x and y of the first joint, of the second, ...), and `scores`, J "
        "floats, as in serving_default; without either, or with another "
        "number of floats, the row is not valid"
    ),
    "joints_3d": (
        "root-relative, camera axes (x right, y down, z forward); the mean "
        "distance of the visible non-root joints from the root is 1"
    ),
    "scale": "mm per unit of joints_3d; 0: unknown",
    "valid": (
        "false: the input row cannot be lifted (a seen joint or a score that "
        "is not finite, an unseen root where none is filled in, too few seen "
        "joints, a focal length that is not positive), its outputs are zeros"
    ),
    "uncertainty": (
        "how far each joint is, on average, from where it is when the pose is "
        "lifted again from its mirror image or as seen from another side, in "
        "units of joints_3d: an order of what to trust, no bound of the error"
    ),
}
_ANY_UNIT = (
    "relative to the root, x right, y down, in any unit, divided by the "
    "pose's size or not: the method divides both out again"
)

Tensors = dict[str, tf.Tensor]
Specs = dict[str, tf.TensorSpec]


@dataclasses.dataclass(frozen=True)
class Signature:
    """One way to call a served model.

    Attributes:
      name: what a request calls it by.
      inputs: specs by name; the first axis of each is the batch.
      outputs: specs by name; the first axis of each is the batch.
      function: tensors by input name -> tensors by output name.
      examples: batch size -> arrays by input name, always the same ones; they
        warm a server up and are what an export is compared on.
      meaning: of inputs, in words, where it is not that of `MEANING`.
    """

    name: str
    inputs: Specs
    outputs: Specs
    function: Callable[..., Tensors]
    examples: Callable[[int], dict[str, np.ndarray]]
    meaning: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def portable(self) -> bool:
        """Whether its inputs are numbers, as runtimes of other formats want."""
        return all(spec.dtype != tf.string for spec in self.inputs.values())

    def endpoint(self, inputs: Tensors) -> Tensors:
        """Returns `function(**inputs)` behind checks that stay in the graph."""
        checked = {
            name: tf.ensure_shape(inputs[name], spec.shape)
            for name, spec in self.inputs.items()
        }
        first, *others = checked
        batch = tf.shape(checked[first])[0]
        for name in others:
            # ensure_shape cannot compare two unknown batches and one row would
            # be broadcast. The op's name is in the message of its failure. The
            # graph's optimiser drops the op if it can follow the shape, as it
            # does [batch, J] or a `batch` that is a slice.
            shape = tf.concat([[batch], tf.shape(checked[name])[1:]], axis=0)
            checked[name] = tf.reshape(
                checked[name],
                shape,
                name=f"batch_of_{name}_must_equal_batch_of_{first}",
            )
            checked[name].set_shape(self.inputs[name].shape)
        answers = self.function(**checked)
        return {
            name: tf.ensure_shape(
                tf.cast(answers[name], spec.dtype), spec.shape, name=name
            )
            for name, spec in self.outputs.items()
        }

    def table(self) -> dict[str, dict[str, dict]]:
        """Returns names, types, shapes and meanings, ready for JSON."""

        def rows(specs: Specs) -> dict[str, dict]:
            return {
                name: {
                    "dtype": spec.dtype.name,
                    "shape": [-1 if n is None else n for n in spec.shape],
                    "meaning": (MEANING | self.meaning)[name],
                }
                for name, spec in specs.items()
            }

        return {"inputs": rows(self.inputs), "outputs": rows(self.outputs)}


def for_method(method) -> tuple[Signature, ...]:
    """Returns the signatures that a method (`methods.base.PoseLifter`) has."""
    default = serving_default(method)
    return (
        default,
        *([calibrated(default)] if method.calibrated else []),
        *([normalized(default)] if method.any_unit else []),
        serialized(default, method.skeleton),
        *(
            from_detector(default, name, matrix)
            for name, matrix in detectors.matrices(method.skeleton).items()
        ),
    )


def serving_default(method) -> Signature:
    """Pixels and scores to root-relative joints."""
    joints = method.skeleton.num_joints
    outputs = _specs(joints_3d=[joints, 3], scale=[])
    outputs["valid"] = tf.TensorSpec([None], tf.bool, name="valid")
    if method.uncertainty_lifts:
        outputs |= _specs(uncertainty=[joints])
    return Signature(
        name="serving_default",
        inputs=_specs(keypoints_2d=[joints, 2], scores=[joints]),
        outputs=outputs,
        # All others call it, too: the graph holds it once.
        function=tf.function(method.serve, autograph=False),
        examples=lambda batch: _example_keypoints(batch, joints),
    )


def calibrated(default: Signature) -> Signature:
    """`serving_default` with the intrinsics of every row's camera."""
    return dataclasses.replace(
        default,
        name="calibrated",
        inputs=default.inputs | _specs(intrinsics=[3, 3]),
        examples=lambda batch: (
            default.examples(batch) | {"intrinsics": _example_intrinsics(batch)}
        ),
    )


def normalized(default: Signature) -> Signature:
    """`serving_default` for keypoints that were centred and scaled before."""

    def example(batch: int) -> dict[str, np.ndarray]:
        inputs = default.examples(batch)
        points = inputs[schema.KEYPOINTS_2D]
        return inputs | {schema.KEYPOINTS_2D: (points - points[:, :1]) / 500.0}

    return dataclasses.replace(
        default,
        name="normalized",
        examples=example,
        meaning={schema.KEYPOINTS_2D: _ANY_UNIT},
    )


def serialized(default: Signature, skeleton: skeletons.Skeleton) -> Signature:
    """`serving_default` of serialized `tf.train.Example`s."""
    joints = skeleton.num_joints

    def lift_examples(**inputs: tf.Tensor) -> Tensors:
        return default.function(*tf_examples.parse(inputs["examples"], joints))

    def example(batch: int) -> dict[str, np.ndarray]:
        return {"examples": tf_examples.serialize(**default.examples(batch))}

    return dataclasses.replace(
        default,
        name="examples",
        inputs={"examples": tf.TensorSpec([None], tf.string, name="examples")},
        function=lift_examples,
        examples=example,
    )


def from_detector(
    default: Signature, name: str, matrix: np.ndarray
) -> Signature:
    """`serving_default` of a detector's joints, mapped in the graph.

    Args:
      default: signature of the model's own J joints.
      name: of the detector's skeleton, S joints.
      matrix: [J, S] of `skeletons.mapping`.
    """
    joints = matrix.shape[1]
    used = int(np.flatnonzero(matrix.any(axis=0))[0])

    def lift_mapped(keypoints_2d: tf.Tensor, scores: tf.Tensor) -> Tensors:
        return default.function(
            *detectors.map_points(keypoints_2d, scores, matrix)
        )

    order = f"; the joints of skeleton {name} in their order"
    return dataclasses.replace(
        default,
        name=f"from_{name}",
        inputs=_specs(keypoints_2d=[joints, 2], scores=[joints]),
        function=lift_mapped,
        examples=lambda batch: _example_keypoints(batch, joints, used),
        meaning={
            key: MEANING[key] + order
            for key in (schema.KEYPOINTS_2D, schema.SCORES)
        },
    )


def _specs(**shapes: list[int]) -> Specs:
    # The names are what a server knows the inputs by.
    return {
        name: tf.TensorSpec([None, *shape], tf.float32, name=name)
        for name, shape in shapes.items()
    }


def _example_keypoints(
    batch: int, joints: int, broken: int = 1
) -> dict[str, np.ndarray]:
    """Random poses; every fourth misses a joint, every eighth cannot be lifted.

    A missing joint is NaN, as many detectors write it.
    """
    rng = np.random.default_rng(batch)
    keypoints_2d = rng.normal(500.0, 120.0, [batch, joints, 2])
    scores = np.ones([batch, joints], np.float32)
    scores[3::4, -1] = 0.0
    keypoints_2d[3::4, -1] = np.nan
    keypoints_2d[7::8, broken, 0] = np.nan
    return {"keypoints_2d": keypoints_2d.astype(np.float32), "scores": scores}


def _example_intrinsics(batch: int) -> np.ndarray:
    """Random cameras; in every eighth row there is none."""
    rng = np.random.default_rng(batch)
    intrinsics = np.tile(np.eye(3, dtype=np.float32), (batch, 1, 1))
    intrinsics[:, [0, 1], [0, 1]] = rng.uniform(500.0, 2000.0, [batch, 2])
    intrinsics[:, :2, 2] = 500.0
    intrinsics[5::8] = 0.0
    return intrinsics
