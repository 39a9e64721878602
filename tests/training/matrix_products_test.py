import dataclasses
import itertools
import re

import numpy as np
import pytest

from tf_poselift.training import matrix_products
from tf_poselift.training import step_benchmark


def test_products_of_kudo_by_hand():
    width, joints, batch = 64, 17, 8
    method, sampler = step_benchmark.build(
        "kudo2018", batch, "float32", (f"width={width}",)
    )
    products = matrix_products.products_of(method, sampler.draw(0))
    # Multiply-adds of a pass through each network, per example.
    hidden = 2 * width * width
    first, lifter_last, d_last = 2 * joints * width, width * joints, width
    lifter = first + hidden + lifter_last
    # Backward to the weights of every layer and to the inputs of all but the
    # first, whose input is data.
    lifter += lifter + (hidden + lifter_last)
    discriminator = first + hidden + d_last
    # Real and fake: forward, to the weights, to the inputs.
    discriminator = 2 * (2 * discriminator + hidden + d_last)
    # The lifter's gradient: on to the fake pose (`base.Adversary`).
    expected = 2 * batch * (lifter + discriminator + first)
    assert sum(p.flops for p in products) == expected


SQUARE = matrix_products.Product((16, 16), (16, 16), False, False, "float32")
PRODUCTS = [
    *[SQUARE] * 11,  # more than three on either side can tell apart
    *[dataclasses.replace(SQUARE, transpose_left=True)] * 4,
    matrix_products.Product((16, 32), (32, 8), False, False, "float32"),
    *[matrix_products.Product((16, 32), (8, 32), False, True, "float32")] * 2,
]


def test_few_matrices_make_a_pair_for_every_product():
    pairs = matrix_products.operands(PRODUCTS)
    for p, (left, right) in zip(PRODUCTS, pairs, strict=True):
        assert (tuple(left.shape), tuple(right.shape)) == (p.left, p.right)
        assert left.dtype == right.dtype == p.dtype
    # Four 16 x 16 on either side, two 16 x 32, one 32 x 8, two 8 x 32.
    assert len({id(matrix) for pair in pairs for matrix in pair}) == 13
    squares = list(itertools.pairwise(pairs[:11]))
    assert all(
        a is not b for pair in squares for a, b in zip(*pair, strict=True)
    )


@pytest.mark.parametrize("jit_compile", [False, True])
def test_every_product_is_computed(jit_compile):
    pairs = matrix_products.operands(PRODUCTS)
    run = matrix_products.bare(PRODUCTS, pairs, jit_compile=jit_compile)
    results = [result.numpy() for result in run()]
    for p, (left, right), result in zip(PRODUCTS, pairs, results, strict=True):
        left = left.numpy().T if p.transpose_left else left.numpy()
        right = right.numpy().T if p.transpose_right else right.numpy()
        np.testing.assert_allclose(result, left @ right, rtol=1e-4, atol=1e-4)
    # No two are alike, so that none can stand for another.
    for a, b in itertools.combinations(results, 2):
        assert a.shape != b.shape or np.abs(a - b).max() > 0.1
    if jit_compile:
        optimized = run.experimental_get_compiler_ir()("optimized_hlo")
        assert len(re.findall(r"= \S+ dot\(", optimized)) == len(PRODUCTS)
