"""Contextual attention as matrix products: the results of `ops.attention` in less time.

Scores are computed for a block of queries (a few rows of the foreground) and all keys (the
whole background) at a time, so that memory grows with a block and a block stays in the
processor's cache. That is exact, because the softmax of a query needs its own scores only.
`ops.patch_scores` computes the scores of a block and `ops.value_tiles` pastes the patches.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from contextlib import AbstractContextManager

import tensorflow as tf

from deepfill_tf.checks import check_choice
from deepfill_tf.ops.attention import AttentionOptions, contextual_attention
from deepfill_tf.ops.custom_gradient import custom_gradient
from deepfill_tf.ops.devices import runs_on_cpu
from deepfill_tf.ops.patch_scores import PatchScores
from deepfill_tf.ops.regions import Region
from deepfill_tf.ops.shapes import known_size
from deepfill_tf.ops.slicing import slice_axes
from deepfill_tf.ops.value_tiles import tiles_to_pixels
from deepfill_tf.scoped_value import ScopedValue

# Scores in a block, over all images of the batch. A few such arrays exist at a time.
BLOCK_SCORES = 8 * 2**20
_block_scores = ScopedValue("block_scores", BLOCK_SCORES)
# Blocks have at least 4 rows unless these have more than 16 * block_scores scores: a block also
# computes two rows on each side, so blocks of fewer rows compute most scores twice or more.
_MIN_ROWS_PER_BLOCK = 4
# Limit of the size of blocks of `_MIN_ROWS_PER_BLOCK` rows, in units of block_scores.
_MAX_BLOCK_GROWTH = 16
# Scores of a row of queries. A block of one row computes two more on each side, one for step 4 of
# `ops.patch_scores` and one for step 2. These five are in one array, with indices of 32 bits.
_MAX_SCORES_PER_ROW = 2**31 // 5 - 2**20
# Images that a batch of unknown size is taken to have, where the rows of a block depend on that.
_EXPECTED_BATCH = 8
# From so many scores on, images of a batch are computed one after the other on CPUs.
_LEAST_SCORES_OF_ONE_IMAGE = 2**18
# The fields of `PatchScores` that have gradients.
_DIFFERENTIABLE = ("queries", "keys", "key_scales", "values")


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
    block_scores: int | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Computes `contextual_attention`, with the same arguments and results, in less time.

    Options that are not `supports_fast` go through the reference implementation. XLA compiles any
    sizes; its gradient needs a height and a width that are known when the graph is made.

    Args:
      foreground, background, masks: see `contextual_attention`.
      patch_size, stride, rate, fuse_size, softmax_scale: see `AttentionOptions`.
      block_scores: number of scores in a block, approximately (at least those of a row of the
        foreground); if None, `BLOCK_SCORES` or what `blocks_of` says. If there is more than one
        block, the backward pass recomputes each block's scores, one block at a time.

    Raises ValueError if a size is not a multiple of `rate` or the image is too large.

    Example:
      >>> features = tf.random.stateless_normal([1, 8, 12, 4], seed=[0, 0])
      >>> reconstructed, offsets = fast_contextual_attention(features, features)
      >>> tuple(reconstructed.shape), tuple(offsets.shape)
      ((1, 8, 12, 4), (1, 4, 6, 2))
    """
    options = AttentionOptions(patch_size, stride, rate, fuse_size, softmax_scale)
    if not supports_fast(options):
        return contextual_attention(foreground, background, masks, **vars(options))
    patch_scores = PatchScores.of(foreground, background, masks, options)
    height, width = patch_scores.query_size
    tiles, best_keys = _attend(patch_scores, (0, height), (0, width), block_scores)
    pixels = tiles_to_pixels(tiles, rate)
    reconstructed = slice_axes(pixels, {1: (0, height * rate), 2: (0, width * rate)})
    positions = tf.stack(tf.meshgrid(tf.range(height), tf.range(width), indexing="ij"), axis=-1)
    return tf.ensure_shape(reconstructed, foreground.shape), best_keys - positions


