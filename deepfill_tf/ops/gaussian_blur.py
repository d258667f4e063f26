"""Gaussian blur of maps."""

import math

import numpy as np
import tensorflow as tf

# Weights end at so many standard deviations.
_DEVIATIONS = 3.0


def gaussian_blur(maps: tf.Tensor, deviation: float) -> tf.Tensor:
    """Blurs `[N, H, W, C]`; the maps are taken to be 0 outside.

    The result at a pixel depends on `gaussian_radius(deviation)` pixels on each side of it.

    Example:
      >>> maps = tf.pad(tf.ones([1, 1, 1, 2]), [[0, 0], [3, 3], [3, 3], [0, 0]])
      >>> blurred = gaussian_blur(maps, deviation=1.0)
      >>> [round(value, 2) for value in blurred[0, 3, :, 0].numpy().tolist()]
      [0.0, 0.02, 0.1, 0.16, 0.1, 0.02, 0.0]
    """
    distances = np.arange(-gaussian_radius(deviation), gaussian_radius(deviation) + 1)
    weights = np.exp(-0.5 * (distances / deviation) ** 2)
    kernel = np.tile((weights / weights.sum())[:, None], [1, maps.shape[-1]]).astype(np.float32)
    for axis in (0, 1):
        along = np.expand_dims(kernel, (1 - axis, 3))
        maps = tf.nn.depthwise_conv2d(maps, along, [1, 1, 1, 1], "SAME")
    return maps


def gaussian_radius(deviation: float) -> int:
    """Pixels, along each axis, on which a pixel of `gaussian_blur` depends on each side.

    Example:
      >>> gaussian_radius(1.0), gaussian_radius(2.5)
      (3, 8)
    """
    return math.ceil(_DEVIATIONS * deviation)
