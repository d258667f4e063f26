"""Appearance flow (Zhou et al., "View Synthesis by Appearance Flow", ECCV 2016)."""

import tensorflow as tf

from deepfill_tf.compat import FLOAT32_WEIGHT, keras
from deepfill_tf.layers.sampling_attention import SamplingAttention
from deepfill_tf.ops import convolve, height_and_width

DILATION_RATES = (1, 2, 4, 8)
FLOW_KERNEL_SIZE = 3


@keras.utils.register_keras_serializable(package="deepfill_tf")
class AppearanceFlow(SamplingAttention):
    """Reads the background at positions given by a predicted flow, pixel by pixel.

    Called as `layer(foreground, background, masks)`, returns features and offsets (see
    `layers.attention_layer.AttentionLayer`). Four convolutions of foreground and mask,
    dilated by 1, 2, 4 and 8, and a fifth predict the flow, row and column in pixels of the
    features. It is zero at first, so that every pixel is its own source.

    Args:
      rate: see `AttentionLayer`.
      filters: channels of the first four convolutions.

    Example:
      >>> layer = AppearanceFlow(filters=8)
      >>> features, offsets = layer(tf.ones([1, 8, 12, 4]))
      >>> tuple(features.shape), tuple(offsets.shape)
      ((1, 8, 12, 4), (1, 4, 6, 2))
    """

    def __init__(self, rate: int = 2, filters: int = 64, **kwargs):
        convolutions = [{"dilation_rate": dilation_rate} for dilation_rate in DILATION_RATES]
        super().__init__(rate, filters, convolutions, **kwargs)

    def build(self, input_shape):
        self.flow_kernel = self.add_weight(
            name="flow_kernel",
            shape=(FLOW_KERNEL_SIZE, FLOW_KERNEL_SIZE, self.filters, 2),
            initializer="zeros",
            dtype="float32",
            **FLOAT32_WEIGHT,
        )
        self.flow_bias = self.add_weight(
            name="flow_bias", shape=(2,), initializer="zeros", dtype="float32", **FLOAT32_WEIGHT
        )
        super().build(input_shape)

    def positions(
        self, foreground: tf.Tensor, masks: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        height, width = height_and_width(foreground)
        flow = self.flow(foreground, masks)
        rows = tf.range(tf.cast(height, tf.float32))[:, None] + flow[..., 0]
        return rows, tf.range(tf.cast(width, tf.float32)) + flow[..., 1]

    def flow(self, foreground: tf.Tensor, masks: tf.Tensor | None = None) -> tf.Tensor:
        """Source of each pixel minus its position, row and column: float32 `[N, h, w, 2]`."""
        features = self.convolved(foreground, masks)
        flow = convolve(features, tf.convert_to_tensor(self.flow_kernel))
        return tf.nn.bias_add(flow, tf.convert_to_tensor(self.flow_bias))
