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
    if dilation_rate > 1:
        return _dilated(images, kernel, dilation_rate, padding.upper())
    # The data format is said in words, or there is no second gradient in eager mode.
    return tf.nn.convolution(images, kernel, strides, padding.upper(), data_format="NHWC")


def pad(images: tf.Tensor, margins: list | tf.Tensor, padding: str) -> tf.Tensor:
    """Images continued beyond their border by ((top, bottom), (left, right)) pixels.

    `padding` is "symmetric" or "reflect", or else zeros are added.
    """
    mode = padding.upper() if padding in ("symmetric", "reflect") else "CONSTANT"
    return tf.pad(images, tf.concat([[[0, 0]], margins, [[0, 0]]], axis=0), mode=mode)


def _dilated(images: tf.Tensor, kernel: tf.Tensor, rate: int, padding: str) -> tf.Tensor:
    """A dilated convolution by tf.nn.conv2d, with gradients of every order.

    tf.nn.conv2d has none on CPUs; tf.nn.convolution has, but rearranges the images first.
    """

    @tf.custom_gradient
    def convolved(images, kernel):
        def gradient(upstream):
            with tf.GradientTape() as tape:
                tape.watch([images, kernel])
                again = tf.nn.convolution(
                    images, kernel, 1, padding, data_format="NHWC", dilations=rate
                )
            return tape.gradient(again, [images, kernel], upstream)

        return tf.nn.conv2d(images, kernel, 1, padding, dilations=rate), gradient

    return convolved(images, kernel)
