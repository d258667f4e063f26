"""Seeds of everything random, from the run's seed and an example's position.

The position of an example in the stream is batch_index * global_batch_size + its index in the
global batch. So everything random is a pure function of (seed, batch_index, index), and the
index of the batch is the whole state of the data.
"""

import enum

import numpy as np
import tensorflow as tf

# A full-period congruential step modulo 2**64 (Knuth's MMIX).
_MULTIPLIER, _INCREMENT = 6364136223846793005, 1442695040888963407


class Purpose(enum.IntEnum):
    """Purpose of a random number; numbers of different purposes are independent."""

    ORDER = 0
    CROP = 1
    FLIP = 2
    MASK = 3
    REPLACEMENT = 4
    VALIDATION = 5
    INTERPOLATION = 6
    SCALE = 7
    COLORS = 8


def seeds_of(seed: int, purpose: Purpose, positions: tf.Tensor) -> tf.Tensor:
    """Seeds for `tf.random.stateless_*`: int64 `[N, 2]` for positions `[N]`, integers >= 0.

    `seed` is in [0, 2**31).
    """
    positions = tf.cast(positions, tf.int64)
    first = tf.fill(tf.shape(positions), tf.constant(seed + (purpose << 32), tf.int64))
    return tf.stack([first, positions], axis=-1)


def generator_of(
    seed: int, purpose: Purpose, position: int, attempt: int = 0
) -> np.random.Generator:
    """NumPy's generator for what is drawn outside of TensorFlow's graph."""
    key = [seed, int(purpose), position, attempt]
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))


def uniform(seeds: tf.Tensor, count: int) -> tf.Tensor:
    """Uniform numbers in [0, 1), float64 `[N, count]`, row by row from seeds int64 `[N, 2]`."""

    @tf.autograph.experimental.do_not_convert
    def random_bits(seed):
        return tf.random.stateless_uniform(
            [count], seed, minval=None, maxval=None, dtype=tf.uint32, alg="philox"
        )

    # Integers, because XLA converts the same bits to other floating-point numbers. A map is a loop,
    # which takes long to trace.
    if seeds.shape[0] == 1:
        bits = random_bits(seeds[0])[None]
    else:
        bits = tf.map_fn(random_bits, seeds, fn_output_signature=tf.uint32)
    return tf.cast(bits, tf.float64) / 2.0**32


def integers(fractions: tf.Tensor, count: int) -> tf.Tensor:
    """Uniform integers in 0 .. count - 1, int32, from uniform numbers in [0, 1) of any shape."""
    return tf.cast(fractions * count, tf.int32)


def fold_in(seeds: tf.Tensor, number: int) -> tf.Tensor:
    """Derives seeds int64 `[N, 2]` that are independent of the given ones, for `number` >= 0.

    Folding in 0 and then 1 differs from 1 and then 0, so that unions may be nested.
    """
    first, position = tf.unstack(seeds, axis=-1)
    first = tf.cast(first, tf.uint64) * tf.constant(_MULTIPLIER, tf.uint64)
    first += tf.constant((number + 1) * _INCREMENT % 2**64, tf.uint64)
    return tf.stack([tf.cast(first, tf.int64), position], axis=-1)
