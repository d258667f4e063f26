"""Contextual attention as both papers define it (first paper, section 4).

Every patch of the foreground is reconstructed from the patches of the background that
resemble it most. This is the reference implementation: patches are extracted, the
foreground is convolved with them, neighbouring scores are fused, and the patches
are pasted by a transposed convolution.

Background patches are numbered row by row; L is their number.
"""

import tensorflow as tf

from deepfill_tf.ops.patches import extract_patches
from deepfill_tf.ops.resizing import resize_nearest
from deepfill_tf.ops.shapes import height_and_width

# Patches whose norm is below this are not amplified further.
MIN_NORM = 1e-4


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
    """Foreground reconstructed from background patches, and where they came from.

    Args:
      foreground: features `[N, h, w, C]`; h and w must be multiples of `rate`.
      background: features `[N, H, W, C]`, most often the foreground itself.
      masks: `[N, H, W, 1]` or `[1, H, W, 1]`, 1 in the hole: patches that touch it
        are not used. None: all are used. As released, such a patch has score 0 in
        the softmax and its probability is dropped afterwards, without renormalising.
      patch_size: side of the patches that are compared, on the shrunken maps.
      stride: step between background patches, on the shrunken maps.
      rate: by how much both maps are shrunk before they are compared.
      fuse_size: length of the diagonals along which scores are summed; 1 turns it off.
      softmax_scale: factor on the scores before the softmax.

    Returns:
      The reconstructed foreground `[N, h, w, C]` and the integer offsets
      `[N, h / rate, w / rate, 2]`: row and column of the background patch attended
      to most, minus the position itself.
    """
    check_divisible(foreground, background, rate)
    small_foreground = shrink(foreground, rate)
    small_background = shrink(background, rate)
    patches = extract_patches(small_background, patch_size, stride)
    rows, columns = height_and_width(patches)
    valid = valid_patches(masks, patch_size=patch_size, stride=stride, rate=rate)

    scores = _match(small_foreground, patches, patch_size)
    scores = _fuse(scores, rows, columns, fuse_size)
    probabilities = attend(scores, valid, softmax_scale)
    offsets = offsets_of(
        probabilities,
        background_size=height_and_width(small_background),
        patch_size=patch_size,
        stride=stride,
    )
    reconstructed = _paste(
        tf.cast(probabilities, background.dtype),
        background,
        foreground,
        patch_size=patch_size,
        stride=stride,
        rate=rate,
    )
    return reconstructed, offsets


