"""The inside of large holes, completed at half the image's size.

A network that was trained on small images knows structures of some sizes, and deep inside a large
hole it sees no known pixel within its receptive field. At half the size the same hole is half as
wide. Its completion, enlarged, replaces the full size's with the distance from the hole's border,
as the levels of Yi et al., "Contextual Residual Aggregation for Ultra High-Resolution Image
Inpainting", CVPR 2020, and of Zeng et al., "High-Resolution Image Inpainting with Iterative
Confidence Feedback and Guided Upsampling", ECCV 2020.
"""

import statistics

import tensorflow as tf

from deepfill_tf.ops.gaussian_blur import gaussian_blur

# Shares of a Gaussian's weights in the hole at which the half size's completion begins to replace
# the full size's, and has replaced it. From a straight border these are 0.39 and 2.05 standard
# deviations away.
_BEGIN, _END = 0.65, 0.98


def half_size(images: tf.Tensor, masks: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Images and masks at half the size.

    A pixel is the mean of those of four pixels that are known. It is in the hole if fewer than two
    of them are, and 0 there.

    Args:
      images: float32 `[N, H, W, C]`, H and W even; the values in the hole do not matter, as long as
        they are finite.
      masks: float32 `[N, H, W, 1]` or `[1, H, W, 1]`, 0 or 1, 1 in the hole.

    Returns float32 `[N, H / 2, W / 2, C]` and `[N or 1, H / 2, W / 2, 1]`.

    Example:
      >>> images = tf.constant([[1.0, 3.0], [5.0, 7.0]])[None, ..., None]
      >>> masks = tf.constant([[0.0, 1.0], [0.0, 0.0]])[None, ..., None]
      >>> small, small_masks = half_size(images, masks)
      >>> float(small[0, 0, 0, 0]), float(small_masks[0, 0, 0, 0])
      (4.333333492279053, 0.0)
    """
    known = 1 - masks
    means, shares = _means_of_four(images * known), _means_of_four(known)
    # Shares are multiples of a quarter: rounded ones, in int8, compare as these do.
    small_masks = tf.cast(shares < 0.4, tf.float32)
    return means / tf.maximum(shares, 0.25) * (1 - small_masks), small_masks


def half_size_sketches(sketches: tf.Tensor) -> tf.Tensor:
    """Sketches `[N, H, W, 1]` at half the size: 1 where one of four pixels is.

    Example:
      >>> line = tf.constant([0.0, 0.0, 0.0, 1.0, 0.0, 0.0])[:, None] * tf.ones([1, 2, 6, 1])
      >>> half_size_sketches(line)[0, 0, :, 0].numpy().tolist()
      [0.0, 1.0, 0.0]
    """
    return tf.nn.max_pool2d(sketches, 2, 2, "VALID")


def inside_weights(small_masks: tf.Tensor, deviation: float) -> tf.Tensor:
    """Weights of the half size's completion: 0 outside the hole and near its border, 1 far inside.

    They depend on the share of the hole in a Gaussian neighbourhood, so that those of narrow holes
    are 0. Beyond the image's border nothing counts.

    Args:
      small_masks: float32 `[N, h, w, 1]`, 0 or 1, at half the size.
      deviation: standard deviation of the Gaussian, in pixels of the image's own size.

    Returns float32 `[N, h, w, 1]`.

    Example:
      >>> masks = tf.pad(tf.ones([1, 8, 8, 1]), [[0, 0], [8, 0], [0, 0], [0, 0]])
      >>> weights = inside_weights(masks, deviation=4.0)
      >>> [round(value, 2) for value in weights[0, 7:12, 0, 0].numpy().tolist()]
      [0.0, 0.0, 0.38, 0.75, 0.94]
    """
    inside_image = gaussian_blur(tf.ones_like(small_masks), deviation / 2)
    shares = gaussian_blur(small_masks, deviation / 2) / inside_image
    return tf.clip_by_value((shares - _BEGIN) / (_END - _BEGIN), 0, 1) * small_masks


def least_side_with_inside(deviation: float) -> int:
    """The least number of pixels across a hole of which some `inside_weights` may be above 0.

    It is that of a hole along the image's border; elsewhere it takes twice as many.

    Example:
      >>> least_side_with_inside(20.0)
      19
    """
    return int(deviation * statistics.NormalDist().inv_cdf((1 + _BEGIN) / 2)) + 1


def _means_of_four(maps: tf.Tensor) -> tf.Tensor:
    return tf.nn.avg_pool2d(maps, 2, 2, "VALID")
