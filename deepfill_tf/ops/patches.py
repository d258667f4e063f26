"""Patches of feature maps, numbered row by row."""

import tensorflow as tf


def extract_patches(images: tf.Tensor, size: int, stride: int) -> tf.Tensor:
    """Square patches, zeros beyond the border (SAME padding).

    Takes `[N, h, w, C]` and returns `[N, ceil(h / stride), ceil(w / stride), size * size * C]`,
    each patch flattened row by row, channels last.

    Example:
      >>> tuple(extract_patches(tf.zeros([1, 8, 12, 4]), size=3, stride=2).shape)
      (1, 4, 6, 36)
    """
    return tf.image.extract_patches(
        images,
        sizes=[1, size, size, 1],
        strides=[1, stride, stride, 1],
        rates=[1, 1, 1, 1],
        padding="SAME",
    )
