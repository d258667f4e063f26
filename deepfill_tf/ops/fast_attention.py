"""Contextual attention as matrix products: the numbers of `ops.attention`, sooner.

Three exact reformulations. Comparing patches is one product of matrices. Summing
along a diagonal of the score matrix is a slice and an addition. And a pasted patch
of side 2 * rate is 2 x 2 cells of side rate, so that pasting is a product of the
probabilities, summed over the four cells, with the cells.
"""

import tensorflow as tf

from deepfill_tf.ops.attention import (
    attend,
    check_divisible,
    contextual_attention,
    normalize_patches,
    offsets_of,
    shrink,
    valid_patches,
)
from deepfill_tf.ops.patches import extract_patches
from deepfill_tf.ops.shapes import height_and_width


def fast_contextual_attention(
    foreground: tf.Tensor,
    background: tf.Tensor,
    masks: tf.Tensor | None = None,
    *,
    patch_size: int = 3,
    stride: int = 1,
    rate: int = 2,
    fuse_size: int = 3,
    softmax_scale: float = 10.0,
) -> tuple[tf.Tensor, tf.Tensor]:
    """What `contextual_attention` computes, with the same arguments and results.

    Strides other than 1, and diagonals other than of length 1 and 3, go through the
    readable form.
    """
    if stride != 1 or fuse_size not in (1, 3):
        return contextual_attention(
            foreground,
            background,
            masks,
            patch_size=patch_size,
            stride=stride,
            rate=rate,
            fuse_size=fuse_size,
            softmax_scale=softmax_scale,
        )
    check_divisible(foreground, background, rate)
    small_foreground, small_background = shrink(foreground, rate), shrink(background, rate)
    height, width = height_and_width(small_foreground)
    rows, columns = height_and_width(small_background)
    valid = valid_patches(masks, patch_size=patch_size, stride=1, rate=rate)

    scores = _match(small_foreground, small_background, patch_size)
    if fuse_size == 3:
        scores = _fuse(scores, height, width, rows, columns)
    scores = tf.reshape(scores, [-1, height, width, rows * columns])
    probabilities = attend(scores, valid, softmax_scale)
    offsets = offsets_of(
        probabilities, background_size=(rows, columns), patch_size=patch_size, stride=1
    )
    grid = tf.reshape(probabilities, [-1, height, width, rows, columns])
    rebuilt = _paste(tf.cast(grid, background.dtype), background, rate)
    return tf.ensure_shape(rebuilt, foreground.shape), offsets


def _match(foreground: tf.Tensor, background: tf.Tensor, patch_size: int) -> tf.Tensor:
    """Scores `[N, h w, L]`: every foreground patch times every unit-length background patch."""
    ours = extract_patches(foreground, patch_size, 1)
    theirs = normalize_patches(extract_patches(background, patch_size, 1))
    length = ours.shape[-1]
    ours, theirs = (
        tf.reshape(p, [-1, tf.reduce_prod(tf.shape(p)[1:3]), length]) for p in (ours, theirs)
    )
    return tf.matmul(ours, theirs, transpose_b=True)


def _fuse(scores: tf.Tensor, height, width, rows, columns) -> tf.Tensor:
    """Scores summed over the three nearest entries of each diagonal, twice.

    First S[p - 1, l - 1] + S[p, l] + S[p + 1, l + 1] with positions counted row by row,
    then column by column. For the second the rows are extended by the ones that follow
    in that order: after the last row of a column comes the first row of the next.
    """
    padded = tf.pad(scores, [[0, 0], [1, 1], [1, 1]])
    scores = padded[:, :-2, :-2] + scores + padded[:, 2:, 2:]
    grid = tf.reshape(scores, [-1, height, width, rows, columns])
    extended = _extend_rows(_extend_rows(grid, 1), 3)
    return extended[:, :-2, :, :-2] + grid + extended[:, 2:, :, 2:]


def _extend_rows(grid: tf.Tensor, axis: int) -> tf.Tensor:
    """One more row before and after along `axis`, from the neighbouring columns.

    The columns are those of `axis + 1`; zeros before the first and after the last.
    """
    first, last = (tf.gather(grid, [i], axis=axis) for i in (0, tf.shape(grid)[axis] - 1))
    zero = tf.zeros_like(tf.gather(first, [0], axis=axis + 1))
    count = tf.shape(grid)[axis + 1]
    others = tf.range(count - 1)
    before = tf.concat([zero, tf.gather(last, others, axis=axis + 1)], axis=axis + 1)
    after = tf.concat([tf.gather(first, others + 1, axis=axis + 1), zero], axis=axis + 1)
    return tf.concat([before, grid, after], axis=axis)


def _paste(grid: tf.Tensor, background: tf.Tensor, rate: int) -> tf.Tensor:
    """Patches of side 2 * rate, weighted by `grid` `[N, h, w, H, W]` and overlaid, over 4."""
    # Where a patch begins, its second cell's row (or column) begins one further on.
    rows = _pad_end(grid, 1, 3) + _pad_start(grid, 1, 3)
    cells = _pad_end(rows, 2, 4) + _pad_start(rows, 2, 4)
    _, height, width, cell_rows, cell_columns = tf.unstack(tf.shape(cells))
    weights = tf.reshape(cells, [-1, height * width, cell_rows * cell_columns])

    before, after = rate // 2, rate - rate // 2
    channels = background.shape[-1]
    padded = tf.pad(background, [[0, 0], [before, after], [before, after], [0, 0]])
    size = rate * rate * channels
    values = tf.reshape(
        tf.nn.space_to_depth(padded, rate) if rate > 1 else padded,
        [-1, cell_rows * cell_columns, size],
    )
    pasted = tf.reshape(tf.matmul(weights, values) / 4, [-1, height, width, size])
    pasted = tf.nn.depth_to_space(pasted, rate) if rate > 1 else pasted
    return pasted[:, before:-after, before:-after]


def _pad_end(grid: tf.Tensor, *axes: int) -> tf.Tensor:
    return tf.pad(grid, [[0, int(axis in axes)] for axis in range(5)])


def _pad_start(grid: tf.Tensor, *axes: int) -> tf.Tensor:
    return tf.pad(grid, [[int(axis in axes), 0] for axis in range(5)])
