"""Appearance flow (Zhou et al., "View Synthesis by Appearance Flow", ECCV 2016)."""

import tensorflow as tf

from deepfill_tf.compat import FLOAT32_WEIGHT, BuiltByCalling, keras
from deepfill_tf.layers.plain_conv import PlainConv2D
from deepfill_tf.ops import cell_offsets, convolve, height_and_width, sample_bilinear

DILATION_RATES = (1, 2, 4, 8)
FLOW_KERNEL_SIZE = 3


@keras.utils.register_keras_serializable(package="deepfill_tf")
class AppearanceFlow(BuiltByCalling, keras.layers.Layer):
    """Reads the background where a predicted flow points to, pixel by pixel.

    The first paper compares its attention with this one (section 5). Called as
    `layer(foreground, background, masks)` with features `[N, h, w, C]`, both of the same
    size, and masks `[N, h, w, 1]` or `[1, h, w, 1]` (1 is the hole), or None: no hole.
    Gives the sampled features `[N, h, w, C]` and the integer offsets
    `[N, h // rate, w // rate, 2]` (see `ops.cell_offsets`). Without a background the
    foreground serves as its own.

    Four convolutions, dilated by 1, 2, 4 and 8, look at foreground and mask; a fifth makes
    the flow, row and column in pixels of the features. It starts at zero, so that at first
    every pixel is its own source. The flow is float32 under mixed precision.

    Args:
      rate: pixels per cell of the offsets.
      filters: channels of the four convolutions.
    """

    def __init__(self, rate: int = 2, filters: int = 64, **kwargs):
        super().__init__(**kwargs)
        for name, value in {"rate": rate, "filters": filters}.items():
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a positive integer, got {value!r}")
        self.rate = rate
        self.filters = filters
        for number, dilation_rate in enumerate(DILATION_RATES, 1):
            name = f"conv{number}"
            convolution = PlainConv2D(
                filters, dilation_rate=dilation_rate, name=name, dtype=self.dtype_policy
            )
            setattr(self, name, convolution)

    @property
    def convolutions(self) -> list[PlainConv2D]:
        return [getattr(self, f"conv{number}") for number, _ in enumerate(DILATION_RATES, 1)]

    def build(self, input_shape):
        channels = input_shape[-1] + 1
        for convolution in self.convolutions:
            # Keras 2 does not name what is built here after its layer; Keras 3 does.
            with tf.name_scope(convolution.name):
                convolution.build((None, None, None, channels))
            channels = self.filters
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
        self.built = True

    def call(
        self,
        foreground: tf.Tensor,
        background: tf.Tensor | None = None,
        masks: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        if background is None:
            background = foreground
        height, width = height_and_width(foreground)
        flow = self.flow(foreground, masks)
        rows = tf.range(tf.cast(height, tf.float32))[:, None] + flow[..., 0]
        columns = tf.range(tf.cast(width, tf.float32)) + flow[..., 1]
        # Keras 2 casts the first argument only.
        background = tf.cast(background, foreground.dtype)
        return (
            sample_bilinear(background, rows, columns),
            cell_offsets(rows, columns, self.rate),
        )

    def flow(self, foreground: tf.Tensor, masks: tf.Tensor | None = None) -> tf.Tensor:
        """Where each pixel's content comes from, minus where it is: float32 `[N, h, w, 2]`."""
        mask = tf.zeros_like(foreground[..., :1])
        if masks is not None:
            mask += tf.cast(masks, foreground.dtype)
        features = tf.concat([foreground, mask], axis=-1)
        for convolution in self.convolutions:
            features = convolution(features)
        flow = convolve(tf.cast(features, tf.float32), tf.convert_to_tensor(self.flow_kernel))
        return tf.nn.bias_add(flow, tf.convert_to_tensor(self.flow_bias))

    def get_config(self):
        return super().get_config() | {"rate": self.rate, "filters": self.filters}
