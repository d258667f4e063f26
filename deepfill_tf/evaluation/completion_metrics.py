"""Metrics of completed images: those of the first paper, and PSNR inside the hole."""

import tensorflow as tf


def completion_metrics(
    completed: tf.Tensor, images: tf.Tensor, masks: tf.Tensor
) -> dict[str, tf.Tensor]:
    """Returns metrics by name, each a mean over the images, for values scaled to [0, 1].

    `l1` (mean absolute error), `l2` (mean squared error) and `psnr` (decibels) compare whole
    images, as the first paper's table does. `psnr_in_hole` (decibels, at most 100) compares
    the holes. `tv` is the total variation of the completed image divided by H * W * C.

    Args:
      completed, images: `[N, H, W, C]` in [-1, 1].
      masks: `[N, H, W, 1]`, 1 is the hole.
    """
    completed, images = (completed + 1) / 2, (images + 1) / 2
    difference = completed - images
    variation = tf.image.total_variation(completed) / tf.cast(
        tf.reduce_prod(tf.shape(completed)[1:]), tf.float32
    )
    return {
        "l1": tf.reduce_mean(tf.abs(difference)),
        "l2": tf.reduce_mean(tf.square(difference)),
        "psnr": tf.reduce_mean(tf.image.psnr(completed, images, max_val=1.0)),
        "psnr_in_hole": tf.reduce_mean(_psnr_in_hole(difference, masks)),
        "tv": tf.reduce_mean(variation),
    }


def _psnr_in_hole(difference: tf.Tensor, masks: tf.Tensor) -> tf.Tensor:
    """PSNR in the hole of each image, `[N]`, for differences of values in [0, 1]."""
    channels = tf.cast(tf.shape(difference)[-1], tf.float32)
    squares = tf.reduce_sum(tf.square(difference) * masks, axis=[1, 2, 3])
    count = tf.reduce_sum(masks, axis=[1, 2, 3]) * channels
    error = squares / tf.maximum(count, 1)
    return -10 * tf.math.log(tf.maximum(error, 1e-10)) / tf.math.log(10.0)
