"""Attention offsets as colours: the wheel of optical flow (Baker et al., 2007)."""

import math

import numpy as np
import tensorflow as tf

# Length of each ramp: red to yellow, green, cyan, blue, magenta and back to red.
_RAMPS = (15, 6, 4, 11, 13, 6)
_WHEEL_SIZE = sum(_RAMPS)


def color_wheel() -> np.ndarray:
    """The 55 colours of the wheel, RGB, 0 to 255: float32 `[55, 3]`.

    Example:
      >>> color_wheel()[0].tolist()
      [255.0, 0.0, 0.0]
    """
    entries = []
    for ramp, length in enumerate(_RAMPS):
        steady, moving = (ramp // 2 + ramp % 2) % 3, (1 - ramp) % 3
        rising = np.floor(255 * np.arange(length) / length)
        colors = np.zeros([length, 3], np.float32)
        colors[:, steady] = 255
        colors[:, moving] = rising if ramp % 2 == 0 else 255 - rising
        entries.append(colors)
    return np.concatenate(entries)


def offsets_to_color(offsets: tf.Tensor) -> tf.Tensor:
    """Offsets `[N, h, w, 2]` (row, column) as RGB in [-1, 1], float32 `[N, h, w, 3]`.

    Hue is the direction; an offset of zero is white, and the longest offset has full
    colour. As released, "longest" means among this example and all before it in
    the batch.

    Example:
      >>> tuple(offsets_to_color(tf.ones([2, 4, 6, 2], tf.int32)).shape)
      (2, 4, 6, 3)
    """
    offsets = tf.cast(offsets, tf.float32)
    longest = tf.reduce_max(tf.norm(offsets, axis=-1), axis=[1, 2])
    count = tf.shape(longest)[0]
    earlier = tf.linalg.band_part(tf.ones([count, count]), -1, 0)
    longest_so_far = tf.reduce_max(earlier * longest[None], axis=1)
    scaled = offsets / (longest_so_far[:, None, None, None] + np.finfo(np.float64).eps)
    row, column = scaled[..., 0], scaled[..., 1]
    radius = tf.norm(scaled, axis=-1)[..., None]

    position = (tf.atan2(-column, -row) / math.pi + 1) / 2 * (_WHEEL_SIZE - 1)
    lower = tf.floor(position)
    share = (position - lower)[..., None]
    lower = tf.cast(lower, tf.int32)
    wheel = tf.constant(color_wheel() / 255)
    hue = tf.gather(wheel, lower % _WHEEL_SIZE) * (1 - share)
    hue += tf.gather(wheel, (lower + 1) % _WHEEL_SIZE) * share
    color = tf.where(radius <= 1, 1 - radius * (1 - hue), 0.75 * hue)
    return tf.floor(255 * color) / 127.5 - 1
