"""Convolution with the four paddings of the papers' networks."""

import tensorflow as tf

from deepfill_tf.ops.convolution_gradients import dilated_conv2d, zero_margins
from deepfill_tf.ops.devices import has_avx512, runs_on_cpu

PADDINGS = ("same", "valid", "symmetric", "reflect")


def convolve(
    images: tf.Tensor,
    kernel: tf.Tensor,
    *,
    strides: int = 1,
    dilation_rate: int = 1,
    padding: str = "same",
    skip_padding: bool = False,
) -> tf.Tensor:
    """Convolution of `[N, h, w, C]` with `[k, k, C, D]`: `[N, h', w', D]`.

    Args:
      images: `[N, h, w, C]`.
      kernel: `[k, k, C, D]`, of the images' dtype.
      strides: step, the same in both directions.
      dilation_rate: distance between the kernel's entries.
      padding: "same" (zeros, the smaller half first, as in TensorFlow), "valid" (none),
        "symmetric" (mirrored, including the edge pixel) or "reflect" (mirrored, without the
        edge pixel); the last two add `dilation_rate * (k - 1) / 2` pixels on all four sides
        and then convolve without padding, whatever the stride.
      skip_padding: leave out products with the padding's zeros in dilated convolutions on CPUs.
        That is faster, but its rounding depends on the image's size.

    Example:
      >>> images, kernel = tf.ones([1, 8, 12, 3]), tf.ones([3, 3, 3, 4])
      >>> tuple(convolve(images, kernel, strides=2, padding="reflect").shape)
      (1, 4, 6, 4)
    """
    images, padding = pad_mirrored(images, kernel, dilation_rate, padding)
    is_dilated = dilation_rate > 1 and strides == 1
    # Without AVX-512, oneDNN's dilated convolutions of large maps are slow.
    if is_dilated and runs_on_cpu() and (skip_padding or has_avx512()):
        if padding == "same" and not skip_padding:
            # So that rounding does not depend on the image's size.
            images = pad(images, zero_margins(kernel.shape, dilation_rate, "same"), "zeros")
            padding = "valid"
        return dilated_conv2d(images, kernel, dilation_rate, padding)
    return tf.nn.convolution(
        images,
        kernel,
        strides=strides,
        padding=padding.upper(),
        data_format="NHWC",  # left out, there is no second gradient in eager mode
        dilations=dilation_rate,
    )


def pad_mirrored(
    images: tf.Tensor, kernel: tf.Tensor, dilation_rate: int, padding: str
) -> tuple[tf.Tensor, str]:
    """Pads the images if `padding` is "symmetric" or "reflect".

    Returns them, and the padding with which TensorFlow convolves them: "same" or "valid".

    Example:
      >>> images, kernel = tf.ones([1, 8, 12, 3]), tf.ones([3, 3, 3, 4])
      >>> images, padding = pad_mirrored(images, kernel, 2, "reflect")
      >>> tuple(images.shape), padding
      ((1, 12, 16, 3), 'valid')
    """
    if padding not in ("symmetric", "reflect"):
        return images, padding
    margins = [[dilation_rate * (int(k) - 1) // 2] * 2 for k in kernel.shape[:2]]
    return pad(images, margins, padding), "valid"


def pad(images: tf.Tensor, margins: list | tf.Tensor, padding: str) -> tf.Tensor:
    """Pads `[N, h, w, C]` by margins of ((top, bottom), (left, right)) pixels.

    `padding` is "symmetric" or "reflect"; any other adds zeros.

    Example:
      >>> tuple(pad(tf.ones([1, 8, 12, 3]), [[1, 1], [2, 0]], "reflect").shape)
      (1, 10, 14, 3)
    """
    mode = padding.upper() if padding in ("symmetric", "reflect") else "CONSTANT"
    return tf.pad(images, tf.concat([[[0, 0]], margins, [[0, 0]]], axis=0), mode=mode)
