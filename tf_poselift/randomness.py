"""Random numbers as a function of (seed, step, example index, stream).

TensorFlow's stateless generators take one seed per call, not one per example.
Here every example has numbers of its own, so that they do not depend on how a
batch is split over replicas, and a resumed run draws what an uninterrupted one
would have drawn. Integer arithmetic is uint32 and `uniform` is rounded once, so
that eager, graph and XLA give the same `bits`, `uniform`, `bernoulli` and
`permute`, bit for bit. `normal` calls log and cos, which a compiler may round
otherwise: it agrees to the last places only.

Hash: `pcg4d` of Jarzynski and Olano, "Hash Functions for GPU Rendering", JCGT
9(3), 2020. Permutation: "swap or not" of Hoang, Morris and Rogaway, "An
Enciphering Scheme Based on a Card Shuffle", CRYPTO 2012.
"""

import hashlib
import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

# One round leaves two neighbours side by side with probability 1/2.
PERMUTATION_ROUNDS = 16


def uniform(
    seed: int,
    step: tf.Tensor,
    index: tf.Tensor,
    *,
    stream: str,
    shape: Sequence[int] = (),
    minval: float = 0.0,
    maxval: float = 1.0,
) -> tf.Tensor:
    """Returns uniform numbers in [minval, maxval), [B, *shape] float32.

    Args:
      seed: of the run.
      step: scalar integer.
      index: [B] integers, the examples' global indices.
      stream: name of what the numbers are for; different names give
        independent numbers.
      shape: of the numbers of one example.
      minval: lower end.
      maxval: upper end; only rounding can reach it.
    """
    words = bits(seed, step, index, stream=stream, shape=shape)
    # 24 bits times the 24 bits of a float32 are exact in float64: it does not
    # matter whether a compiler fuses the product with the sum.
    unit = tf.cast(_shift_right(words, 8), tf.float64) * 2.0**-24
    width = float(np.float32(maxval - minval))
    return tf.cast(unit * width + float(minval), tf.float32)


def normal(
    seed: int,
    step: tf.Tensor,
    index: tf.Tensor,
    *,
    stream: str,
    shape: Sequence[int] = (),
    mean: float = 0.0,
    stddev: float = 1.0,
) -> tf.Tensor:
    """Returns normal numbers, [B, *shape] float32; arguments as `uniform`.

    Box-Muller in float64, rounded to float32 at the end.
    """
    words = bits(seed, step, index, stream=stream, shape=(2, *shape))
    unit = (tf.cast(words, tf.float64) + 1.0) * 2.0**-32  # (0, 1]
    radius = tf.sqrt(-2.0 * tf.math.log(unit[:, 0]))
    value = radius * tf.cos(2.0 * math.pi * unit[:, 1])
    return tf.cast(value * stddev + mean, tf.float32)


def bernoulli(
    seed: int,
    step: tf.Tensor,
    index: tf.Tensor,
    *,
    stream: str,
    shape: Sequence[int] = (),
    probability: float = 0.5,
) -> tf.Tensor:
    """Returns True with the given probability, [B, *shape] bool."""
    unit = uniform(seed, step, index, stream=stream, shape=shape)
    return unit < probability


def bits(
    seed: int,
    step: tf.Tensor,
    index: tf.Tensor,
    *,
    stream: str,
    shape: Sequence[int] = (),
) -> tf.Tensor:
    """Returns 32 random bits per number, [B, *shape] uint32."""
    words = _words(seed, step, index, (stream,), math.prod(shape))
    return tf.reshape(words, (-1, *shape))


def bits_of_streams(
    seed: int,
    step: tf.Tensor,
    index: tf.Tensor,
    *,
    streams: Sequence[str],
    shape: Sequence[int] = (),
) -> tf.Tensor:
    """Returns `bits` of every stream, [S, B, *shape], in as few operations."""
    words = _words(seed, step, index, streams, math.prod(shape))
    return tf.reshape(words, (len(streams), -1, *shape))


