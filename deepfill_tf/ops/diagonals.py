"""Sums along the diagonals of a matrix whose rows lie in a flat array.

The rows follow each other, each with zeros behind it; the pitch is the number of elements
from one row to the next. Entry [p, q] then is element p * pitch + q, and its neighbour
[p + 1, q + 1] on the diagonal is the element pitch + 1 further on, so that a sum along all
diagonals is a sum of slices of the array. For instance with rows of 3 and a pitch of 4:

    matrix     flat array               sums of 2, the slices from 0 and from pitch + 1 = 5
    a b c      a b c 0  d e f 0  g h i 0
    d e f      e f 0 g  h i 0 .            a + e   b + f   c + 0   0 + g   d + h   e + i ...
    g h i

The zeros keep c, at the end of its row, from meeting g: c has no neighbour on its diagonal.
`ops.patch_scores` shows the layout of attention scores.
"""

import tensorflow as tf

from deepfill_tf.ops.control_flow import computed_if
from deepfill_tf.ops.custom_gradient import custom_gradient
from deepfill_tf.ops.shapes import known_size

# A slice of a flat array is not a copy if it begins and ends at multiples of this, in elements.
ALIGNMENT = 16


def diagonal_sum(flat: tf.Tensor, step, count: int, length) -> tf.Tensor:
    """Sums `count` entries, flat[:, i] + flat[:, i + step] + ..., for each i < `length`.

    Takes `[N, size]` with size >= (count - 1) * step + length and returns `[N, length]`. Each
    sum is stored at the index of its first summand. The gradient is computed as such a sum too,
    which is faster than adding one array for each summand.
    """
    size, reach = known_size(flat, 1), (count - 1) * step

    @custom_gradient
    def summed(flat):
        def gradient(upstream):
            padded = tf.pad(upstream, [[0, 0], [reach, size - length]])
            return diagonal_sum(padded, step, count, size)

        return _sum_of_slices(flat, step, count, length), gradient

    return summed(flat)


def _sum_of_slices(flat: tf.Tensor, step, count: int, length) -> tf.Tensor:
    begins = [i * step for i in range(count)]

    def of_one() -> tf.Tensor:
        # Along the first axis a slice shares its array's memory.
        array = tf.reshape(flat, [-1])
        return tf.add_n([array[begin : begin + length] for begin in begins])[None]

    def of_several() -> tf.Tensor:
        return tf.add_n([flat[:, begin : begin + length] for begin in begins])

    batch = known_size(flat, 0)
    if isinstance(batch, int):
        return of_one() if batch == 1 else of_several()
    sums = computed_if(tf.not_equal(batch, 1), of_several, of_one)
    # XLA of TensorFlow 2.15 does not know the size of a branch's result otherwise.
    return tf.reshape(sums, [batch, length])


def align(least):
    """The smallest multiple of `ALIGNMENT` that is >= `least`."""
    # Not -(-least // n) * n: integer division of ONNX rounds towards zero.
    return (least + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT


def pitch_of(least):
    """The smallest pitch >= `least` for which pitch + 1, a diagonal's step, is aligned.

    That is, a multiple of `ALIGNMENT`.
    """
    return align(least + 1) - 1


def flatten(array: tf.Tensor) -> tf.Tensor:
    """Reshapes `[N, ...]` to `[N, elements]`, known if the sizes of all axes but the first are."""
    elements = array.shape[1:].num_elements()
    return tf.reshape(array, [known_size(array, 0), -1 if elements is None else elements])


def clear_rows(matrix: tf.Tensor, *rows) -> tf.Tensor:
    """Sets those of the `rows` that exist to zero: `[N, count, pitch]` -> `[N, count, pitch]`.

    If one does not exist, the last row is set to zero instead: it must be a spare one.
    """
    batch, count, pitch = (known_size(matrix, axis) for axis in range(3))
    inside = [
        tf.where((row >= 0) & (row < count), row, count - 1)
        for row in map(tf.convert_to_tensor, rows)
    ]
    index = tf.reshape(tf.range(batch)[:, None] * count + tf.stack(inside), [-1, 1])
    zeros = tf.zeros([batch * len(rows), pitch])
    flat = tf.reshape(matrix, [batch * count, pitch])
    return tf.reshape(tf.tensor_scatter_nd_update(flat, index, zeros), [batch, count, pitch])
