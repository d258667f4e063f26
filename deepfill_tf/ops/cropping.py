"""Cutting a box out of each image."""

import tensorflow as tf


def crop(images: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
    """`[N, H, W, C]` -> `[N, h, w, C]`: the given rows `[N, h]` and columns `[N, w]` of each.

    They say where the box lies as well as, by their shape, how large it is.
    """
    return tf.gather(tf.gather(images, rows, axis=1, batch_dims=1), columns, axis=2, batch_dims=1)