def shrink(features: tf.Tensor, rate: int) -> tf.Tensor:
    """Features at 1 / rate of their size, nearest neighbour with aligned corners."""
    height, width = height_and_width(features)
    return resize_nearest(features, height // rate, width // rate)


def valid_patches(
    masks: tf.Tensor | None, *, patch_size: int, stride: int, rate: int
) -> tf.Tensor | None:
    """1 for each background patch without a hole, else 0: float32 `[N, 1, 1, L]`, or None."""
    if masks is None:
        return None
    small_masks = shrink(tf.cast(masks, tf.float32), rate)
    greatest = tf.nn.max_pool2d(small_masks, patch_size, stride, "SAME")
    known = tf.cast(tf.equal(greatest, 0), tf.float32)
    return tf.reshape(known, [-1, 1, 1, _product(height_and_width(known))])


def normalize_patches(patches: tf.Tensor) -> tf.Tensor:
    """Patches `[N, h, w, K]` divided by max(their norm, `MIN_NORM`)."""
    squares = tf.reduce_sum(tf.square(tf.cast(patches, tf.float32)), axis=-1, keepdims=True)
    # The root of the larger, not the larger of the roots: it has a gradient at 0.
    return patches * tf.cast(tf.math.rsqrt(tf.maximum(squares, MIN_NORM**2)), patches.dtype)


def attend(scores: tf.Tensor, valid: tf.Tensor | None, softmax_scale: float) -> tf.Tensor:
    """Probabilities over the last axis, in float32; 0 for patches that are not valid."""
    scores = tf.cast(scores, tf.float32)
    if valid is None:
        return tf.nn.softmax(scores * softmax_scale)
    return tf.nn.softmax(scores * valid * softmax_scale) * valid


def offsets_of(
    probabilities: tf.Tensor, *, background_size: tuple, patch_size: int, stride: int
) -> tf.Tensor:
    """Centre of the likeliest patch minus the own position, int32 `[N, h, w, 2]`.

    `probabilities` are `[N, h, w, L]`; among equals the first patch counts.
    """
    height, width = height_and_width(probabilities)
    row_start, _ = _window_starts(background_size[0], patch_size, stride)
    column_start, columns = _window_starts(background_size[1], patch_size, stride)
    best = tf.argmax(probabilities, axis=-1, output_type=tf.int32)
    row = best // columns * stride + row_start - tf.range(height)[:, None]
    column = best % columns * stride + column_start - tf.range(width)
    return tf.stack([row, column], axis=-1)


def check_divisible(foreground: tf.Tensor, background: tf.Tensor, rate: int) -> None:
    """Raises ValueError where a known size is not a multiple of `rate`."""
    for name, features in (("foreground", foreground), ("background", background)):
        if any(size is not None and size % rate for size in features.shape[1:3]):
            raise ValueError(
                f"the {name}'s height and width must be multiples of rate={rate}, "
                f"got {tuple(features.shape)}"
            )


def _match(foreground: tf.Tensor, patches: tf.Tensor, patch_size: int) -> tf.Tensor:
    """Scores `[N, h, w, L]`: the foreground convolved with the unit-length patches.

    The foreground is not normalised, so a score is not a cosine.
    """
    filters = normalize_patches(patches)
    channels, count = foreground.shape[-1], _product(height_and_width(patches))
    filters = tf.reshape(filters, [-1, count, patch_size, patch_size, channels])

    def convolve(inputs):
        image, kernel = inputs
        return tf.nn.conv2d(image[None], tf.transpose(kernel, [1, 2, 3, 0]), 1, "SAME")[0]

    return tf.map_fn(convolve, (foreground, filters), fn_output_signature=foreground.dtype)


def _fuse(scores: tf.Tensor, rows, columns, fuse_size: int) -> tf.Tensor:
    """Scores summed along diagonals, so that neighbours prefer neighbouring patches.

    S[p, l] becomes the sum of S[p + d, l + d], where positions are counted first row
    by row and then once more column by column; the end of a row is a neighbour of
    the beginning of the next, as released.
    """
    if fuse_size == 1:
        return scores
    height, width = height_and_width(scores)
    identity = tf.eye(fuse_size, dtype=scores.dtype)[:, :, None, None]

    def sum_diagonals(grid):
        flat = tf.reshape(grid, [-1, height * width, rows * columns, 1])
        return tf.nn.conv2d(flat, identity, 1, "SAME")

    scores = tf.reshape(sum_diagonals(scores), [-1, height, width, rows, columns])
    scores = tf.transpose(scores, [0, 2, 1, 4, 3])
    scores = tf.reshape(sum_diagonals(scores), [-1, width, height, columns, rows])
    scores = tf.transpose(scores, [0, 2, 1, 4, 3])
    return tf.reshape(scores, [-1, height, width, rows * columns])


def _paste(
    probabilities, background, foreground, *, patch_size: int, stride: int, rate: int
) -> tf.Tensor:
    """Background patches of side 2 * rate, weighted and laid over each other.

    They lie around the centres of the patches that were compared.

    Each pixel is covered by 2 x 2 patches and the sum is divided by 4; at the
    border fewer cover it, so it comes out darker, as released.
    """
    patches = extract_patches(background, 2 * rate, rate)
    if stride > 1:
        row, column = (
            _window_starts(size // rate, patch_size, stride)[0]
            for size in height_and_width(background)
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


def _window_starts(size, patch_size: int, stride: int) -> tuple:
    """Centre of the first SAME window along an axis, and the number of windows."""
    count = (size + stride - 1) // stride
    padding = (count - 1) * stride + patch_size - size
    padding = max(padding, 0) if isinstance(padding, int) else tf.maximum(padding, 0)
    return (patch_size - 1) // 2 - padding // 2, count


def _product(pair: tuple):
    return pair[0] * pair[1]
