"""The simplest completion there is, to be better than."""

import tensorflow as tf

from deepfill_tf.ops import composite


def mean_fill(images: tf.Tensor, masks: tf.Tensor) -> tf.Tensor:
    """Each image's hole filled with the mean colour of its known pixels.

    Takes and gives `[N, H, W, C]`; masks are `[N, H, W, 1]`.
    """
    known = 1 - masks
    total = tf.reduce_sum(images * known, axis=[1, 2], keepdims=True)
    count = tf.reduce_sum(known, axis=[1, 2], keepdims=True)
    return composite(tf.ones_like(images) * total / tf.maximum(count, 1), images, masks)
