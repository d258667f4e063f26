"""Contextual attention as both papers define it (first paper, section 4).

Every patch of the foreground (a query) is reconstructed from the patches of the background
(the keys) that resemble it most. This is the reference implementation: patches are extracted,
the foreground is convolved with them, the scores of neighbours are fused, and the patches are
pasted by a transposed convolution. `ops.fast_attention` computes the same in less time.

Background patches are numbered row by row; L is their number.
"""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from deepfill_tf.checks import check_positive_int
from deepfill_tf.ops.patches import extract_patches
from deepfill_tf.ops.resizing import resize_nearest
from deepfill_tf.ops.shapes import height_and_width

# Lower bound of a patch's norm when it is normalised.
MIN_NORM = 1e-4


@dataclasses.dataclass(frozen=True)
class AttentionOptions:
    """Options of contextual attention, the same for both implementations and the layer.

    Args:
      patch_size: side of the patches that are compared, on the downsampled maps.
      stride: step between background patches, on the downsampled maps.
      rate: factor by which both maps are downsampled before they are compared.
      fuse_size: length of the diagonals along which scores are summed; 1 turns fusion off.
      softmax_scale: factor on the scores before the softmax.

    Raises ValueError unless the first four are positive integers.

    Example:
      >>> AttentionOptions(rate=1).fuse_size
      3
    """

    patch_size: int = 3
    stride: int = 1
    rate: int = 2
    fuse_size: int = 3
    softmax_scale: float = 10.0

    def __post_init__(self):
        for name in ("patch_size", "stride", "rate", "fuse_size"):
            check_positive_int(name, getattr(self, name))


