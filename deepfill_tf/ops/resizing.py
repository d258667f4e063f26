"""Resizing with aligned corners, as TensorFlow 1 did with `align_corners=True`, and by 2.

With aligned corners position i of the output reads position i * scale of the input, where
scale = (in - 1) / (out - 1), or in / out where out is 1, in float32. Halving is
therefore not "every second pixel". The results equal those of the raw kernels
(`tf.raw_ops.ResizeNearestNeighbor` and `ResizeBilinear`), but unlike those they
have gradients of every order that compile under XLA.
"""

import numpy as np
import tensorflow as tf

from deepfill_tf.ops.shapes import height_and_width


def aligned_positions(
    size_in: int | tf.Tensor, size_out: int | tf.Tensor
) -> np.ndarray | tf.Tensor:
    """Real-valued input position of each output position: float32 `[size_out]`.

    Of integers it is a NumPy array, which costs a program that is traced no operation.
    """
    if isinstance(size_in, int) and isinstance(size_out, int):
        whole = np.float32(size_in) / np.float32(size_out)
        scale = np.float32(size_in - 1) / np.float32(size_out - 1) if size_out > 1 else whole
        return np.arange(size_out, dtype=np.float32) * scale
    size_in, size_out = tf.convert_to_tensor(size_in), tf.convert_to_tensor(size_out)
    inner_in, inner_out = tf.cast(size_in - 1, tf.float32), tf.cast(size_out - 1, tf.float32)
    whole = tf.cast(size_in, tf.float32) / tf.cast(size_out, tf.float32)
    scale = tf.where(size_out > 1, inner_in / tf.maximum(inner_out, 1.0), whole)
    return tf.cast(tf.range(size_out), tf.float32) * scale


def resize_nearest(images: tf.Tensor, height: int | tf.Tensor, width: int | tf.Tensor) -> tf.Tensor:
    """Nearest neighbour with aligned corners: `[N, h, w, C]` -> `[N, height, width, C]`.

    Example:
      >>> row = tf.range(5.0)[None, None, :, None]
      >>> resize_nearest(row, 1, 3)[0, 0, :, 0].numpy().tolist()
      [0.0, 2.0, 4.0]
    """
    size = height_and_width(images)
    for axis, size_in, size_out in ((1, size[0], height), (2, size[1], width)):
        images = tf.gather(images, _nearest_positions(size_in, size_out), axis=axis)
    return images


def resize_bilinear(
    images: tf.Tensor, height: int | tf.Tensor, width: int | tf.Tensor
) -> tf.Tensor:
    """Bilinear with aligned corners: `[N, h, w, C]` -> `[N, height, width, C]`.

    Example:
      >>> row = tf.constant([0.0, 4.0])[None, None, :, None]
      >>> resize_bilinear(row, 1, 5)[0, 0, :, 0].numpy().tolist()
      [0.0, 1.0, 2.0, 3.0, 4.0]
    """
    height_in, width_in = height_and_width(images)
    rows = _bilinear_matrix(height_in, height, images.dtype)
    columns = _bilinear_matrix(width_in, width, images.dtype)
    return tf.einsum("Hh,nhwc,Ww->nHWc", rows, images, columns)


def upsample_nearest_2x(images: tf.Tensor) -> tf.Tensor:
    """Every pixel repeated twice in both directions: `[N, h, w, C]` -> `[N, 2h, 2w, C]`.

    Example:
      >>> tuple(upsample_nearest_2x(tf.zeros([1, 8, 12, 3])).shape)
      (1, 16, 24, 3)
    """
    height, width = height_and_width(images)
    channels = images.shape[3]
    wide = tf.concat([images, images], axis=3)
    wide = tf.reshape(wide, [-1, height, 2 * width, channels])
    return tf.reshape(tf.concat([wide, wide], axis=2), [-1, 2 * height, 2 * width, channels])


def upsample_bilinear_2x(maps: tf.Tensor) -> tf.Tensor:
    """Bilinear, without aligned corners: `[N, h, w, C]` -> `[N, 2h, 2w, C]`.

    Position i of the output reads position i / 2 - 1 / 4 of the input, since a mean of four pixels
    lies in their middle. Beyond the border its pixels are repeated.

    Example:
      >>> row = tf.constant([0.0, 4.0])[None, None, :, None]
      >>> upsample_bilinear_2x(row)[0, 0, :, 0].numpy().tolist()
      [0.0, 1.0, 3.0, 4.0]
    """
    height, width = height_and_width(maps)
    channels = maps.shape[-1]
    # Concatenated, because OpenCV does not run the padding that ONNX files would have.
    above = tf.concat([maps[:, :1], maps[:, :-1]], axis=1)
    below = tf.concat([maps[:, 1:], maps[:, -1:]], axis=1)
    rows = [0.25 * other + 0.75 * maps for other in (above, below)]
    maps = tf.reshape(tf.concat(rows, axis=2), [-1, 2 * height, width, channels])
    left = tf.concat([maps[:, :, :1], maps[:, :, :-1]], axis=2)
    right = tf.concat([maps[:, :, 1:], maps[:, :, -1:]], axis=2)
    columns = [0.25 * other + 0.75 * maps for other in (left, right)]
    return tf.reshape(tf.concat(columns, axis=3), [-1, 2 * height, 2 * width, channels])


def _nearest_positions(
    size_in: int | tf.Tensor, size_out: int | tf.Tensor
) -> np.ndarray | tf.Tensor:
    """Input position of each output position, rounded: int32 `[size_out]`.

    Halves round up. The difference is exact, but 0.49999997 + 0.5 is 1 in float32; float64 is
    what onnxruntime lacks in browsers.
    """
    positions = aligned_positions(size_in, size_out)
    if isinstance(positions, np.ndarray):
        lower = np.floor(positions)
        rounded = lower.astype(np.int32) + (positions - lower >= 0.5)
        return np.minimum(rounded, size_in - 1)
    lower = tf.floor(positions)
    rounded = tf.cast(lower, tf.int32) + tf.cast(positions - lower >= 0.5, tf.int32)
    return tf.minimum(rounded, size_in - 1)


def _bilinear_matrix(size_in, size_out, dtype) -> tf.Tensor:
    """Weights `[size_out, size_in]` of linear interpolation along one axis."""
    positions = aligned_positions(size_in, size_out)
    lower = tf.minimum(tf.cast(tf.floor(positions), tf.int32), size_in - 1)
    upper = tf.minimum(lower + 1, size_in - 1)
    share = (positions - tf.cast(lower, tf.float32))[:, None]
    matrix = tf.one_hot(lower, size_in) * (1 - share) + tf.one_hot(upper, size_in) * share
    return tf.cast(matrix, dtype)
