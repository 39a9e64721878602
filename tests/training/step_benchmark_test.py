from tf_poselift.training import step_benchmark


def test_products_of_kudo_by_hand():
    width, joints, batch = 64, 17, 8
    method, sampler = step_benchmark.build(
        "kudo2018", batch, "float32", (f"width={width}",)
    )
    products = step_benchmark.products_of(method, sampler.draw(0))
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
    # The lifter's gradient: through the discriminator, to the fake pose.
    through = first + hidden + d_last
    expected = 2 * batch * (lifter + discriminator + through)
    assert sum(p.flops for p in products) == expected


def test_measure_is_consistent():
    result = step_benchmark.measure(
        "kudo2018", batch_size=8, overrides=("width=16",), steps=2, rounds=2
    )
    assert result.step_ms > 0 and result.products_ms > 0
    rate = result.gflop_per_step / result.step_ms * 1e3
    assert abs(rate / result.step_gflops - 1) < 1e-6
    assert 0 < result.ratio < 10
