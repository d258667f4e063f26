"""Crops of images, another box for each."""

import tensorflow as tf


def crop(images: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
    """Crops the given rows and columns of each image.

    Args:
      images: `[N, H, W, C]`.
      rows: row numbers of each image's box, int32 `[N, h]`.
      columns: column numbers of each image's box, int32 `[N, w]`.

    Returns `[N, h, w, C]`.

    Example:
      >>> rows, columns = tf.constant([[2, 3, 4]]), tf.constant([[0, 1]])
      >>> tuple(crop(tf.zeros([1, 8, 8, 3]), rows, columns).shape)
      (1, 3, 2, 3)
    """
    return tf.gather(tf.gather(images, rows, axis=1, batch_dims=1), columns, axis=2, batch_dims=1)
