"""The second stage: detail, with one branch that looks and one that borrows."""

import tensorflow as tf

from deepfill_tf.compat import BuiltByCalling, keras
from deepfill_tf.layers import (
    AppearanceFlow,
    ContextualAttention,
    NoAttention,
    PlainConv2D,
    SpatialTransformer,
)
from deepfill_tf.layers.activations import activation_named
from deepfill_tf.networks.chain import Row, Run, add_rows, check_width
from deepfill_tf.ops import height_and_width, resize_nearest, with_mask_channels

CONVOLUTION_BRANCH = (
    Row("xconv1", 1, kernel_size=5),
    Row("xconv2_downsample", 1, strides=2),
    Row("xconv3", 2),
    Row("xconv4_downsample", 2, strides=2),
    Row("xconv5", 4),
    Row("xconv6", 4),
    Row("xconv7_atrous", 4, dilation_rate=2),
    Row("xconv8_atrous", 4, dilation_rate=4),
    Row("xconv9_atrous", 4, dilation_rate=8),
    Row("xconv10_atrous", 4, dilation_rate=16),
)
BEFORE_ATTENTION = (
    Row("pmconv1", 1, kernel_size=5),
    Row("pmconv2_downsample", 1, strides=2),
    Row("pmconv3", 2),
    Row("pmconv4_downsample", 4, strides=2),
    Row("pmconv5", 4),
    Row("pmconv6", 4, activation="relu"),
)
AFTER_ATTENTION = (Row("pmconv9", 4), Row("pmconv10", 4))
DECODER = (
    Row("allconv11", 4),
    Row("allconv12", 4),
    Row("allconv13_upsample", 2, doubling=True),
    Row("allconv14", 2, skip="xconv3"),
    Row("allconv15_upsample", 1, doubling=True),
    Row("allconv16", 0.5, skip="xconv1"),
)

# Name of a kind of attention -> its layer, called with foreground, background, masks.
ATTENTIONS = {
    "appearance_flow": AppearanceFlow,
    "contextual": ContextualAttention,
    "none": NoAttention,
    "spatial_transformer": SpatialTransformer,
}


@keras.utils.register_keras_serializable(package="deepfill_tf")
class RefinementNetwork(BuiltByCalling, keras.Model):
    """Refines a coarse completion: `network(images, masks)` -> refined, offsets.

    `images` are `[N, H, W, channels]` in [-1, 1] with the coarse prediction in the
    hole, `masks` `[N, H, W, 1]` or `[1, H, W, 1]` with 1 in the hole; H and W are
    multiples of 8. Gives the refined images `[N, H, W, channels]` and the attention's
    offsets, int32 `[N, H / 8, W / 8, 2]`.

    Args:
      width, channels, convolution, padding, output_activation, skips: see `CoarseNetwork`.
        To partial convolutions the coarse prediction is as good as known.
      sees_mask: whether the mask is an input too, as in the first paper.
      attention: how the second branch borrows, see `ATTENTIONS`.
      attention_options: arguments of that layer, for instance of `ContextualAttention`.
    """

    def __init__(
        self,
        width: int = 24,
        channels: int = 3,
        convolution: str = "gated",
        padding: str = "same",
        output_activation: str = "tanh",
        skips: bool = False,
        sees_mask: bool = False,
        attention: str = "contextual",
        attention_options: dict | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_width(width, convolution)
        if attention not in ATTENTIONS:
            raise ValueError(f"attention must be one of {sorted(ATTENTIONS)}, got {attention!r}")
        self._arguments = {
            "width": width,
            "channels": channels,
            "convolution": convolution,
            "padding": padding,
            "output_activation": output_activation,
            "skips": skips,
            "sees_mask": sees_mask,
            "attention": attention,
            "attention_options": dict(attention_options or {}),
        }
        self._skips = skips
        self._sees_mask = sees_mask
        self._output_activation = activation_named(output_activation)
        for rows in (CONVOLUTION_BRANCH, BEFORE_ATTENTION, AFTER_ATTENTION, DECODER):
            add_rows(self, rows, width=width, convolution=convolution, padding=padding)
        self.attention = ATTENTIONS[attention](
            **(attention_options or {}), name="attention", dtype=self.dtype_policy
        )
        self.allconv17 = PlainConv2D(
            channels, padding=padding, activation=None, name="allconv17", dtype=self.dtype_policy
        )

    def call(self, images: tf.Tensor, masks: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        masks = tf.cast(masks, images.dtype)  # Keras 2 casts the first argument only
        inputs = with_mask_channels(images, masks) if self._sees_mask else images
        run = Run(self, skips=self._skips)
        looked = run.through(CONVOLUTION_BRANCH, inputs)

        features = run.through(BEFORE_ATTENTION, inputs)
        small_masks = resize_nearest(masks, *height_and_width(features))
        borrowed, offsets = self.attention(features, features, small_masks)
        borrowed = run.through(AFTER_ATTENTION, borrowed)

        decoded = run.through(DECODER, tf.concat([looked, borrowed], axis=-1))
        return self._output_activation(self.allconv17(decoded)), offsets

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype_policy.name, **self._arguments}
