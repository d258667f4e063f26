"""Weights of the spatially discounted reconstruction loss (first paper, section 3.4)."""

import numpy as np
import tensorflow as tf

from deepfill_tf.ops.distance import distance_to_known


def box_discount(height: int, width: int, gamma: float) -> np.ndarray:
    """`max(gamma^min(i, h - i), gamma^min(j, w - j))` at row i, column j: `[1, h, w, 1]`.

    As released: the larger of two one-dimensional weights, and not symmetric, because the
    first row is at distance 0 and the last at 1. The paper's own is `hole_discount`.
    """
    rows, columns = (
        gamma ** np.minimum(np.arange(n), n - np.arange(n)).astype(np.float32)
        for n in (height, width)
    )
    return np.maximum(rows[:, None], columns[None, :]).astype(np.float32)[None, :, :, None]


def hole_discount(masks: tf.Tensor, gamma: float) -> tf.Tensor:
    """`gamma^l`, l the distance to the nearest known pixel, for holes of any shape.

    `masks` are `[N, H, W, 1]`, 1 in the hole; the weights, of the same shape, are 1 outside.
    """
    return tf.pow(tf.constant(gamma, tf.float32), distance_to_known(masks))
