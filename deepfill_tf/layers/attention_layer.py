"""Interface of the attention layers, which can stand for each other in a network."""

import tensorflow as tf

from deepfill_tf.checks import check_positive_int
from deepfill_tf.compat import keras
from deepfill_tf.ops import Region


class AttentionLayer(keras.layers.Layer):
    """Base class of layers that recompute features of the foreground from the background.

    Every position of the foreground is recomputed, inside and outside the hole.

    Called as `layer(foreground, background=None, masks=None)`, returns (features, offsets):

    - foreground: features `[N, h, w, C]`.
    - background: features `[N, H, W, C]`; None: the foreground.
    - masks: of the background's size, `[N, H, W, 1]` or `[1, H, W, 1]`, 1 in the hole, of
      any dtype; None: there is no hole.
    - features: `[N, h, w, C]`.
    - offsets: int32 `[N, h // rate, w // rate, 2]`, row and column of the position in the
      background that a position's features come from, minus the position itself, in units of
      `rate` pixels; zeros if there is no such position.

    A subclass implements `attend`.

    Args:
      rate: pixels of the features per position of the offsets, in both directions.

    Raises ValueError unless `rate` is a positive integer.
    """

    def __init__(self, rate: int = 2, **kwargs):
        super().__init__(**kwargs)
        self.rate = check_positive_int("rate", rate)

    def call(
        self,
        foreground: tf.Tensor,
        background: tf.Tensor | None = None,
        masks: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        if background is None:
            background = foreground
        # Keras 2 casts the first argument only.
        return self.attend(foreground, tf.cast(background, foreground.dtype), masks)

    def attend(
        self, foreground: tf.Tensor, background: tf.Tensor, masks: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Features and offsets; foreground and background have the same dtype."""
        raise NotImplementedError(f"{type(self).__name__} must implement attend")

    @property
    def supports_regions(self) -> bool:
        """Whether the generator may be computed in regions.

        False (the default) makes every completion compute the whole image. Return True if the
        convolutions around the attention may be computed in regions; then override
        `attend_region` too if a region is cheaper than the whole.
        """
        return False

    def attend_region(
        self, foreground: tf.Tensor, masks: tf.Tensor | None, region: Region
    ) -> tf.Tensor:
        """Returns a region of the features, `[N, n, m, C]`; the background is the foreground."""
        return region.crop(self.call(foreground, masks=masks)[0])

    def get_config(self) -> dict:
        return super().get_config() | {"rate": self.rate}
