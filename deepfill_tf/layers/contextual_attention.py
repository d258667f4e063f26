"""Contextual attention (first paper, section 4)."""

import tensorflow as tf

from deepfill_tf.checks import check_choice
from deepfill_tf.compat import keras
from deepfill_tf.layers.attention_layer import AttentionLayer
from deepfill_tf.ops import (
    AttentionOptions,
    Region,
    contextual_attention,
    contextual_attention_region,
    fast_contextual_attention,
    supports_fast,
)

# The reference implementation, and the one that computes the same in less time.
IMPLEMENTATIONS = {"patches": contextual_attention, "fast": fast_contextual_attention}


@keras.utils.register_keras_serializable(package="deepfill_tf")
class ContextualAttention(AttentionLayer):
    """Reconstructs the foreground from patches of the background outside the hole.

    Called as `layer(foreground, background, masks)`, returns features and offsets (see
    `layers.attention_layer.AttentionLayer`). Height and width of foreground and background
    must be multiples of `rate`.

    Args:
      patch_size, stride, rate, fuse_size, softmax_scale: see `ops.AttentionOptions`; readable
        as attributes of `options`.
      implementation: "fast" (matrix products) or "patches" (the reference implementation);
        they agree.

    Raises ValueError unless sizes are positive integers and `implementation` is one of these.

    Example:
      >>> features = tf.random.stateless_normal([1, 8, 12, 4], seed=[0, 0])
      >>> hole = tf.pad(tf.ones([1, 2, 4, 1]), [[0, 0], [2, 4], [4, 4], [0, 0]])
      >>> reconstructed, offsets = ContextualAttention(rate=2)(features, features, hole)
      >>> tuple(reconstructed.shape), tuple(offsets.shape)
      ((1, 8, 12, 4), (1, 4, 6, 2))
    """

    def __init__(
        self,
        patch_size: int = 3,
        stride: int = 1,
        rate: int = 2,
        fuse_size: int = 3,
        softmax_scale: float = 10.0,
        implementation: str = "fast",
        **kwargs,
    ):
        super().__init__(rate, **kwargs)
        self.options = AttentionOptions(patch_size, stride, rate, fuse_size, softmax_scale)
        self.implementation = check_choice("implementation", implementation, IMPLEMENTATIONS)

    def attend(
        self, foreground: tf.Tensor, background: tf.Tensor, masks: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        attention = IMPLEMENTATIONS[self.implementation]
        return attention(foreground, background, masks, **vars(self.options))

    @property
    def supports_regions(self) -> bool:
        return self.implementation == "fast" and supports_fast(self.options)

    def attend_region(
        self, foreground: tf.Tensor, masks: tf.Tensor | None, region: Region
    ) -> tf.Tensor:
        if not self.supports_regions:
            return super().attend_region(foreground, masks, region)
        return contextual_attention_region(
            foreground,
            foreground,
            masks,
            region,
            rate=self.options.rate,
            fuse_size=self.options.fuse_size,
            softmax_scale=self.options.softmax_scale,
        )

    def get_config(self) -> dict:
        options = {**vars(self.options), "implementation": self.implementation}
        return super().get_config() | options
