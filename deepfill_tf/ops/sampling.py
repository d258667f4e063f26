"""Features read at positions between pixels, and how far those positions are from home."""

import tensorflow as tf

from deepfill_tf.ops.shapes import height_and_width


def sample_bilinear(features: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
    """Features `[N, H, W, C]` at `rows` and `columns`, both `[N, h, w]`: `[N, h, w, C]`.

    Positions are float32 in pixels, 0 to H - 1 and 0 to W - 1; those outside read the
    nearest pixel of the border. The sampler of "Spatial Transformer Networks" (Jaderberg et
    al., 2015), with gradients to features and positions (none to positions outside). It
    computes in float32 and gives the dtype of the features.
    """
    height, width = height_and_width(features)
    flat = tf.reshape(tf.cast(features, tf.float32), [-1, height * width, features.shape[-1]])
    upper, lower, down = _neighbours(rows, height)
    left, right, along = _neighbours(columns, width)

    def on_row(row):
        start, end = (tf.gather(flat, row * width + side, batch_dims=1) for side in (left, right))
        return start * (1 - along) + end * along

    start, end = on_row(upper), on_row(lower)
    return tf.cast(start * (1 - down) + end * down, features.dtype)


def cell_offsets(rows: tf.Tensor, columns: tf.Tensor, rate: int) -> tf.Tensor:
    """Where cells of `rate x rate` pixels come from, minus where they are, in cells.

    `rows` and `columns` `[N, h, w]` say from where each pixel of a map of the same size is
    read by `sample_bilinear`. Gives the means over the cells, rounded: int32
    `[N, h // rate, w // rate, 2]`, row and column, as `ops.contextual_attention` does.
    """
    height, width = height_and_width(rows)
    row = _inside(rows, height) - tf.range(tf.cast(height, tf.float32))[:, None]
    column = _inside(columns, width) - tf.range(tf.cast(width, tf.float32))
    moved = tf.stop_gradient(tf.stack([row, column], axis=-1))
    means = tf.nn.avg_pool2d(moved, rate, rate, "VALID")
    return tf.cast(tf.round(means / rate), tf.int32)


def _inside(positions: tf.Tensor, size: int | tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(tf.cast(positions, tf.float32), 0.0, tf.cast(size - 1, tf.float32))


def _neighbours(positions: tf.Tensor, size: int | tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Indices `[N, h, w]` of the pixels on either side, and the second's share `[N, h, w, 1]`."""
    positions = _inside(positions, size)
    # The last pixel is the second of its pair, so that a gradient looks into the image.
    # Clipped again as integers: a position that is not a number must not leave the memory.
    first = tf.clip_by_value(tf.cast(tf.floor(positions), tf.int32), 0, tf.maximum(size - 2, 0))
    share = positions - tf.cast(first, tf.float32)
    return first, tf.minimum(first + 1, size - 1), share[..., None]
