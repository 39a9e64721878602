"""Batch norm folded into the dense layers before it, for inference.

With w and b of a dense layer and the moving mean m and variance v of the batch
norm after it, `gamma (x w + b - m) / sqrt(v + eps) + beta` is `x w' + b'` with
`w' = w s`, `b' = (b - m) s + beta`, `s = gamma / sqrt(v + eps)`.
"""

import contextlib
from collections.abc import Iterator

import keras
import numpy as np

from tf_poselift.networks import residual


@contextlib.contextmanager
def folded(method) -> Iterator[None]:
    """Takes the batch norm out of a method's served networks for a while.

    What is traced and stored in the body has none; afterwards the networks are
    what they were. Nobody else may use them meanwhile.
    """
    with contextlib.ExitStack() as stack:
        for name in method.served:
            for layers in _residual_layers(method.networks[name]):
                if layers.norms and all(map(_is_batch_norm, layers.norms)):
                    stack.enter_context(_folded(layers))
        yield


def _is_batch_norm(layer: keras.Layer) -> bool:
    return isinstance(layer, keras.layers.BatchNormalization)


def _residual_layers(network) -> Iterator[residual.ResidualLayers]:
    if isinstance(network, residual.ResidualLayers):
        yield network
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from _residual_layers(layer)


@contextlib.contextmanager
def _folded(layers: residual.ResidualLayers) -> Iterator[None]:
    norms = layers.norms
    kept = [dense.get_weights() for dense in layers.hidden]
    try:
        for dense, norm in zip(layers.hidden, norms, strict=True):
            dense.set_weights(_weights(dense, norm))
        layers.norms = []
        yield
    finally:
        layers.norms = norms
        for dense, weights in zip(layers.hidden, kept, strict=True):
            dense.set_weights(weights)


def _weights(dense, norm) -> list[np.ndarray]:
    """Returns w' and b'."""
    kernel, bias, gamma, beta, mean, variance = (
        value.astype(np.float64)
        for value in (*dense.get_weights(), *norm.get_weights())
    )
    scale = gamma / np.sqrt(variance + norm.epsilon)
    return [kernel * scale, (bias - mean) * scale + beta]
