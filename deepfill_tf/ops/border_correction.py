"""Correction of a prediction in the hole by its errors at known pixels.

A network predicts known pixels too, and errs there much as it does nearby in the hole, above all in
colour. At known pixels its error can be seen. It is carried into the hole by normalised convolution
(Knutsson and Westin, "Normalized and Differential Convolution", CVPR 1993): a mean over the known
pixels around, with Gaussian weights.
"""

from collections.abc import Sequence

import tensorflow as tf

from deepfill_tf.ops.gaussian_blur import gaussian_blur, gaussian_radius

# Added to the sums of weights, which are at most 1: the correction fades out where they are small,
# before the weights end.
_EPSILON = 1e-2


def correct_borders(
    predictions: tf.Tensor, images: tf.Tensor, masks: tf.Tensor, deviations: Sequence[float]
) -> tf.Tensor:
    """Adds the mean error at nearby known pixels to a prediction in the hole.

    Each further mean is of the errors that the means before it left. Wide Gaussians correct the
    colour of a part of the hole, narrow ones the step at its border. The correction ends
    `correction_radius` pixels from the border.

    Args:
      predictions: float32 `[N, H, W, C]` in [-1, 1], of all pixels.
      images: as `predictions`; the values in the hole do not matter, as long as they are finite.
      masks: `[N, H, W, 1]` or `[1, H, W, 1]`, 0 or 1, 1 in the hole.
      deviations: standard deviations of the Gaussian weights, in pixels, > 0.

    Returns float32 `[N, H, W, C]`, clipped to [-1, 1]; where the mask is 0, `predictions`.

    Example:
      >>> masks = tf.ones([1, 9, 1, 1]) * tf.constant([0.0, 1.0, 1.0, 0.0])[:, None]
      >>> images, predictions = tf.fill([1, 9, 4, 3], 0.5), tf.fill([1, 9, 4, 3], 0.25)
      >>> corrected = correct_borders(predictions, images, masks, [2.0])
      >>> [round(value, 2) for value in corrected[0, 4, :, 0].numpy().tolist()]
      [0.25, 0.49, 0.49, 0.25]
    """
    known = (1 - masks) * tf.ones_like(images[..., :1])
    errors = (images - predictions) * known
    correction = tf.zeros_like(predictions)
    for deviation in deviations:
        sums = gaussian_blur(tf.concat([errors, known], axis=-1), deviation)
        means = sums[..., :-1] / (sums[..., -1:] + _EPSILON)
        correction += means
        errors -= means * known
    return tf.clip_by_value(predictions + correction * masks, -1, 1)


def correction_radius(deviations: Sequence[float]) -> int:
    """Pixels, along each axis, within which a result of `correct_borders` depends on others.

    Example:
      >>> correction_radius([8.0, 3.0])
      33
    """
    return sum(map(gaussian_radius, deviations))
