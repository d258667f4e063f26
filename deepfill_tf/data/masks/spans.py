"""Convex shapes as spans of pixels in each row, and the masks of such spans.

A row of pixels meets a convex shape in one span: `left` and `right`, both included,
right < left if there is none. The mask of any number of shapes is then one cumulative sum over
the ends of their spans, instead of one pass over all pixels for each shape. Pillow in a
`tf.numpy_function` draws 5.5 times as many masks, 4,900 a second of 256 x 256 on one core, but
neither compiles under XLA nor runs on a TPU's remote hosts.
"""

import numpy as np
import tensorflow as tf


def line_spans(
    start: tuple[tf.Tensor, tf.Tensor],
    end: tuple[tf.Tensor, tf.Tensor],
    width: tf.Tensor,
    height: int,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Spans of straight lines of a given width, as Pillow draws them (without caps).

    A line is a rectangle whose corners are rounded to whole pixels, halves towards zero in x
    and away from it in y.

    Args:
      start, end: x and y in pixels, whole numbers in float64 `[N, K]`.
      width: width of the line in pixels, float64 >= 1, broadcasts to `[N, K]`.
      height: number of rows.

    Returns:
      left and right, float64 `[N, K, height]`.
    """
    along_x, along_y = end[0] - start[0], end[1] - start[1]
    length = tf.maximum(tf.sqrt(along_x**2 + along_y**2), 1)
    # Of an even width one side has a pixel more.
    smaller, larger = (width - 1) // 2 / length, width // 2 / length
    left, right = _half_to_zero(smaller * along_y), _half_to_zero(larger * along_y)
    up, down = _half_from_zero(smaller * along_x), _half_from_zero(larger * along_x)
    corners = (
        (start[0] - left, start[1] + down),
        (end[0] - left, end[1] + down),
        (end[0] + right, end[1] - up),
        (start[0] + right, start[1] - up),
    )
    return _convex_spans(corners, height)


def _half_to_zero(x: tf.Tensor) -> tf.Tensor:
    return tf.sign(x) * tf.math.ceil(tf.abs(x) - 0.5)


def _half_from_zero(x: tf.Tensor) -> tf.Tensor:
    return tf.sign(x) * tf.floor(tf.abs(x) + 0.5)


def _convex_spans(corners, height: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Spans of convex polygons with whole-numbered corners, a sequence of (x, y) `[N, K]`.

    A pixel belongs to the polygon if it is less than half a pixel away from it.
    """
    rows = tf.range(height, dtype=tf.float64)
    lefts, rights = [], []
    for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True):
        x0, y0, x1, y1 = (v[..., None] for v in (x0, y0, x1, y1))
        meets = (rows >= tf.minimum(y0, y1)) & (rows <= tf.maximum(y0, y1))
        level = tf.equal(y0, y1)
        x = x0 + (rows - y0) * (x1 - x0) / tf.where(level, tf.ones_like(y0), y1 - y0)
        lefts.append(tf.where(meets, tf.where(level, tf.minimum(x0, x1), x), np.inf))
        rights.append(tf.where(meets, tf.where(level, tf.maximum(x0, x1), x), -np.inf))
    left = tf.reduce_min(tf.stack(lefts), axis=0)
    right = tf.reduce_max(tf.stack(rights), axis=0)
    return tf.floor(left + 0.5), tf.math.ceil(right - 0.5)


def disc_spans(
    centre: tuple[tf.Tensor, tf.Tensor], radius: tf.Tensor, max_radius: int, height: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Spans of discs, 2 * radius + 1 pixels across, pixel for pixel as Pillow draws them.

    Args:
      centre: x and y in pixels, whole numbers in float64 `[N, K]`.
      radius: radius in pixels, int32 `[N, K]`, in [0, max_radius].
      height: number of rows.

    Returns:
      left and right, float64 `[N, K, height]`.
    """
    rows = tf.range(height, dtype=tf.float64)
    distance = tf.cast(tf.abs(rows - centre[1][..., None]), tf.int32)
    distance = tf.minimum(distance, max_radius + 1)
    table = tf.constant(_half_widths(max_radius).ravel(), tf.float64)
    half = tf.gather(table, radius[..., None] * (max_radius + 2) + distance)
    x = centre[0][..., None]
    return x - half, x + half


def _half_widths(max_radius: int) -> np.ndarray:
    """Pixels on either side of the centre, `[radius, distance of the row]`; -1 for none.

    A pixel at distances m >= n from the centre along the two axes belongs to the disc of
    radius r if m**2 - m + n**2 < r**2, so that the disc ends with the pixel whose edge is
    nearest to the circle along the longer axis. Radius 0 is one pixel.
    """
    x, y = np.meshgrid(np.arange(max_radius + 1), np.arange(max_radius + 2))
    longer, shorter = np.maximum(x, y), np.minimum(x, y)
    least = longer**2 - longer + shorter**2
    radii = np.arange(max_radius + 1)[:, None, None]
    inside = (least < radii**2) | (longer == 0)
    return inside.sum(axis=2) - 1


def fill_spans(left: tf.Tensor, right: tf.Tensor, width: int) -> tf.Tensor:
    """Union of spans, bool `[N, height, width]`.

    Args:
      left, right: whole numbers `[N, K, height]`, any K, both included; clipped to the image.
      width: number of columns.
    """
    first = tf.cast(tf.clip_by_value(left, 0, width), tf.int32)
    beyond = tf.cast(tf.clip_by_value(right + 1, 0, width), tf.int32)
    beyond = tf.maximum(first, beyond)  # an empty span begins where it ends
    examples, _, height = tf.unstack(tf.shape(left))
    rows = tf.range(examples * height) * (width + 1)
    rows = tf.reshape(rows, [examples, 1, height])
    ends = tf.concat([tf.reshape(rows + first, [-1]), tf.reshape(rows + beyond, [-1])], axis=0)
    steps = tf.repeat(tf.constant([1, -1]), tf.size(first))
    changes = tf.math.unsorted_segment_sum(steps, ends, examples * height * (width + 1))
    changes = tf.reshape(changes, [examples, left.shape[2], width + 1])
    return tf.cumsum(changes, axis=2)[:, :, :width] > 0
