import numpy as np
import pytest
import tensorflow as tf

from tf_poselift import randomness

INDEX = tf.range(20000, dtype=tf.int64)


def draw(seed=1, step=5, index=INDEX, stream="views", **options):
    return randomness.uniform(
        seed, step, index, stream=stream, **options
    ).numpy()


def correlation(a, b):
    return abs(np.corrcoef(a, b)[0, 1])


def test_uniform_has_the_moments_and_the_histogram_of_a_uniform():
    x = draw(shape=(5,)).ravel()
    assert x.dtype == np.float32
    assert x.min() >= 0.0
    assert x.max() < 1.0
    # 100,000 numbers: five standard errors.
    assert abs(x.mean() - 0.5) < 5 * (1 / 12 / x.size) ** 0.5
    assert abs(x.var() - 1 / 12) < 5 * (1 / 180 / x.size) ** 0.5
    counts = np.histogram(x, bins=100, range=(0.0, 1.0))[0]
    chi_square = ((counts - x.size / 100) ** 2 / (x.size / 100)).sum()
    # 99 degrees of freedom: mean 99, deviation 14.
    assert 99 - 5 * 14 < chi_square < 99 + 5 * 14


def test_low_bits_are_as_even_as_high_bits():
    words = randomness.bits(1, 5, INDEX, stream="views").numpy()
    for bit in range(32):
        share = ((words >> bit) & 1).mean()
        assert abs(share - 0.5) < 5 * 0.5 / len(words) ** 0.5, bit


def test_range_is_kept():
    x = draw(minval=-np.pi, maxval=np.pi)
    assert x.min() >= np.float32(-np.pi)
    assert x.max() <= np.float32(np.pi)
    assert abs(x.mean()) < 5 * (2 * np.pi) * (1 / 12 / x.size) ** 0.5
    assert x.max() - x.min() > 6.28


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 2},
        {"step": 6},
        {"stream": "frames"},
        *({"index": INDEX + 2**bit} for bit in range(32)),
        *({"step": 5 + 2**bit} for bit in range(32)),
    ],
)
def test_streams_steps_seeds_and_neighbours_are_independent(other):
    # Five standard errors of a correlation of 20,000 pairs.
    assert correlation(draw(), draw(**other)) < 5 / 20000**0.5


def test_numbers_of_one_example_are_independent():
    x = draw(shape=(7,))
    correlations = np.corrcoef(x.T) - np.eye(7)
    assert np.abs(correlations).max() < 5 / 20000**0.5


def test_eager_graph_and_xla_give_the_same_bits():
    def everything(step):
        options = {"stream": "s", "shape": (3,)}
        return (
            randomness.uniform(
                1, step, INDEX, minval=-3.1, maxval=2, **options
            ),
            randomness.bits(1, step, INDEX, **options),
            randomness.bernoulli(1, step, INDEX, **options),
            randomness.permute(1, INDEX + step, 1234, stream="s"),
            randomness.normal(
                1, step, INDEX, mean=0.71, stddev=0.06, **options
            ),
        )

    step = tf.constant(7, tf.int64)
    eager = everything(step)
    graph = tf.function(everything)(step)
    compiled = tf.function(everything, jit_compile=True)(step)
    for other in (graph, compiled):
        for a, b in zip(eager[:-1], other[:-1], strict=True):
            np.testing.assert_array_equal(a, b)
        # Of log and cos the last places may differ.
        np.testing.assert_allclose(eager[-1], other[-1], rtol=0, atol=1e-6)


def test_an_example_draws_its_own_numbers_wherever_it_stands():
    order = np.random.default_rng(0).permutation(len(INDEX))
    shuffled = draw(index=tf.gather(INDEX, order), shape=(2, 3))
    np.testing.assert_array_equal(shuffled, draw(shape=(2, 3))[order])


def test_normal_has_the_moments_of_a_normal():
    x = randomness.normal(
        1, 5, INDEX, stream="noise", shape=(5,), mean=2.0, stddev=3.0
    ).numpy()
    z = (x.ravel() - 2.0) / 3.0
    assert abs(z.mean()) < 5 / z.size**0.5
    assert abs(z.var() - 1.0) < 5 * (2 / z.size) ** 0.5
    assert abs((z**3).mean()) < 5 * (15 / z.size) ** 0.5
    assert abs((np.abs(z) < 1.0).mean() - 0.6827) < 5 * 0.4655 / z.size**0.5


def test_bernoulli_has_its_probability():
    hits = randomness.bernoulli(
        1, 5, INDEX, stream="coin", probability=0.05
    ).numpy()
    assert hits.dtype == bool
    assert abs(hits.mean() - 0.05) < 5 * (0.05 * 0.95 / hits.size) ** 0.5


def test_one_graph_serves_every_step():
    function = tf.function(
        lambda step: randomness.uniform(1, step, INDEX, stream="views")
    )
    np.testing.assert_array_equal(
        function(tf.constant(5, tf.int64)), draw(step=5)
    )
    np.testing.assert_array_equal(
        function(tf.constant(6, tf.int64)), draw(step=6)
    )


@pytest.mark.parametrize("size", [1, 2, 3, 10, 1000, 4097])
def test_permute_visits_everything_once_an_epoch(size):
    position = tf.range(3 * size, dtype=tf.int64)
    epochs = randomness.permute(1, position, size, stream="rows").numpy()
    epochs = epochs.reshape(3, size)
    np.testing.assert_array_equal(np.sort(epochs), np.tile(range(size), (3, 1)))
    if size >= 10:
        assert (epochs[0] != epochs[1]).any()
        assert (epochs[0] != np.arange(size)).any()


def test_permute_is_even_and_leaves_no_neighbours_together():
    size, epochs = 100, 1000
    position = tf.range(size * epochs, dtype=tf.int64)
    order = randomness.permute(1, position, size, stream="rows").numpy()
    order = order.reshape(epochs, size)
    # Every row comes first equally often: chi-square of 99 degrees.
    counts = np.bincount(order[:, 0], minlength=size)
    chi_square = ((counts - epochs / size) ** 2 / (epochs / size)).sum()
    assert 99 - 5 * 14 < chi_square < 99 + 5 * 14
    # Of 99 pairs, 2 / size are next to each other by chance.
    together = (np.abs(np.diff(order)) == 1).mean()
    assert abs(together - 2 / size) < 5 * (0.02 / order.size) ** 0.5
    assert correlation(order[:-1].ravel(), order[1:].ravel()) < 5 / 1e5**0.5


def test_permute_refuses_an_empty_set():
    with pytest.raises(ValueError, match=r"`size` must be in \[1, 2\*\*31\]"):
        randomness.permute(1, INDEX, 0, stream="rows")
