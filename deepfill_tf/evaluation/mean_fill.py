"""Baseline: fill each hole with one colour."""

import tensorflow as tf

from deepfill_tf.ops import composite


def mean_fill(images: tf.Tensor, masks: tf.Tensor) -> tf.Tensor:
    """Returns `images` with each hole filled with the mean colour of the known pixels.

    Args:
      images: `[N, H, W, C]`, in any range.
      masks: `[N, H, W, 1]`, 1 is the hole. Where nothing is known, the hole becomes 0.
    """
    known = 1 - masks
    total = tf.reduce_sum(images * known, axis=[1, 2], keepdims=True)
    count = tf.reduce_sum(known, axis=[1, 2], keepdims=True)
    return composite(tf.ones_like(images) * total / tf.maximum(count, 1), images, masks)
