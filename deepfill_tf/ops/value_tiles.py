"""Pasting of weighted background patches, as one product of matrices.

A pasted patch has side 2 * rate and covers 2 x 2 tiles of side rate: the patch around query
(i, j) covers the tiles (i, j) to (i + 1, j + 1) of the reconstruction, and its content, the
patch around key (k, l), is the tiles (k, l) to (k + 1, l + 1) of the background. Half of the
first and of the last tile of a row lies outside the map. With probabilities P and background
tiles V, tile (i, j) of the reconstruction is the sum over a, b in {0, 1} and keys (k, l) of

    P[(i - a, j - b), (k, l)] V[k + a, l + b]

and, numbered by tiles (k, l) instead, the product of V[k, l] with the sum over a, b of

    P[(i - a, j - b), (k - a, l - b)]

which is one along diagonals (`ops.diagonals`), b inside of a row and a from row to row.
"""

import tensorflow as tf

from deepfill_tf.ops.diagonals import ALIGNMENT, align, diagonal_sum, flatten, pitch_of
from deepfill_tf.ops.shapes import known_size
from deepfill_tf.ops.slicing import slice_axes


def value_tiles(background: tf.Tensor, rate: int) -> tf.Tensor:
    """Tiles of `[N, H * rate, W * rate, C]`, row by row: `[N, pitch, rate * rate * C]`.

    There are (H + 1) * (W + 1) of them, followed by zeros up to a pitch.
    """
    before, after = rate // 2, rate - rate // 2
    padded = tf.pad(background, [[0, 0], [before, after], [before, after], [0, 0]])
    tiles = tf.nn.space_to_depth(padded, rate) if rate > 1 else padded
    _, height, width, _ = (known_size(tiles, axis) for axis in range(4))
    length = rate * rate * background.shape[-1]
    tiles = tf.reshape(tiles, [known_size(background, 0), height * width, length])
    return tf.pad(tiles, [[0, 0], [0, pitch_of(height * width) - height * width], [0, 0]])


def overlap_added(probabilities: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Sum of the overlapping patches, weighted: `[N, n + 1, m + 1, rate * rate * C]`.

    Takes the probabilities `[N, n, m, H, W]` of H x W keys for n x m queries, and the
    background's `value_tiles`.
    """
    rows, columns, height, width = (known_size(probabilities, axis) for axis in range(1, 5))
    count = (height + 1) * (width + 1)
    pitch = pitch_of(count)
    # Keys and queries as tiles, each with a row and a column of zeros before the first.
    # Two steps, because padding of five axes is slow.
    padded = tf.pad(tf.reshape(probabilities, [-1, height, width]), [[0, 0], [1, 0], [1, 0]])
    padded = tf.reshape(padded, [-1, rows, columns, count])
    spare = 2 + (ALIGNMENT + 1) // (columns + 1) + 1
    padded = tf.pad(padded, [[0, 0], [1, spare], [1, 0], [0, pitch - count]])

    lines = (rows + 1) * (columns + 1)
    aligned_lines = align(lines)
    row_step = (columns + 1) * pitch + width + 1
    length = align(aligned_lines * pitch + row_step)
    weights = diagonal_sum(flatten(padded), pitch + 1, 2, length)
    weights = diagonal_sum(weights, row_step, 2, aligned_lines * pitch)
    tiles = tf.matmul(tf.reshape(weights, [-1, aligned_lines, pitch]), values)
    tiles = slice_axes(tiles, {1: (0, lines)})
    return tf.reshape(tiles, [-1, rows + 1, columns + 1, values.shape[-1]])


def tiles_to_pixels(tiles: tf.Tensor, rate: int) -> tf.Tensor:
    """Tiles `[N, n, m, rate * rate * C]` as pixels, without the half of a tile outside.

    Returns `[N, n * rate - rate // 2, m * rate - rate // 2, C]`.
    """
    before = rate // 2
    pixels = tf.nn.depth_to_space(tiles, rate) if rate > 1 else tiles
    return slice_axes(pixels, {1: (before, None), 2: (before, None)})
