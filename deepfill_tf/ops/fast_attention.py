"""Contextual attention as matrix products: the results of `ops.attention` in less time.

Scores are computed for a block of queries (a few rows of the foreground) and all keys (the
whole background) at a time, so that memory grows with a block and a block stays in the
processor's cache. That is exact, because the softmax of a query needs its own scores only.
`ops.attention_blocks` makes the blocks, `ops.patch_scores` computes the scores of one and
`ops.value_tiles` pastes the patches.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from contextlib import AbstractContextManager

import tensorflow as tf

from deepfill_tf.checks import check_choice
from deepfill_tf.ops.attention import AttentionOptions, contextual_attention
from deepfill_tf.ops.attention_blocks import BLOCK_SCORES, DIFFERENTIABLE, attend_in_blocks
from deepfill_tf.ops.devices import runs_on_cpu
from deepfill_tf.ops.patch_scores import PatchScores
from deepfill_tf.ops.regions import Region
from deepfill_tf.ops.shapes import known_size
from deepfill_tf.ops.slicing import slice_axes
from deepfill_tf.ops.value_tiles import tiles_to_pixels
from deepfill_tf.scoped_value import ScopedValue

# Scores of an image from which the images of a batch are computed one after the other on CPUs.
_LEAST_SCORES_OF_ONE_IMAGE = 2**18
_block_scores = ScopedValue("block_scores", BLOCK_SCORES)


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
        foreground); if None, `BLOCK_SCORES` or what `blocks_of` says. If the batch has more, the
        backward pass recomputes each block's scores, one block at a time.

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
    """Computes the attention of rows and columns (begin, end), one image at a time if faster.

    Scores of one image need fewer copies (`ops.diagonals`), and are more likely in the cache.
    """
    block_scores = block_scores or _block_scores.get()
    attend = functools.partial(
        attend_in_blocks,
        rows=rows,
        columns=columns,
        block_scores=block_scores,
        with_best_keys=with_best_keys,
    )
    pitch = known_size(patch_scores.key_scales, 2)
    sizes = [rows[1] - rows[0], columns[1] - columns[0], pitch]
    if not (runs_on_cpu() and _has_large_images(patch_scores, sizes)):
        return attend(patch_scores)
    batch = patch_scores.queries.shape[0]
    operands = {name: getattr(patch_scores, name) for name in (*DIFFERENTIABLE, "logit_biases")}
    operands = {name: values for name, values in operands.items() if values.shape[0] == batch}
    recomputes = batch * math.prod(sizes) > block_scores

    def attend_image(of_image):
        one = {name: part[None] for name, part in zip(operands, of_image, strict=True)}
        image = dataclasses.replace(patch_scores, **one)
        tiles, best_keys = attend(image, recomputes=recomputes)
        return tiles[0], best_keys[0]

    return tf.map_fn(
        attend_image,
        list(operands.values()),
        fn_output_signature=(patch_scores.values.dtype, tf.int32),
        # So that scores of one image exist at a time, where they are recomputed.
        parallel_iterations=1,
    )


def _has_large_images(patch_scores: PatchScores, sizes: list) -> bool:
    """Whether there are several images of many scores, and all sizes are known.

    The product of `sizes` is the number of an image's scores.
    """
    operands = [getattr(patch_scores, name) for name in (*DIFFERENTIABLE, "logit_biases")]
    batch = patch_scores.queries.shape[0]
    return (
        batch not in (None, 1)
        and all(values.shape[0] in (1, batch) for values in operands)
        and all(isinstance(size, int) for size in sizes)
        and math.prod(sizes) >= _LEAST_SCORES_OF_ONE_IMAGE
    )
