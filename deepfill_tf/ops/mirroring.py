"""Continuation of images by their mirror image."""

import tensorflow as tf

from deepfill_tf.ops.shapes import height_and_width


def mirror_pad(images: tf.Tensor, height: int | tf.Tensor, width: int | tf.Tensor) -> tf.Tensor:
    """Continues images by their mirror image, repeatedly, at the bottom and the right.

    `images` are `[N, h, w, C]`. Returns `[N, height, width, C]`.

    Example:
      >>> row = tf.constant([1, 2, 3])[None, None, :, None]
      >>> mirror_pad(row, 1, 8)[0, 0, :, 0].numpy().tolist()
      [1, 2, 3, 3, 2, 1, 1, 2]
    """
    sizes = height_and_width(images)
    for axis, size, wanted in ((1, sizes[0], height), (2, sizes[1], width)):
        position = tf.range(wanted) % (2 * size)
        images = tf.gather(images, tf.minimum(position, 2 * size - 1 - position), axis=axis)
    return images
