"""Convolution with the four paddings of the papers' networks."""

import tensorflow as tf

PADDINGS = ("same", "valid", "symmetric", "reflect")


def convolve(
    images: tf.Tensor,
    kernel: tf.Tensor,
    *,
    strides: int = 1,
    dilation_rate: int = 1,
    padding: str = "same",
) -> tf.Tensor:
    """Convolution of `[N, h, w, C]` with `[k, k, C, D]`.

    `padding` is "same" (zeros, the smaller half first, as TensorFlow does),
    "valid" (none), "symmetric" (mirrored, the edge pixel included) or "reflect"
    (mirrored, the edge pixel left out); the last two add `dilation_rate * (k - 1) / 2`
    pixels on all four sides and then convolve without padding, whatever the stride.
    """
    if padding in ("symmetric", "reflect"):
        margins = [[dilation_rate * (int(k) - 1) // 2] * 2 for k in kernel.shape[:2]]
        images = pad(images, margins, padding)
        padding = "valid"
    # tf.nn.conv2d has no gradient on CPUs where dilations exceed 1, and rounds as the image's
    # size makes it; this has one, and does not.
    return tf.nn.convolution(
        images,
        kernel,
        strides=strides,
        padding=padding.upper(),
        data_format="NHWC",  # said in words, or there is no second gradient in eager mode
        dilations=dilation_rate,
    )


def pad(images: tf.Tensor, margins: list | tf.Tensor, padding: str) -> tf.Tensor:
    """Images continued beyond their border by ((top, bottom), (left, right)) pixels.

    `padding` is "symmetric" or "reflect", or else zeros are added.
    """
    mode = padding.upper() if padding in ("symmetric", "reflect") else "CONSTANT"
    return tf.pad(images, tf.concat([[[0, 0]], margins, [[0, 0]]], axis=0), mode=mode)
