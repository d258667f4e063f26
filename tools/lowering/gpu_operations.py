"""How networks are traced for GPUs, also where there is none."""

import contextlib
import itertools
from collections.abc import Iterator
from unittest import mock

import tensorflow as tf


def depthwise_convolution(
    images: tf.Tensor, kernel: tf.Tensor, strides: list[int], padding: str
) -> tf.Tensor:
    """`tf.nn.depthwise_conv2d` of `[N, h, w, C]` with odd `[k, l, C, 1]`: `[N, h, w, C]`.

    A sum of shifted images, which XLA makes one loop of, and not a convolution of many groups.
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


@contextlib.contextmanager
def gpu_operations() -> Iterator[None]:
    """Networks that are called inside take the operations for GPUs."""
    with contextlib.ExitStack() as stack:
        for where, function in (
            ("tensorflow.nn.depthwise_conv2d", depthwise_convolution),
            ("deepfill_tf.layers.gated_conv.runs_on_cpu", lambda: False),
            ("deepfill_tf.ops.convolution.runs_on_cpu", lambda: False),
            ("deepfill_tf.ops.fast_attention.runs_on_cpu", lambda: False),
        ):
            stack.enter_context(mock.patch(where, function))
        yield
