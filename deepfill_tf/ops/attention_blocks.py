"""Contextual attention by blocks of a few rows of queries; see `ops.fast_attention`."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import tensorflow as tf

from deepfill_tf.ops.custom_gradient import custom_gradient
from deepfill_tf.ops.patch_scores import PatchScores
from deepfill_tf.ops.shapes import known_size

# Scores in a block. A few such arrays exist at a time.
BLOCK_SCORES = 8 * 2**20
# The fields of `PatchScores` that have gradients.
DIFFERENTIABLE = ("queries", "keys", "key_scales", "values")
# Blocks have at least 4 rows unless these have more than 16 * block_scores scores, or a row less if
# that divides the rows more evenly: a block also computes two rows on each side, so blocks of fewer
# rows compute most scores twice or more.
_MIN_ROWS_PER_BLOCK = 4
# Limit of the size of blocks of `_MIN_ROWS_PER_BLOCK` rows, in units of block_scores.
_MAX_BLOCK_GROWTH = 16
# Scores of a row of queries. A block of one row computes two more on each side, one for step 4 of
# `ops.patch_scores` and one for step 2. These five are in one array, with indices of 32 bits.
_MAX_SCORES_PER_ROW = 2**31 // 5 - 2**20
# Images that a batch of unknown size is taken to have, where the rows of a block depend on that.
_EXPECTED_BATCH = 8


def attend_in_blocks(
    patch_scores: PatchScores,
    rows: tuple,
    columns: tuple,
    *,
    block_scores: int,
    with_best_keys: bool,
    recomputes: bool = False,
):
    """Computes the attention of rows and columns (begin, end), a few rows at a time.

    Args:
      patch_scores: operands of n images.
      rows, columns: integers or int32 scalars.
      block_scores: number of scores in a block, of all n images, approximately.
      with_best_keys: see `PatchScores.attend_block`.
      recomputes: whether the backward pass recomputes scores if there is one block; if there are
        more it always does.

    Returns what `PatchScores.attend_block` returns, for all rows.
    """
    total, count = rows[1] - rows[0], columns[1] - columns[0]
    batch, pitch = known_size(patch_scores.queries, 0), known_size(patch_scores.key_scales, 2)
    sizes_of_row = [count, batch, pitch]
    if not isinstance(batch, int) and all(isinstance(n, int) for n in (total, count, pitch)):
        # XLA differentiates blocks only if their rows are known when the graph is made.
        sizes_of_row[1] = _EXPECTED_BATCH
    step = rows_per_block(total, sizes_of_row, block_scores)
    is_one_block = isinstance(step, int) and step == total
    if is_one_block and not recomputes:
        return patch_scores.attend_block(rows[0], total, columns, with_best_keys=with_best_keys)

    def attend(operands, done):
        """Computes the block after `done` rows; also returns its first row.

        All blocks have `step` rows, because XLA must know the sizes of arrays: the last block
        begins earlier where `step` does not divide `total`, and skips the rows that are done.
        """
        scores = dataclasses.replace(
            patch_scores, **dict(zip(DIFFERENTIABLE, operands, strict=True))
        )
        first = done if isinstance(step, int) else tf.minimum(done, total - step)
        block = scores.attend_block(
            rows[0] + first,
            step,
            columns,
            skipped_rows=0 if isinstance(step, int) else done - first,
            with_best_keys=with_best_keys,
        )
        return *block, first

    def attend_all(operands):
        if is_one_block:
            return attend(operands, 0)[:2]
        # Rows come first, so that blocks can be scattered into them.
        values = operands[DIFFERENTIABLE.index("values")]
        tiles = tf.zeros([total + 1, batch, count + 1, values.shape[-1]], values.dtype)
        best_keys = tf.zeros([total, batch, count, 2], tf.int32)

        def add_block(done, tiles, best_keys):
            block_tiles, block_best_keys, first = attend(operands, done)
            index = first + tf.range(step + 1)[:, None]
            block_tiles, block_best_keys = map(_swap_axes, (block_tiles, block_best_keys))
            tiles = tf.tensor_scatter_nd_add(tiles, index, block_tiles)
            best_keys = tf.tensor_scatter_nd_update(best_keys, index[:-1], block_best_keys)
            return done + step, tiles, best_keys

        _, tiles, best_keys = _while_below(total, step, add_block, [0, tiles, best_keys])
        return _swap_axes(tiles), _swap_axes(best_keys)

    def gradients_of_block(operands, done, upstream):
        with tf.GradientTape() as tape:
            tape.watch(operands)
            tiles, _, first = attend(operands, done)
        if not is_one_block:
            upstream = tf.gather(upstream, first + tf.range(step + 1), axis=1)
        return tape.gradient(tiles, operands, upstream)

    @custom_gradient
    def blockwise(*operands):
        def gradient(upstream, _):
            if is_one_block:
                return gradients_of_block(operands, 0, upstream)

            def add_gradients(done, *sums):
                gradients = gradients_of_block(operands, done, upstream)
                return done + step, *(
                    total_so_far + tf.cast(one, tf.float32)
                    for total_so_far, one in zip(sums, gradients, strict=True)
                )

            zeros = [tf.zeros(tf.shape(operand)) for operand in operands]
            _, *sums = _while_below(total, step, add_gradients, [0, *zeros])
            return [tf.cast(x, like.dtype) for x, like in zip(sums, operands, strict=True)]

        return attend_all(operands), gradient

    return blockwise(*(getattr(patch_scores, name) for name in DIFFERENTIABLE))


def rows_per_block(total, sizes_of_row: list, block_scores: int):
    """Rows in a block, 1 to `total`: a divisor of it if all sizes are known.

    The product of `sizes_of_row` is the number of a row's scores. If these are too many,
    raises ValueError, or InvalidArgumentError at run time if sizes are not known before.
    """
    message = f"the image is too large: a row's scores must be at most {_MAX_SCORES_PER_ROW}"
    if all(isinstance(size, int) for size in (total, *sizes_of_row)):
        scores_of_row = math.prod(sizes_of_row)
        if scores_of_row > _MAX_SCORES_PER_ROW:
            raise ValueError(f"{message}, got {scores_of_row}")
        few = min(_MIN_ROWS_PER_BLOCK, _MAX_BLOCK_GROWTH * block_scores // scores_of_row)
        most = max(1, min(total, max(few, block_scores // scores_of_row)))
        return next(rows for rows in range(most, 0, -1) if total % rows == 0)
    scores_of_row = math.prod(tf.cast(size, tf.int64) for size in sizes_of_row)
    limit = tf.constant(_MAX_SCORES_PER_ROW, tf.int64)
    with tf.control_dependencies([tf.debugging.assert_less_equal(scores_of_row, limit, message)]):
        scores_of_row = tf.maximum(scores_of_row, 1)
    few = tf.minimum(
        tf.constant(_MIN_ROWS_PER_BLOCK, tf.int64),
        _MAX_BLOCK_GROWTH * block_scores // scores_of_row,
    )
    rows = tf.cast(tf.maximum(few, block_scores // scores_of_row), tf.int32)
    rows = tf.clip_by_value(rows, 1, tf.maximum(total, 1))
    # As many for each as possible: else the last block would repeat up to rows - 1 rows.
    count = tf.maximum((total + rows - 1) // rows, 1)
    return tf.maximum((total + count - 1) // count, 1)


def _while_below(total, step, body: Callable, variables: list) -> list:
    """Runs `body(done, ...)` for done = 0, step, ... one after the other."""
    return tf.while_loop(
        lambda done, *_: done < total,
        lambda *variables: list(body(*variables)),
        variables,
        parallel_iterations=1,
        maximum_iterations=total // step if isinstance(step, int) else None,
    )


def _swap_axes(blocks: tf.Tensor) -> tf.Tensor:
    """Exchanges the first two axes: `[N, n, m, K]` <-> `[n, N, m, K]`."""
    if blocks.dtype.is_integer:
        # TensorFlow prints an error if integers are transposed eagerly. Positions are exact as
        # floats.
        return tf.cast(_swap_axes(tf.cast(blocks, tf.float32)), blocks.dtype)
    return tf.transpose(blocks, [1, 0, 2, 3])
