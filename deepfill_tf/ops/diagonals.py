"""Sums along the diagonals of many matrices in a flat array.

Where the rows of a matrix lie in one array, each followed by zeros, the neighbour of an
entry along a diagonal is a fixed number of elements further on: row pitch plus one.
"""

import tensorflow as tf

from deepfill_tf.ops.shapes import known_size

# Elements. A slice of a flat array is not a copy if it begins and ends at multiples of this.
ALIGNMENT = 16


def diagonal_sum(flat: tf.Tensor, step, count: int, length) -> tf.Tensor:
    """flat[:, i] + flat[:, i + step] + ... of `count` summands, `[N, length]`.

    Its gradient is such a sum too, which is quicker than one array for each summand.
    """
    size, reach = known_size(flat, 1), (count - 1) * step

    @tf.custom_gradient
    def summed(flat):
        def gradient(upstream):
            padded = tf.pad(upstream, [[0, 0], [reach, size - length]])
            return diagonal_sum(padded, step, count, size)

        return _sum_of_slices(flat, step, count, length), gradient

    return summed(flat)


def _sum_of_slices(flat: tf.Tensor, step, count: int, length) -> tf.Tensor:
    if flat.shape[0] == 1:
        # Along the first axis a slice shares its array's memory.
        flat = flat[0]
        return tf.add_n([flat[i * step : i * step + length] for i in range(count)])[None]
    return tf.add_n([flat[:, i * step : i * step + length] for i in range(count)])


def aligned(least):
    """The next multiple of `ALIGNMENT`."""
    return -(-least // ALIGNMENT) * ALIGNMENT


def pitch_of(least):
    """The next pitch, from one row of a matrix to the next, with aligned steps along diagonals."""
    return aligned(least + 1) - 1


def flattened(array: tf.Tensor) -> tf.Tensor:
    """`[N, ...]` -> `[N, elements]`."""
    return tf.reshape(array, [known_size(array, 0), -1])
