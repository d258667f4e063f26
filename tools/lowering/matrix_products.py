"""Convolutions as matrix products, with the results of TensorFlow's functions.

For GPUs where XLA chooses convolution kernels by trying all, which takes minutes for a training
step, or none, which is slow: matrix products are fast without a choice. Sizes must be known.
"""

import contextlib
import itertools
from collections.abc import Iterator
from unittest import mock

import numpy as np
import tensorflow as tf

# Channels are filled up with zeros to a multiple of it, as matrix units want them.
CHANNELS = 8


def convolution(
    images: tf.Tensor,
    kernel: tf.Tensor,
    strides: int | list[int] = 1,
    padding: str = "SAME",
    data_format: str = "NHWC",
    dilations: int | list[int] = 1,
) -> tf.Tensor:
    """`tf.nn.convolution` of `[N, h, w, C]` with `[k, k, C, D]`: `[N, h', w', D]`."""
    if data_format != "NHWC":
        raise ValueError(f"data_format must be 'NHWC', got {data_format!r}")
    size, depth = kernel.shape[0], kernel.shape[3]
    by_depth = [(0, -n % CHANNELS) for n in kernel.shape[2:]]
    kernel = tf.pad(kernel, [(0, 0), (0, 0), *by_depth])
    images = tf.pad(images, [(0, 0), (0, 0), (0, 0), by_depth[0]])
    patches = _patches(images, size, _one(strides), _one(dilations), padding)
    products = tf.matmul(
        tf.reshape(patches, [-1, patches.shape[3]]),
        tf.reshape(kernel, [patches.shape[3], kernel.shape[3]]),
    )
    return tf.reshape(products, [-1, *patches.shape[1:3], kernel.shape[3]])[..., :depth]


def depthwise_convolution(
    images: tf.Tensor, kernel: tf.Tensor, strides: list[int], padding: str
) -> tf.Tensor:
    """`tf.nn.depthwise_conv2d` of `[N, h, w, C]` with odd `[k, l, C, 1]`: `[N, h, w, C]`.

    A sum of shifted images, which XLA makes one loop of.
    """
    height, width = kernel.shape[:2]
    if set(strides) != {1} or padding != "SAME" or height % 2 * width % 2 == 0:
        raise ValueError(
            "only stride 1, padding 'SAME' and odd kernels are supported, got "
            f"{strides}, {padding!r}, {kernel.shape}"
        )
    rows, columns = images.shape[1:3]
    margins = [(height // 2, height // 2), (width // 2, width // 2)]
    padded = tf.pad(images, [(0, 0), *margins, (0, 0)])
    return tf.add_n(
        [
            padded[:, i : i + rows, j : j + columns] * kernel[i, j, :, 0]
            for i, j in itertools.product(range(height), range(width))
        ]
    )


def extract_patches(
    images: tf.Tensor, sizes: list[int], strides: list[int], rates: list[int], padding: str
) -> tf.Tensor:
    """`tf.image.extract_patches` of `[N, h, w, C]`: `[N, h', w', k * k * C]`."""
    return _patches(images, sizes[1], strides[1], rates[1], padding)


def upsample_conv2d(images: tf.Tensor, kernel: tf.Tensor, padding: str = "same") -> tf.Tensor:
    """`ops.upsample_conv2d` of `[N, h, w, C]` with `[3, 3, C, D]`: `[N, 2h, 2w, D]`.

    Each of the four outputs at a pixel is a convolution of the images before the upsampling.
    """
    if padding != "same" or kernel.shape[0] != 3:
        raise ValueError(
            f"there is padding 'same' and a kernel of 3 x 3 alone, got {padding!r}, {kernel.shape}"
        )
    # Output a of a pair reads, by entry i of the kernel, the row (a + i - 1) // 2 from its own.
    reads = np.zeros([2, 3, 3], np.float32)
    for a, i in itertools.product(range(2), range(3)):
        reads[a, i, (a + i - 1) // 2 + 1] = 1
    reads = tf.constant(reads, kernel.dtype)
    channels, depth = kernel.shape[2:]
    kernels = tf.einsum("air,bjs,ijcd->rscabd", reads, reads, kernel)
    outputs = convolution(images, tf.reshape(kernels, [3, 3, channels, 4 * depth]))
    return tf.nn.depth_to_space(outputs, 2)


@contextlib.contextmanager
def in_place_of_convolutions() -> Iterator[None]:
    """Networks that are called within use these functions instead of TensorFlow's."""
    with contextlib.ExitStack() as stack:
        for where, function in (
            ("tensorflow.nn.convolution", convolution),
            ("tensorflow.nn.conv2d", convolution),
            ("tensorflow.nn.depthwise_conv2d", depthwise_convolution),
            ("tensorflow.image.extract_patches", extract_patches),
            ("deepfill_tf.layers.up_conv.upsample_conv2d", upsample_conv2d),
            ("deepfill_tf.layers.gated_conv.runs_on_cpu", lambda: False),
            ("deepfill_tf.ops.convolution.runs_on_cpu", lambda: False),
        ):
            stack.enter_context(mock.patch(where, function))
        yield


def _patches(images: tf.Tensor, size: int, stride: int, rate: int, padding: str) -> tf.Tensor:
    """What an output of a convolution reads: `[N, h', w', k * k * C]`."""
    reach = (size - 1) * rate + 1
    if padding == "SAME":
        counts = [-(-n // stride) for n in images.shape[1:3]]
        missing = [
            max((count - 1) * stride + reach - n, 0)
            for count, n in zip(counts, images.shape[1:3], strict=True)
        ]
        images = tf.pad(images, [(0, 0), *((n // 2, n - n // 2) for n in missing), (0, 0)])
    else:
        counts = [(n - reach) // stride + 1 for n in images.shape[1:3]]
    begins = itertools.product(range(0, reach, rate), repeat=2)
    rows, columns = ((count - 1) * stride + 1 for count in counts)
    return tf.concat(
        [images[:, i : i + rows : stride, j : j + columns : stride] for i, j in begins], axis=-1
    )


def _one(number: int | list[int]) -> int:
    """A stride or rate, the same in both directions, out of what TensorFlow takes for it."""
    listed = [number] if isinstance(number, int) else list(number)
    inner = listed[1:3] if len(listed) == 4 else listed
    if len(set(inner)) != 1:
        raise ValueError(f"strides and dilations must be the same in both directions: {number!r}")
    return int(inner[0])
