"""Blends what was completed at half the size into the inside of holes: whole, or in regions.

The weights, of what is blended in, are those of `ops.inside_weights`. What was completed at half
the size may be larger than they are, by its padding.
"""

import tensorflow as tf

from deepfill_tf.networks.region_stack import LazyFeatures, write_features
from deepfill_tf.ops import Region, composite, height_and_width, upsample_bilinear_2x

# Times that an image is halved: a hole of four times the width of those in training becomes as wide
# as they were.
HALVINGS = 2


def blend_inside(
    completed: tf.Tensor, half_completed: tf.Tensor, weights: tf.Tensor, masks: tf.Tensor
) -> tf.Tensor:
    """Returns float32 `[N, H, W, C]`: `completed`, blended with `half_completed` in the holes.

    Args:
      completed: float32 `[N, H, W, C]`.
      half_completed: `[N, h, w, C]`, h >= H / 2, w >= W / 2.
      weights: float32 `[N or 1, H / 2, W / 2, 1]`.
      masks: `[N or 1, H, W, 1]`, 0 or 1, 1 in the hole.
    """
    enlarged = upsample_bilinear_2x(_with_weights(half_completed, weights))
    return _blended(completed, enlarged, tf.cast(masks, tf.float32))


def write_inside(
    completed: tf.Tensor,
    where: Region | tf.Tensor,
    half_completed: tf.Tensor,
    weights: tf.Tensor,
    masks: tf.Tensor,
) -> tf.Tensor:
    """Returns `completed` with `blend_inside` written into a region, or into regions.

    Args:
      completed: `[N, H, W, C]`; the result has its type.
      where: a region, or regions `[K, 4]`, see `write_features`.
      half_completed, weights, masks: as for `blend_inside`.
    """
    half_with_weights = _with_weights(half_completed, weights)
    border = Region.whole(height_and_width(half_with_weights))

    def at(region: Region) -> tf.Tensor:
        seen = region.halved().grown(1).intersection(border)
        enlarged = upsample_bilinear_2x(seen.crop(half_with_weights))
        enlarged = region.crop(enlarged, origin=seen.doubled())
        full, holes = (tf.cast(region.crop(x), tf.float32) for x in (completed, masks))
        return tf.cast(_blended(full, enlarged, holes), completed.dtype)

    return write_features(completed, where, LazyFeatures(at, height_and_width(completed)))


def _with_weights(half_completed: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """What was completed at half the size, without its padding, and weights as last channel."""
    height, width = height_and_width(weights)
    half_completed = tf.cast(half_completed[:, :height, :width], tf.float32)
    weights += tf.zeros_like(half_completed[..., :1])
    return tf.concat([half_completed, weights], axis=-1)


def _blended(completed: tf.Tensor, enlarged: tf.Tensor, masks: tf.Tensor) -> tf.Tensor:
    return composite(enlarged[..., :-1], completed, enlarged[..., -1:] * masks)
