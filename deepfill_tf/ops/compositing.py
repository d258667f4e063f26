"""What goes into the hole, and what stays."""

import tensorflow as tf


def composite(prediction: tf.Tensor, images: tf.Tensor, masks: tf.Tensor) -> tf.Tensor:
    """`prediction * mask + image * (1 - mask)`.

    `prediction` and `images` are `[N, H, W, C]`; `masks` are `[N, H, W, 1]` or
    `[1, H, W, 1]`, 0 or 1, where 1 is the hole. What `images` hold under the hole
    does not matter, as long as it is finite.
    """
    return prediction * masks + images * (1 - masks)


def with_mask_channels(images: tf.Tensor, masks: tf.Tensor) -> tf.Tensor:
    """Images with a channel of ones and the mask behind them: `[N, H, W, C + 2]`.

    The channel of ones lets a layer that pads with zeros see where the image ends.
    """
    ones = tf.ones_like(images[..., :1])
    return tf.concat([images, ones, ones * masks], axis=-1)
