"""Weights of the spatially discounted reconstruction loss (first paper, section 3.4)."""

import numpy as np
import tensorflow as tf

from deepfill_tf.ops.distance import distance_to_known


def box_discount(height: int, width: int, gamma: float) -> np.ndarray:
    """Weights of a box as released: `max(gamma^min(i, h - i), gamma^min(j, w - j))`.

    At row i and column j, float32 `[1, h, w, 1]`: the larger of two one-dimensional weights,
    and not symmetric, because the first row is at distance 0 and the last at 1. The paper's
    formula is `hole_discount`.

    Example:
      >>> box_discount(4, 4, gamma=0.5)[0, 2, :, 0].tolist()
      [1.0, 0.5, 0.25, 0.5]
    """
    rows, columns = (
        gamma ** np.minimum(np.arange(n), n - np.arange(n)).astype(np.float32)
        for n in (height, width)
    )
    return np.maximum(rows[:, None], columns[None, :]).astype(np.float32)[None, :, :, None]


def hole_discount(masks: tf.Tensor, gamma: float) -> tf.Tensor:
    """Weights `gamma^l`, l the distance to the nearest known pixel, for holes of any shape.

    `masks` are `[N, H, W, 1]`, 1 in the hole; the weights, float32 of the same shape, are 1
    outside.

    Example:
      >>> masks = tf.constant([0.0, 1.0, 1.0, 1.0, 0.0])[None, None, :, None]
      >>> hole_discount(masks, gamma=0.5)[0, 0, :, 0].numpy().tolist()
      [1.0, 0.5, 0.25, 0.5, 1.0]
    """
    return tf.pow(tf.constant(gamma, tf.float32), distance_to_known(masks))