def _words(seed, step, index, streams, count) -> tf.Tensor:
    """[S, B, count]."""
    counters = -(-count // 4)
    keys = np.stack([_key(seed, stream) for stream in streams], axis=-1)
    keys = [tf.constant(key) for key in keys[..., np.newaxis]]  # [S, 1] each
    # Mixed first: `pcg4d` alone hardly notices the highest bits of a word.
    words = _pcg4d(
        _mix(_to_uint32(index) + keys[0])[..., tf.newaxis],
        _mix(_to_uint32(step) + keys[1])[..., tf.newaxis],
        (np.arange(counters, dtype=np.uint32) + keys[2])[:, tf.newaxis],
        keys[3][..., tf.newaxis],
    )
    words = tf.stack(words, axis=-1)
    return tf.reshape(words, (len(streams), -1, 4 * counters))[..., :count]


# Traced once for a shape, and not anew for every dropout of a graph.
@tf.function(autograph=False)
def grid_bits(key: tf.Tensor, rows: int, columns: int) -> tf.Tensor:
    """Returns 32 random bits per entry, [rows, columns] uint32.

    Where numbers are many and the batch is not split: one hash each.

    Args:
      key: [2] integers; another key gives independent numbers.
      rows: how many, scalar integer.
      columns: how many, scalar integer.
    """
    key = tf.unstack(_mix(_to_uint32(key)))
    row = _mix(_to_uint32(tf.range(rows)) + key[0])
    column = _mix(_to_uint32(tf.range(columns)) + key[1])
    return _mix(row[:, tf.newaxis] + column)


def permute(
    seed: int, position: tf.Tensor, size: int, *, stream: str
) -> tf.Tensor:
    """Walks through 0 ... size - 1 in a new random order every epoch.

    Position p is entry p % size of the permutation number p // size.

    Args:
      seed: of the run.
      position: [B] int64 >= 0, anywhere in the endless sequence.
      size: number of things to draw, 1 to 2**31.
      stream: name of what is drawn.

    Returns:
      [B] int64 in [0, size).
    """
    if not 1 <= size <= 2**31:
        raise ValueError(f"`size` must be in [1, 2**31]. Received: {size}.")
    position = tf.convert_to_tensor(position, tf.int64)
    epoch = position // size
    keys = bits(seed, 0, epoch, stream=stream, shape=(PERMUTATION_ROUNDS,))
    n = tf.constant(size, tf.uint32)
    centres = keys % n
    x = _to_uint32(position - epoch * size)
    for r in range(PERMUTATION_ROUNDS):
        # x and centre - x (modulo n) are partners; one coin that only depends
        # on the pair decides whether they change places.
        centre, key = centres[:, r], keys[:, r]
        partner = tf.where(centre >= x, centre - x, centre + (n - x))
        coin = _mix(tf.maximum(x, partner) + key)
        x = tf.where(coin >= tf.constant(2**31, tf.uint32), partner, x)
    return tf.cast(x, tf.int64)


def _key(seed: int, stream: str) -> np.ndarray:
    """Four words that seed and stream decide."""
    digest = hashlib.sha256(f"{int(seed)}/{stream}".encode()).digest()
    return np.frombuffer(digest[:16], "<u4").astype(np.uint32)


def _to_uint32(x) -> tf.Tensor:
    x = tf.convert_to_tensor(x)
    if x.dtype in (tf.uint32, tf.int32):  # of an int32 the same 32 bits
        return tf.bitcast(x, tf.uint32)
    x = tf.cast(x, tf.int64)
    return tf.cast(tf.bitwise.bitwise_and(x, 0xFFFFFFFF), tf.uint32)


def _shift_right(x: tf.Tensor, count: int) -> tf.Tensor:
    return tf.bitwise.right_shift(x, tf.constant(count, tf.uint32))


def _pcg4d(x, y, z, w) -> list[tf.Tensor]:
    """Hashes four words into four."""
    factor = tf.constant(1664525, tf.uint32)
    offset = tf.constant(1013904223, tf.uint32)
    words = _scramble([v * factor + offset for v in (x, y, z, w)])
    words = [tf.bitwise.bitwise_xor(v, _shift_right(v, 16)) for v in words]
    return _scramble(words)


def _scramble(words) -> list[tf.Tensor]:
    x, y, z, w = words
    x = x + y * w
    y = y + z * x
    z = z + x * y
    w = w + y * z
    return [x, y, z, w]


def _mix(x: tf.Tensor) -> tf.Tensor:
    """Hashes one word into one (the finalizer of MurmurHash3)."""
    x = tf.bitwise.bitwise_xor(x, _shift_right(x, 16))
    x = x * tf.constant(0x85EBCA6B, tf.uint32)
    x = tf.bitwise.bitwise_xor(x, _shift_right(x, 13))
    x = x * tf.constant(0xC2B2AE35, tf.uint32)
    return tf.bitwise.bitwise_xor(x, _shift_right(x, 16))