def contextual_attention_region(
    foreground: tf.Tensor,
    background: tf.Tensor,
    masks: tf.Tensor | None,
    region: Region,
    *,
    rate: int = 2,
    fuse_size: int = 3,
    softmax_scale: float = 10.0,
    block_scores: int | None = None,
) -> tf.Tensor:
    """Computes a region of what `fast_contextual_attention` reconstructs, `[N, n, m, C]`.

    Cost and memory grow with the region. `region`, n x m pixels, lies inside the foreground
    `[N, h, w, C]`. Patches are 3 x 3 with stride 1; the other arguments are those of
    `fast_contextual_attention`. Raises ValueError unless `fuse_size` is 1 or 3.

    Example:
      >>> features = tf.random.stateless_normal([1, 8, 12, 4], seed=[0, 0])
      >>> region = Region(tf.constant([2, 3]), tf.constant([6, 10]))
      >>> tuple(contextual_attention_region(features, features, None, region).shape)
      (1, 4, 7, 4)
    """
    check_choice("fuse_size", fuse_size, (1, 3))
    options = AttentionOptions(rate=rate, fuse_size=fuse_size, softmax_scale=softmax_scale)
    patch_scores = PatchScores.of(foreground, background, masks, options)
    before = rate // 2
    # The patch of a query covers its own tile and the next one.
    queries = Region(
        (region.begin + before) // rate - 1, (region.end - 1 + before) // rate + 1
    ).intersection(Region.whole(patch_scores.query_size))
    first, last = tf.unstack(queries.begin), tf.unstack(queries.end)
    rows, columns = zip(first, last, strict=True)
    tiles, _ = _attend(patch_scores, rows, columns, block_scores, with_best_keys=False)
    origin = Region(queries.begin * rate, queries.end * rate)
    return region.crop(tiles_to_pixels(tiles, rate), origin)


def blocks_of(block_scores: int) -> AbstractContextManager[None]:
    """Sets the number of scores in a block where the argument `block_scores` is not given.

    Example:
      >>> features = tf.random.stateless_normal([1, 8, 12, 4], seed=[0, 0])
      >>> with blocks_of(24):
      ...     in_rows, _ = fast_contextual_attention(features, features)
      >>> in_one_block, _ = fast_contextual_attention(features, features)
      >>> bool(tf.reduce_max(tf.abs(in_rows - in_one_block)) < 1e-5)
      True
    """
    return _block_scores.set_to(block_scores)


def supports_fast(options: AttentionOptions) -> bool:
    """True if the fast implementation takes these options.

    It takes 3 x 3 patches with stride 1, and a `fuse_size` of 1 or 3.

    Example:
      >>> supports_fast(AttentionOptions()), supports_fast(AttentionOptions(stride=2))
      (True, False)
    """
    return options.patch_size == 3 and options.stride == 1 and options.fuse_size in (1, 3)


def _attend(
    patch_scores: PatchScores,
    rows: tuple,
    columns: tuple,
    block_scores: int | None,
    *,
    with_best_keys: bool = True,
):
    """Computes the attention of rows and columns (begin, end).

    Scores of one image stay in the processor's cache and need fewer copies (`ops.diagonals`).
    """
    block_scores = block_scores or _block_scores.get()
    batch, pitch = known_size(patch_scores.queries, 0), known_size(patch_scores.key_scales, 2)
    sizes = [rows[1] - rows[0], columns[1] - columns[0], pitch]
    options = {"block_scores": block_scores, "with_best_keys": with_best_keys}
    if not (
        all(isinstance(size, int) for size in (batch, *sizes))
        and batch > 1
        and math.prod(sizes) >= _LEAST_SCORES_OF_ONE_IMAGE
        and runs_on_cpu()
    ):
        return _attend_in_blocks(patch_scores, rows, columns, **options)
    names = [*_DIFFERENTIABLE, "logit_biases"]
    if patch_scores.logit_biases.shape[0] == 1:
        names.remove("logit_biases")
    operands = [getattr(patch_scores, name) for name in names]
    recomputes = batch * math.prod(sizes) > block_scores

    def attend_image(operands):
        image = {name: one[None] for name, one in zip(names, operands, strict=True)}
        image = dataclasses.replace(patch_scores, **image)
        tiles, best_keys = _attend_in_blocks(image, rows, columns, recomputes=recomputes, **options)
        return tiles[0], best_keys[0]

    if recomputes:
        types = (patch_scores.values.dtype, tf.int32)
        return tf.map_fn(attend_image, operands, fn_output_signature=types, parallel_iterations=1)
    if not tf.executing_eagerly():
        attend_image = tf.function(attend_image, autograph=False)
    images = zip(*map(tf.unstack, operands), strict=True)
    results = [attend_image(image) for image in images]
    return tuple(map(tf.stack, zip(*results, strict=True)))


def _attend_in_blocks(
    patch_scores: PatchScores,
    rows: tuple,
    columns: tuple,
    *,
    block_scores: int,
    with_best_keys: bool,
    recomputes: bool = False,
):
    """Computes the attention of rows and columns (begin, end), a few rows at a time.

    The backward pass recomputes scores if there is more than one block, or if `recomputes`.
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
            patch_scores, **dict(zip(_DIFFERENTIABLE, operands, strict=True))
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
        values = operands[_DIFFERENTIABLE.index("values")]
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

    return blockwise(*(getattr(patch_scores, name) for name in _DIFFERENTIABLE))


def rows_per_block(total, sizes_of_row: list, block_scores: int):
    """Rows in a block, at most `total`: a divisor of it if all sizes are known.

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
    # Blocks of equal size: the last one would compute rows of the one before again.
    count = (total + rows - 1) // rows
    return (total + count - 1) // tf.maximum(count, 1)


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
