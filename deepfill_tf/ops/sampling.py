"""Sampling of features at positions between pixels, and the offsets of such positions."""

import tensorflow as tf

from deepfill_tf.ops.shapes import height_and_width


def sample_bilinear(features: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
    """Features `[N, H, W, C]` at `rows` and `columns`, both `[N, h, w]`: `[N, h, w, C]`.

    Positions are float32 in pixels, 0 to H - 1 and 0 to W - 1; those outside read the
    nearest pixel of the border. The sampler of "Spatial Transformer Networks" (Jaderberg et
    al., 2015), with gradients to features and positions (none to positions outside). It
    computes in float32 and returns the dtype of the features.

    Example:
      >>> features = tf.constant([0.0, 4.0])[None, None, :, None]
      >>> rows, columns = tf.zeros([1, 1, 3]), tf.constant([[[0.0, 0.25, 1.0]]])
      >>> sample_bilinear(features, rows, columns)[0, 0, :, 0].numpy().tolist()
      [0.0, 1.0, 4.0]
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
    """Offsets of cells of `rate x rate` pixels, in cells, as `contextual_attention` returns them.

    `rows` and `columns` `[N, h, w]` are the source of each pixel for `sample_bilinear`, in a
    map of the same size. Returns source minus position, the mean over each cell, rounded:
    int32 `[N, h // rate, w // rate, 2]`, row and column.

    Example:
      >>> rows = tf.zeros([1, 2, 4])
      >>> columns = tf.range(4.0) + tf.constant([2.0, 2.0, 0.0, 0.0]) + rows
      >>> cell_offsets(rows, columns, rate=2)[0, 0, :, 1].numpy().tolist()
      [1, 0]
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
    """Indices `[N, h, w]` of both neighbours, and the weight of the second `[N, h, w, 1]`."""
    positions = _inside(positions, size)
    # The last pixel is the second of its pair, so that its gradient is one inside the image.
    # Clipped again as integers: an index from a NaN must not be out of bounds.
    first = tf.clip_by_value(tf.cast(tf.floor(positions), tf.int32), 0, tf.maximum(size - 2, 0))
    share = positions - tf.cast(first, tf.float32)
    return first, tf.minimum(first + 1, size - 1), share[..., None]
