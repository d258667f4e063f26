"""Contextual attention as matrix products: the numbers of `ops.attention`, sooner.

The scores of a few rows of the foreground with the whole background are made at a time:
memory grows with such a block, and a block stays in the processor's cache. That is
exact, because a softmax needs the scores of its own foreground position only. How those of
a block are made is in `ops.patch_scores`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import tensorflow as tf

from deepfill_tf.ops.attention import contextual_attention
from deepfill_tf.ops.patch_scores import PatchScores
from deepfill_tf.ops.regions import Region
from deepfill_tf.ops.shapes import known_size

# Scores in a block, over all images of the batch. There are a few such arrays at a time.
BLOCK_SCORES = 8 * 2**20
# A row needs the scores of its neighbours too, so few rows waste most of them: up to so many
# rows are taken even where they have so many times the scores of a block.
_MIN_ROWS_PER_BLOCK, _MAX_BLOCK_GROWTH = 4, 16
# Scores in a row. Those of five rows are in one array, and indices are 32 bits wide.
_MAX_SCORES_PER_ROW = 2**31 // 5 - 2**20


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
    block_scores: int = BLOCK_SCORES,
) -> tuple[tf.Tensor, tf.Tensor]:
    """What `contextual_attention` computes, with the same arguments and results.

    Strides other than 1, patches other than 3 x 3, and diagonals of lengths other than 1
    and 3, go through the reference implementation. About `block_scores` scores are held at a time (a
    row of the foreground at least); the backward pass makes those of several blocks anew.
    """
    if not supports_fast(patch_size=patch_size, stride=stride, fuse_size=fuse_size):
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
    patch_scores = PatchScores.of(foreground, background, masks, rate, fuse_size, softmax_scale)
    height, width = patch_scores.size
    cells, likeliest = _in_blocks(patch_scores, (0, height), (0, width), block_scores)
    reconstructed = patch_scores.pixels(cells)[:, : height * rate, : width * rate]
    positions = tf.stack(tf.meshgrid(tf.range(height), tf.range(width), indexing="ij"), axis=-1)
    return tf.ensure_shape(reconstructed, foreground.shape), likeliest - positions


def contextual_attention_region(
    foreground: tf.Tensor,
    background: tf.Tensor,
    masks: tf.Tensor | None,
    region: Region,
    *,
    rate: int = 2,
    fuse_size: int = 3,
    softmax_scale: float = 10.0,
    block_scores: int = BLOCK_SCORES,
) -> tf.Tensor:
    """A part of what `fast_contextual_attention` reconstructs, `[N, n, m, C]`, at its own cost.

    `region` lies in the foreground `[N, h, w, C]`. Patches are 3 x 3 with stride 1; the
    other arguments are those of `fast_contextual_attention`.
    """
    patch_scores = PatchScores.of(foreground, background, masks, rate, fuse_size, softmax_scale)
    before = rate // 2
    # A position's patch covers its own cell and the one after.
    positions = Region(
        (region.begin + before) // rate - 1, (region.end - 1 + before) // rate + 1
    ).common(Region.whole(patch_scores.size))
    first, last = tf.unstack(positions.begin), tf.unstack(positions.end)
    cells, _ = _in_blocks(patch_scores, (first[0], last[0]), (first[1], last[1]), block_scores)
    origin = Region(positions.begin * rate, positions.end * rate)
    return region.cut(patch_scores.pixels(cells), origin)


def supports_fast(*, patch_size: int, stride: int, fuse_size: int) -> bool:
    """Whether there is a fast form of the attention with these arguments."""
    return patch_size == 3 and stride == 1 and fuse_size in (1, 3)


def _in_blocks(patch_scores: PatchScores, rows: tuple, columns: tuple, block_scores: int):
    """`PatchScores.block` of a region of the foreground, a few rows at a time."""
    total = rows[1] - rows[0]
    batch, pitch = known_size(patch_scores.foreground, 0), known_size(patch_scores.scales, 2)
    step = _rows_of_block(total, [columns[1] - columns[0], batch, pitch], block_scores)
    if isinstance(step, int) and step == total:
        return patch_scores.block(rows[0], total, columns)
    differentiable = ("foreground", "background", "scales", "values")

    @tf.custom_gradient
    def blockwise(*parts):
        whole = dataclasses.replace(patch_scores, **dict(zip(differentiable, parts, strict=True)))
        count = columns[1] - columns[0]
        batch, length = known_size(whole.foreground, 0), whole.values.shape[-1]
        cells = tf.zeros([total + 1, batch, count + 1, length], whole.values.dtype)
        likeliest = tf.zeros([total, batch, count, 2], tf.int32)

        def forward(done, cells, likeliest):
            some = _rows_from(done, step, total)
            added, best = whole.block(rows[0] + done, some, columns)
            here = done + tf.range(some + 1)[:, None]
            cells = tf.tensor_scatter_nd_add(cells, here, tf.transpose(added, [1, 0, 2, 3]))
            best = tf.transpose(best, [1, 0, 2, 3])
            return done + step, cells, tf.tensor_scatter_nd_update(likeliest, here[:-1], best)

        _, cells, likeliest = _while_below(total, step, forward, [0, cells, likeliest])

        def gradient(upstream, _):
            def backward(done, *sums):
                some = _rows_from(done, step, total)
                with tf.GradientTape() as tape:
                    tape.watch(parts)
                    again = dataclasses.replace(
                        patch_scores, **dict(zip(differentiable, parts, strict=True))
                    )
                    added, _ = again.block(rows[0] + done, some, columns)
                here = tf.gather(upstream, done + tf.range(some + 1), axis=1)
                gradients = tape.gradient(added, parts, here)
                return done + step, *(
                    so_far + tf.cast(one, tf.float32)
                    for so_far, one in zip(sums, gradients, strict=True)
                )

            zeros = [tf.zeros(tf.shape(part)) for part in parts]
            _, *sums = _while_below(total, step, backward, [0, *zeros])
            return [tf.cast(one, part.dtype) for one, part in zip(sums, parts, strict=True)]

        cells, likeliest = (tf.transpose(x, [1, 0, 2, 3]) for x in (cells, likeliest))
        return (cells, likeliest), gradient

    return blockwise(*(getattr(patch_scores, name) for name in differentiable))


def _rows_of_block(total, sizes_of_row: list, block_scores: int):
    """Rows in a block: a divisor of `total` if that is known, else the last may have fewer.

    The product of `sizes_of_row` is the number of a row's scores. Raises ValueError, or when
    it runs InvalidArgumentError, where these are too many.
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
    return tf.clip_by_value(rows, 1, tf.maximum(total, 1))


def _rows_from(done, step, total):
    return step if isinstance(step, int) else tf.minimum(step, total - done)


def _while_below(total, step, body: Callable, variables: list) -> list:
    """Runs `body(done, ...)` for done = 0, step, ... one after the other."""
    return tf.while_loop(
        lambda done, *_: done < total,
        lambda *variables: list(body(*variables)),
        variables,
        parallel_iterations=1,
        maximum_iterations=total // step if isinstance(step, int) else None,
    )
