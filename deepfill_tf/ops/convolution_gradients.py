"""Gradients of convolutions on CPUs, dilated ones too."""

import numpy as np
import tensorflow as tf

from deepfill_tf.ops.custom_gradient import custom_gradient
from deepfill_tf.ops.devices import has_avx512, has_dilated_kernel_gradients
from deepfill_tf.ops.shapes import known_size

# From so many channels on, matrix products are faster than oneDNN's gradients by kernels, on
# processors without AVX-512.
LEAST_CHANNELS_OF_PRODUCTS = 32


def dilated_conv2d(
    images: tf.Tensor, kernel: tf.Tensor, dilation_rate: int, padding: str
) -> tf.Tensor:
    """`tf.nn.conv2d` of dilation with gradients of any order: `[N, h', w', D]`.

    TensorFlow's has none on CPUs without oneDNN. `tf.nn.convolution` has, but rearranges the images
    before and after it, and multiplies the zeros of the padding: for a dilation of half the image's
    side these are most factors.

    Args:
      images: `[N, h, w, C]`.
      kernel: `[k, k, C, D]`, of the images' dtype.
      dilation_rate: distance between the kernel's entries.
      padding: "same" or "valid".

    Example:
      >>> tuple(dilated_conv2d(tf.ones([1, 8, 12, 3]), tf.ones([3, 3, 3, 4]), 2, "same").shape)
      (1, 8, 12, 4)
    """

    @custom_gradient
    def convolution(images, kernel):
        outputs = tf.nn.conv2d(images, kernel, 1, padding.upper(), dilations=dilation_rate)
        return outputs, lambda gradient: convolution_gradients(
            images, kernel, gradient, dilation_rate=dilation_rate, padding=padding
        )

    return convolution(images, kernel)


