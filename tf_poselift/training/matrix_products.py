"""The matrix products of a training step, and a function of nothing else.

They are read off the traced step itself (every MatMul that its results depend
on, forward and backward), so that they fit any method.
"""

import collections
import dataclasses
import math

import tensorflow as tf

from tf_poselift.methods import base


@dataclasses.dataclass(frozen=True)
class Product:
    """One matrix product, [m, k] @ [k, n] before transposes."""

    left: tuple[int, int]
    right: tuple[int, int]
    transpose_left: bool
    transpose_right: bool
    dtype: str

    @property
    def flops(self) -> int:
        inner = self.left[0] if self.transpose_left else self.left[1]
        rows = self.left[1] if self.transpose_left else self.left[0]
        columns = self.right[0] if self.transpose_right else self.right[1]
        return 2 * rows * inner * columns


def products_of(
    method: base.PoseLifter,
    batch: dict[str, tf.Tensor],
    turns: dict[str, bool] | None = None,
) -> list[Product]:
    """Returns the matrix products of one step's forward and backward pass.

    Args:
      method: whose step.
      batch: of the step.
      turns: whose turn it is, for a method with `turns`.
    """
    graph = tf.function(
        lambda batch: method.traceable_gradients(batch, turns or {}),
        autograph=False,
    ).get_concrete_function(batch)
    needed, queue = set(), collections.deque(t.op for t in graph.outputs)
    while queue:
        operation = queue.popleft()
        if operation.name not in needed:
            needed.add(operation.name)
            queue.extend(tensor.op for tensor in operation.inputs)
    return [
        Product(
            left=tuple(operation.inputs[0].shape),
            right=tuple(operation.inputs[1].shape),
            transpose_left=operation.get_attr("transpose_a"),
            transpose_right=operation.get_attr("transpose_b"),
            dtype=operation.inputs[0].dtype.name,
        )
        for operation in graph.graph.get_operations()
        if operation.type == "MatMul" and operation.name in needed
    ]


def operands(
    products: list[Product],
) -> list[tuple[tf.Variable, tf.Variable]]:
    """Returns random matrices for every product, on the device.

    Of products of one kind, no two have the same pair: they would be computed
    once. They share matrices, though: n on either side make n * n pairs. A step
    does so too (its weights meet every batch, a layer's input comes again in
    the backward pass), and matrices of its own for each product would take more
    memory than a GPU has. None comes again in the next product of its kind,
    where it would still lie in a cache, and XLA could make one product of both.
    """
    kinds = collections.Counter(products)
    seen, pool = collections.Counter(), {}

    def matrix(*key) -> tf.Variable:
        _, shape, dtype, _ = key
        if key not in pool:
            values = tf.random.stateless_normal(shape, seed=(0, len(pool)))
            pool[key] = tf.Variable(tf.cast(values, dtype), trainable=False)
        return pool[key]

    pairs = []
    for p in products:
        # Four pairs of two and two have no order without a repetition.
        n = max(3, 1 + math.isqrt(kinds[p] - 1))
        turn, place = divmod(seen[p], n)
        seen[p] += 1
        pairs.append(
            (
                matrix("left", p.left, p.dtype, place),
                matrix("right", p.right, p.dtype, (place + turn) % n),
            )
        )
    return pairs


def bare(
    products: list[Product],
    pairs: list[tuple[tf.Variable, tf.Variable]],
    *,
    jit_compile: bool,
):
    """A function of nothing but these products of these matrices.

    All results are outputs, or they would be left out.
    """

    @tf.function(autograph=False, jit_compile=jit_compile)
    def run():
        return [
            tf.matmul(
                left,
                right,
                transpose_a=p.transpose_left,
                transpose_b=p.transpose_right,
            )
            for p, (left, right) in zip(products, pairs, strict=True)
        ]

    return run
