"""Nothing borrowed: what attention is compared with."""

import tensorflow as tf

from deepfill_tf.compat import keras
from deepfill_tf.ops import Region, height_and_width


@keras.utils.register_keras_serializable(package="deepfill_tf")
class NoAttention(keras.layers.Layer):
    """Gives the foreground back; stands where `ContextualAttention` would.

    Called as `layer(foreground, background, masks)`, of which only the foreground
    `[N, h, w, C]` counts; gives it and int32 zeros `[N, h // rate, w // rate, 2]`.
    """

    def __init__(self, rate: int = 2, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(rate, int) or rate < 1:
            raise ValueError(f"rate must be a positive integer, got {rate!r}")
        self.rate = rate

    def call(
        self,
        foreground: tf.Tensor,
        background: tf.Tensor | None = None,
        masks: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        height, width = height_and_width(foreground)
        shape = [tf.shape(foreground)[0], height // self.rate, width // self.rate, 2]
        return tf.identity(foreground), tf.zeros(shape, tf.int32)

    @property
    def supports_regions(self) -> bool:
        return True

    def call_on_region(
        self, foreground: tf.Tensor, masks: tf.Tensor | None, region: Region
    ) -> tf.Tensor:
        """A part of the features."""
        del masks
        return region.cut(foreground)

    def get_config(self):
        return super().get_config() | {"rate": self.rate}