def convolution_gradients(
    images: tf.Tensor,
    kernel: tf.Tensor,
    gradient: tf.Tensor,
    *,
    strides: int = 1,
    dilation_rate: int = 1,
    padding: str,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Gradients by images and kernel of a convolution whose output has the gradient `gradient`.

    Args:
      images: `[N, h, w, C]`.
      kernel: `[k, k, C, D]`.
      gradient: `[N, h', w', D]`, by the convolution's output.
      strides: step of the convolution.
      dilation_rate: distance between the kernel's entries; needs `strides=1` above 1.
      padding: "same" or "valid".

    Returns: `[N, h, w, C]` and `[k, k, C, D]`.

    Example:
      >>> images, kernel = tf.ones([1, 8, 12, 3]), tf.ones([3, 3, 3, 4])
      >>> outputs = tf.nn.conv2d(images, kernel, 1, "SAME")
      >>> by_images, by_kernel = convolution_gradients(images, kernel, outputs, padding="same")
      >>> tuple(by_images.shape), tuple(by_kernel.shape)
      ((1, 8, 12, 3), (3, 3, 3, 4))
    """
    if dilation_rate > 1:
        return _dilated(images, kernel, gradient, dilation_rate, padding)
    options = {"strides": [1, strides, strides, 1], "padding": padding.upper()}
    by_images = tf.raw_ops.Conv2DBackpropInput(
        input_sizes=tf.shape(images), filter=kernel, out_backprop=gradient, **options
    )
    by_images.set_shape(images.shape)
    if strides == 1 and kernel.shape[2] >= LEAST_CHANNELS_OF_PRODUCTS and not has_avx512():
        return by_images, _by_kernel_as_products(images, gradient, kernel.shape, padding)
    by_kernel = tf.raw_ops.Conv2DBackpropFilter(
        input=images, filter_sizes=kernel.shape.as_list(), out_backprop=gradient, **options
    )
    return by_images, by_kernel


def zero_margins(shape: tf.TensorShape, rate: int, padding: str) -> list[list[int]]:
    """Zeros before and after the images along each axis, for stride 1.

    Args:
      shape: of the kernel, `[k, l, ...]`.
      rate: distance between the kernel's entries.
      padding: "same" or "valid".

    Example:
      >>> zero_margins(tf.TensorShape([3, 2, 8, 8]), 4, "same")
      [[4, 4], [2, 2]]
    """
    totals = [rate * (int(size) - 1) if padding == "same" else 0 for size in shape[:2]]
    return [[n // 2, n - n // 2] for n in totals]


def _by_kernel_as_products(
    images: tf.Tensor, gradient: tf.Tensor, shape: tf.TensorShape, padding: str
) -> tf.Tensor:
    """Gradient by the kernel `[k, k, C, D]`, a matrix product for each of its entries.

    Images and gradient are padded to rows of one length, so that what an entry reads is one
    slice of all pixels, from the entry's place in the first image on.
    """
    reach = [int(size) - 1 for size in shape[:2]]
    images = tf.pad(images, [[0, 0], *zero_margins(shape, 1, padding), [0, 0]])
    gradient = tf.pad(gradient, [[0, 0], *([0, n] for n in reach), [0, 0]])
    row = known_size(images, 2)
    images = tf.reshape(images, [-1, shape[2]])
    count = known_size(images, 0) - reach[0] * row - reach[1]
    gradient = tf.reshape(gradient, [-1, shape[3]])[:count]
    starts = [i * row + j for i, j in np.ndindex(*shape[:2])]
    entries = [tf.matmul(images[n : n + count], gradient, transpose_a=True) for n in starts]
    return tf.reshape(tf.stack(entries), shape)


def _dilated(
    images: tf.Tensor, kernel: tf.Tensor, gradient: tf.Tensor, rate: int, padding: str
) -> tuple[tf.Tensor, tf.Tensor]:
    """Gradients of a dilated convolution. That by the images is one with the turned kernel."""
    by_kernel = _dilated_by_kernel(images, gradient, kernel.shape, rate, padding)
    turned = tf.transpose(tf.reverse(kernel, [0, 1]), [0, 1, 3, 2])
    margins = zero_margins(kernel.shape, rate, padding)
    symmetric = padding == "same" and all(before == after for before, after in margins)
    if not symmetric:
        reaches = [rate * (int(size) - 1) for size in kernel.shape[:2]]
        margins = [[n - b, n - a] for n, (b, a) in zip(reaches, margins, strict=True)]
        gradient = tf.pad(gradient, [[0, 0], *margins, [0, 0]])
    by_images = dilated_conv2d(gradient, turned, rate, "same" if symmetric else "valid")
    return by_images, by_kernel


def _dilated_by_kernel(
    images: tf.Tensor, gradient: tf.Tensor, shape: tf.TensorShape, rate: int, padding: str
) -> tf.Tensor:
    """Gradient by the kernel of a dilated convolution.

    It is oneDNN's where that is fast: on processors with AVX-512, if sizes are known and no entry
    of the kernel reads the padding for half of the outputs or more. Else it is a matrix product for
    each entry, over the pixels that it reads inside the image.
    """
    before = [margin for margin, _ in zero_margins(shape, rate, padding)]
    sizes = [(known_size(images, axis), known_size(gradient, axis)) for axis in (1, 2)]
    few_read_padding = all(
        isinstance(size, int) and 2 * margin < size
        for margin, (size, _) in zip(before, sizes, strict=True)
    )
    if few_read_padding and has_avx512() and has_dilated_kernel_gradients(images.dtype):
        return tf.raw_ops.Conv2DBackpropFilter(
            input=images,
            filter_sizes=shape.as_list(),
            out_backprop=gradient,
            strides=[1] * 4,
            padding=padding.upper(),
            dilations=[1, rate, rate, 1],
        )

    def overlap(axis: int, index: int) -> tuple[int | tf.Tensor, ...]:
        """First pixel that an entry reads, the output that it reads it for, and how many."""
        offset = index * rate - before[axis]
        image_size, output_size = sizes[axis]
        start, first = max(offset, 0), max(-offset, 0)
        count = _largest(0, _smallest(image_size - start, output_size - first))
        return start, first, count

    def pixels(values: tf.Tensor, channels: int, top, left, height, width) -> tf.Tensor:
        begin, end = [0, top, left, 0], [0, top + height, left + width, 0]
        whole = 0b1001  # images and channels
        box = tf.strided_slice(values, begin, end, [1] * 4, begin_mask=whole, end_mask=whole)
        return tf.reshape(box, [-1, channels])

    def entry(row: int, column: int) -> tf.Tensor:
        (top, output_top, height), (left, output_left, width) = overlap(0, row), overlap(1, column)
        return tf.matmul(
            pixels(images, shape[2], top, left, height, width),
            pixels(gradient, shape[3], output_top, output_left, height, width),
            transpose_a=True,
        )

    entries: list[tf.Tensor] = []
    for index in np.ndindex(*shape[:2]):
        # One after the other, so that the copies of few are in memory.
        with tf.control_dependencies(entries[-1:]):
            entries.append(entry(*index))
    return tf.reshape(tf.stack(entries), shape)


def _smallest(a: int | tf.Tensor, b: int | tf.Tensor) -> int | tf.Tensor:
    return min(a, b) if isinstance(a, int) and isinstance(b, int) else tf.minimum(a, b)


def _largest(a: int | tf.Tensor, b: int | tf.Tensor) -> int | tf.Tensor:
    return max(a, b) if isinstance(a, int) and isinstance(b, int) else tf.maximum(a, b)
