"""Compositing of predicted and known pixels, and the mask as an input."""

import tensorflow as tf


def composite(prediction: tf.Tensor, images: tf.Tensor, masks: tf.Tensor) -> tf.Tensor:
    """Puts the prediction into the hole: `prediction * mask + image * (1 - mask)`.

    Args:
      prediction: `[N, H, W, C]`.
      images: `[N, H, W, C]`; the values in the hole do not matter, as long as they are finite.
      masks: `[N, H, W, 1]` or `[1, H, W, 1]`, 0 or 1, 1 in the hole.

    Returns `[N, H, W, C]`.

    Example:
      >>> mask = tf.constant([0.0, 1.0])[None, None, :, None]
      >>> completed = composite(tf.ones([1, 1, 2, 3]), tf.zeros([1, 1, 2, 3]), mask)
      >>> completed[0, 0, :, 0].numpy().tolist()
      [0.0, 1.0]
    """
    return prediction * masks + images * (1 - masks)


def with_mask_channels(images: tf.Tensor, masks: tf.Tensor) -> tf.Tensor:
    """Appends a channel of ones and the mask: `[N, H, W, C]` -> `[N, H, W, C + 2]`.

    `masks` are `[N, H, W, 1]` or `[1, H, W, 1]`. The channel of ones lets a layer that pads
    with zeros see where the image ends.

    Example:
      >>> tuple(with_mask_channels(tf.zeros([2, 8, 8, 3]), tf.ones([1, 8, 8, 1])).shape)
      (2, 8, 8, 5)
    """
    ones = tf.ones_like(images[..., :1])
    return tf.concat([images, ones, ones * masks], axis=-1)
