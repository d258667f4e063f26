"""Nearest-neighbour upsampling and a convolution, as one transposed convolution."""

import tensorflow as tf

from deepfill_tf.ops.custom_gradient import custom_gradient
from deepfill_tf.ops.shapes import height_and_width


def upsample_conv2d(images: tf.Tensor, kernel: tf.Tensor, padding: str = "same") -> tf.Tensor:
    """Convolution of the images upsampled by 2, nearest neighbour.

    Two neighbours of the upsampled images are equal, so that a kernel of k + 1, the sum of
    `kernel` over boxes of 2 x 2, reads them once.

    Args:
      images: `[N, h, w, C]`.
      kernel: `[k, k, C, D]`, k odd.
      padding: zeros around the upsampled images: "same" returns `[N, 2h, 2w, D]`, "full" all
        outputs that depend on the images, `[N, 2h + k - 1, 2w + k - 1, D]`.

    Example:
      >>> tuple(upsample_conv2d(tf.ones([1, 8, 12, 3]), tf.ones([3, 3, 3, 4])).shape)
      (1, 16, 24, 4)
    """
    height, width = height_and_width(images)
    size, channels = kernel.shape[0], kernel.shape[3]
    more = 0 if padding == "same" else size - 1
    return tf.nn.conv2d_transpose(
        images,
        tf.transpose(_box_sum(kernel), [0, 1, 3, 2]),
        [tf.shape(images)[0], 2 * height + more, 2 * width + more, channels],
        strides=2,
        padding="SAME" if padding == "same" else "VALID",
    )


def _box_sum(kernel: tf.Tensor) -> tf.Tensor:
    """Kernel `[k, k, C, D]` turned by half a turn, summed over 2 x 2: `[k + 1, k + 1, C, D]`."""

    @custom_gradient
    def summed(kernel):
        padded = tf.pad(tf.reverse(kernel, [0, 1]), [[1, 1], [1, 1], [0, 0], [0, 0]])
        return sum_boxes(padded), lambda gradient: tf.reverse(sum_boxes(gradient), [0, 1])

    def sum_boxes(values):
        rows = values[:-1] + values[1:]
        return rows[:, :-1] + rows[:, 1:]

    return summed(kernel)
