"""Identity in place of an attention, for ablations."""

import tensorflow as tf

from deepfill_tf.compat import keras
from deepfill_tf.layers.attention_layer import AttentionLayer
from deepfill_tf.ops import height_and_width


@keras.utils.register_keras_serializable(package="deepfill_tf")
class NoAttention(AttentionLayer):
    """Returns the foreground unchanged, and offsets of zero (no-attention ablation).

    Called as `layer(foreground, background, masks)`, returns features and offsets (see
    `layers.attention_layer.AttentionLayer`). Background and masks are not used.

    Args:
      rate: see `AttentionLayer`.

    Example:
      >>> features, offsets = NoAttention()(tf.ones([1, 8, 12, 4]))
      >>> tuple(features.shape), tuple(offsets.shape)
      ((1, 8, 12, 4), (1, 4, 6, 2))
    """

    def attend(
        self, foreground: tf.Tensor, background: tf.Tensor, masks: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        height, width = height_and_width(foreground)
        shape = [tf.shape(foreground)[0], height // self.rate, width // self.rate, 2]
        return tf.identity(foreground), tf.zeros(shape, tf.int32)

    @property
    def supports_regions(self) -> bool:
        return True
