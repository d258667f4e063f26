"""Features and norms of 3 x 3 patches, without the patches."""

import tensorflow as tf

from deepfill_tf.ops.attention import MIN_NORM
from deepfill_tf.ops.shapes import known_size
from deepfill_tf.ops.slicing import slice_axes


def horizontal_triplets(features: tf.Tensor) -> tf.Tensor:
    """Joins each position to its left and right neighbours: `[N, h, w, C]` -> `[N, h w, 3 C]`."""
    padded = tf.pad(features, [[0, 0], [0, 0], [1, 1], [0, 0]])
    batch, height, width = (known_size(features, axis) for axis in range(3))
    left, right = slice_axes(padded, {2: (0, width)}), slice_axes(padded, {2: (2, None)})
    triplets = tf.concat([left, features, right], axis=-1)
    return tf.reshape(triplets, [batch, height * width, 3 * features.shape[-1]])


def inverse_norms(features: tf.Tensor) -> tf.Tensor:
    """Returns 1 / max(norm, `MIN_NORM`) of the 3 x 3 patch around each position, `[N, h, w, 1]`."""
    squares = tf.reduce_sum(tf.square(tf.cast(features, tf.float32)), axis=-1, keepdims=True)
    squares = tf.pad(squares, [[0, 0], [1, 1], [1, 1], [0, 0]])
    squares = squares[:, :-2] + squares[:, 1:-1] + squares[:, 2:]
    squares = squares[:, :, :-2] + squares[:, :, 1:-1] + squares[:, :, 2:]
    return tf.math.rsqrt(tf.maximum(squares, MIN_NORM**2))