def contextual_attention(
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
    """Reconstructs the foreground from background patches: the reference implementation.

    Args:
      foreground: features `[N, h, w, C]`; h and w must be multiples of `rate`.
      background: features `[N, H, W, C]`, most often the foreground itself; H and W must be
        multiples of `rate`.
      masks: `[N, H, W, 1]` or `[1, H, W, 1]`, 1 in the hole: patches that touch it
        are not used. None: all are used. As released, such a patch has score 0 in
        the softmax and its probability is dropped afterwards, without renormalising.
      patch_size, stride, rate, fuse_size, softmax_scale: see `AttentionOptions`.

    Returns:
      The reconstructed foreground `[N, h, w, C]` and the offsets, int32
      `[N, h / rate, w / rate, 2]`: row and column of the background patch attended
      to most, minus the position itself.

    Raises ValueError if a size is not a multiple of `rate`.

    Example:
      >>> features = tf.random.stateless_normal([1, 8, 12, 4], seed=[0, 0])
      >>> hole = tf.pad(tf.ones([1, 2, 4, 1]), [[0, 0], [2, 4], [4, 4], [0, 0]])
      >>> reconstructed, offsets = contextual_attention(features, features, hole)
      >>> tuple(reconstructed.shape), tuple(offsets.shape)
      ((1, 8, 12, 4), (1, 4, 6, 2))
    """
    options = AttentionOptions(patch_size, stride, rate, fuse_size, softmax_scale)
    check_divisible(foreground, background, options)
    queries, keys = downsample(foreground, options), downsample(background, options)
    patches = extract_patches(keys, patch_size, stride)
    rows, columns = height_and_width(patches)

    scores = _match(queries, patches, options)
    scores = _fuse(scores, rows, columns, options)
    probabilities = _attend(scores, valid_patches(masks, options), options)
    offsets = _offsets(probabilities, height_and_width(keys), options)
    probabilities = tf.cast(probabilities, background.dtype)
    return _paste(probabilities, background, foreground, options), offsets


def check_divisible(
    foreground: tf.Tensor, background: tf.Tensor, options: AttentionOptions
) -> None:
    """Raises ValueError if a known height or width is not a multiple of the rate."""
    for name, features in (("foreground", foreground), ("background", background)):
        if any(size is not None and size % options.rate for size in features.shape[1:3]):
            raise ValueError(
                f"the {name}'s height and width must be multiples of rate={options.rate}, "
                f"got {tuple(features.shape)}"
            )


def downsample(features: tf.Tensor, options: AttentionOptions) -> tf.Tensor:
    """Features at 1 / rate of their size, nearest neighbour with aligned corners."""
    height, width = height_and_width(features)
    return resize_nearest(features, height // options.rate, width // options.rate)


def valid_patches(masks: tf.Tensor | None, options: AttentionOptions) -> tf.Tensor | None:
    """Returns 1 for background patches without a hole, else 0: float32 `[N, 1, 1, L]`, or None."""
    if masks is None:
        return None
    small_masks = downsample(tf.cast(masks, tf.float32), options)
    greatest = tf.nn.max_pool2d(small_masks, options.patch_size, options.stride, "SAME")
    known = tf.cast(tf.equal(greatest, 0), tf.float32)
    return tf.reshape(known, [-1, 1, 1, _product(height_and_width(known))])


def _match(queries: tf.Tensor, patches: tf.Tensor, options: AttentionOptions) -> tf.Tensor:
    """Scores `[N, h, w, L]`: the queries convolved with the unit-length patches.

    The queries are not normalised, so a score is not a cosine.
    """
    filters = _normalize_patches(patches)
    channels, count = queries.shape[-1], _product(height_and_width(patches))
    filters = tf.reshape(filters, [-1, count, options.patch_size, options.patch_size, channels])

    def convolve(inputs):
        image, kernel = inputs
        return tf.nn.conv2d(image[None], tf.transpose(kernel, [1, 2, 3, 0]), 1, "SAME")[0]

    return tf.map_fn(convolve, (queries, filters), fn_output_signature=queries.dtype)


def _normalize_patches(patches: tf.Tensor) -> tf.Tensor:
    """Patches `[N, h, w, K]` divided by max(their norm, `MIN_NORM`)."""
    squares = tf.reduce_sum(tf.square(tf.cast(patches, tf.float32)), axis=-1, keepdims=True)
    # The root of the larger, not the larger of the roots: it has a gradient at 0.
    return patches * tf.cast(tf.math.rsqrt(tf.maximum(squares, MIN_NORM**2)), patches.dtype)


def _fuse(scores: tf.Tensor, rows, columns, options: AttentionOptions) -> tf.Tensor:
    """Scores summed along diagonals, so that neighbours prefer neighbouring patches.

    The patches lie in `rows` rows and `columns` columns. S[p, q] becomes the sum of
    S[p + d, q + d], where positions are counted first row by row and then once more column
    by column; the end of a row is a neighbour of the beginning of the next, as released.
    """
    if options.fuse_size == 1:
        return scores
    height, width = height_and_width(scores)
    identity = tf.eye(options.fuse_size, dtype=scores.dtype)[:, :, None, None]

    def sum_diagonals(grid):
        flat = tf.reshape(grid, [-1, height * width, rows * columns, 1])
        return tf.nn.conv2d(flat, identity, 1, "SAME")

    scores = tf.reshape(sum_diagonals(scores), [-1, height, width, rows, columns])
    scores = tf.transpose(scores, [0, 2, 1, 4, 3])
    scores = tf.reshape(sum_diagonals(scores), [-1, width, height, columns, rows])
    scores = tf.transpose(scores, [0, 2, 1, 4, 3])
    return tf.reshape(scores, [-1, height, width, rows * columns])


def _attend(scores: tf.Tensor, valid: tf.Tensor | None, options: AttentionOptions) -> tf.Tensor:
    """Probabilities over the last axis, in float32; 0 for patches that are not valid."""
    scores = tf.cast(scores, tf.float32)
    if valid is None:
        return tf.nn.softmax(scores * options.softmax_scale)
    return tf.nn.softmax(scores * valid * options.softmax_scale) * valid


def _offsets(probabilities: tf.Tensor, key_size: tuple, options: AttentionOptions) -> tf.Tensor:
    """Centre of the most probable patch minus the own position, int32 `[N, h, w, 2]`.

    `probabilities` are `[N, h, w, L]` and `key_size` is height and width of the downsampled
    background. Of several equally probable patches the first counts.
    """
    height, width = height_and_width(probabilities)
    row_start, _ = _window_starts(key_size[0], options)
    column_start, columns = _window_starts(key_size[1], options)
    best = tf.argmax(probabilities, axis=-1, output_type=tf.int32)
    row = best // columns * options.stride + row_start - tf.range(height)[:, None]
    column = best % columns * options.stride + column_start - tf.range(width)
    return tf.stack([row, column], axis=-1)


def _paste(
    probabilities: tf.Tensor,
    background: tf.Tensor,
    foreground: tf.Tensor,
    options: AttentionOptions,
) -> tf.Tensor:
    """Sum of overlapping background patches of side 2 * rate, weighted: `[N, h, w, C]`.

    Their centres are those of the patches that were compared. Each pixel is covered by
    2 x 2 patches and the sum is divided by 4; at the border fewer cover it, so it comes
    out darker, as released.
    """
    rate, stride = options.rate, options.stride
    patches = extract_patches(background, 2 * rate, rate)
    if stride > 1:
        row, column = (
            _window_starts(size // rate, options)[0] for size in height_and_width(background)
        )
        patches = patches[:, row::stride, column::stride]
    height, width = height_and_width(foreground)
    channels, count = background.shape[-1], _product(height_and_width(patches))
    patches = tf.reshape(patches, [-1, count, 2 * rate, 2 * rate, channels])

    def paste(inputs):
        weights, kernel = inputs
        kernel = tf.transpose(kernel, [1, 2, 3, 0])
        shape = [1, height, width, channels]
        return tf.nn.conv2d_transpose(weights[None], kernel, shape, rate, "SAME")[0] / 4

    reconstructed = tf.map_fn(paste, (probabilities, patches), fn_output_signature=background.dtype)
    return tf.ensure_shape(reconstructed, foreground.shape)


def _window_starts(size, options: AttentionOptions) -> tuple:
    """Centre of the first SAME window along an axis of length `size`, and their number."""
    count = (size + options.stride - 1) // options.stride
    padding = (count - 1) * options.stride + options.patch_size - size
    padding = max(padding, 0) if isinstance(padding, int) else tf.maximum(padding, 0)
    return (options.patch_size - 1) // 2 - padding // 2, count


def _product(pair: tuple):
    return pair[0] * pair[1]
