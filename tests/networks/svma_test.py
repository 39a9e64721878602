import keras
import numpy as np
import tensorflow as tf

from tf_poselift.networks import svma


def make(**kwargs):
    options = {
        "scale": 0.1,
        "width": 8,
        "negative_slope": 0.2,
        "batch_norm": True,
        "dropout": 0.25,
        "initializer": keras.initializers.HeNormal,
        "seed": 3,
    } | kwargs
    network = svma.Generator(17, **options)
    network(tf.zeros([1, 34]))
    return network


def kernels(network):
    return [w for w in network.weights if w.path.endswith("kernel")]


def test_sizes_are_those_of_the_paper():
    network = make()
    depth, camera = network(tf.ones([5, 34]))
    assert depth.shape == (5, 17)
    assert camera.shape == (5, 2, 3)
    # Sec. 3.2: one layer and one block, then two blocks and a layer each.
    shapes = [tuple(w.shape) for w in kernels(network)]
    assert sorted(shapes) == sorted(
        [(34, 8), *[(8, 8)] * (2 + 4 + 4), (8, 17), (8, 6)]
    )


def test_camera_starts_upright():
    features = tf.random.stateless_normal([4, 34], seed=[1, 2])
    _, camera = make()(features, training=True)
    np.testing.assert_allclose(
        camera, [[[0.1, 0, 0], [0, 0.1, 0]]] * 4, rtol=1e-6
    )


def test_layers_start_different():
    square = [w.numpy() for w in kernels(make()) if w.shape == (8, 8)]
    for i, kernel in enumerate(square):
        for other in square[i + 1 :]:
            assert not np.array_equal(kernel, other)


def test_heads_share_the_first_layers():
    network = make(dropout=0.0)
    network.camera.kernel.assign(tf.ones([8, 6]))
    features = tf.random.stateless_normal([4, 34], seed=[1, 2])
    with tf.GradientTape(persistent=True) as tape:
        depth, camera = network(features, training=True)
    first = network.shared.hidden[0].kernel.value
    heads = network.depth.kernel.value, network.camera.kernel.value
    for output, has in ((depth, [True, False]), (camera, [False, True])):
        assert np.any(tape.gradient(output, first))
        gradients = tape.gradient(output, heads)
        assert [g is not None for g in gradients] == has
