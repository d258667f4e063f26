"""The first stage: a coarse guess of what is in the hole."""

import tensorflow as tf

from deepfill_tf.compat import DeferredBuildMixin, keras
from deepfill_tf.layers import PlainConv2D
from deepfill_tf.layers.activations import activation_named
from deepfill_tf.networks.conv_stack import (
    REGION_KINDS,
    ConvSpec,
    ConvStack,
    add_conv_layers,
    call_on_region,
    check_width,
    input_regions,
    layers_of,
)
from deepfill_tf.ops import Region, height_and_width, with_mask_channels

CONVS = (
    ConvSpec("conv1", 1, kernel_size=5),
    ConvSpec("conv2_downsample", 2, strides=2),
    ConvSpec("conv3", 2),
    ConvSpec("conv4_downsample", 4, strides=2),
    ConvSpec("conv5", 4),
    ConvSpec("conv6", 4),
    ConvSpec("conv7_atrous", 4, dilation_rate=2),
    ConvSpec("conv8_atrous", 4, dilation_rate=4),
    ConvSpec("conv9_atrous", 4, dilation_rate=8),
    ConvSpec("conv10_atrous", 4, dilation_rate=16),
    ConvSpec("conv11", 4),
    ConvSpec("conv12", 4),
    ConvSpec("conv13_upsample", 2, upsample=True),
    ConvSpec("conv14", 2, skip="conv3"),
    ConvSpec("conv15_upsample", 1, upsample=True),
    ConvSpec("conv16", 0.5, skip="conv1"),
)


@keras.utils.register_keras_serializable(package="deepfill_tf")
class CoarseNetwork(DeferredBuildMixin, keras.Model):
    """Fills the hole roughly: `network(images, masks)` -> `[N, H, W, channels]`.

    `images` are `[N, H, W, C]` in [-1, 1] with zeros under the hole (C exceeds
    `channels` where a sketch is given), `masks` `[N, H, W, 1]` or `[1, H, W, 1]`
    with 1 in the hole; H and W are multiples of 4.

    Args:
      width: channels of the first layer's output; the others are multiples of it.
      channels: channels of the image.
      convolution: "gated", "partial" or "plain".
      padding: of every convolution, see `ops.convolve`.
      output_activation: "tanh" as in the second paper, or "clip" as in the first.
      skips: U-Net skip connections, which the second paper tried and dropped: each
        convolution after an upsampling sees the encoder's features of that size as well.
    """

    def __init__(
        self,
        width: int = 24,
        channels: int = 3,
        convolution: str = "gated",
        padding: str = "same",
        output_activation: str = "tanh",
        skips: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_width(width, convolution)
        self._arguments = {
            "width": width,
            "channels": channels,
            "convolution": convolution,
            "padding": padding,
            "output_activation": output_activation,
            "skips": skips,
        }
        self._skips = skips
        self._output_activation = activation_named(output_activation)
        add_conv_layers(self, CONVS, width=width, convolution=convolution, padding=padding)
        self.conv17 = PlainConv2D(
            channels, padding=padding, activation=None, name="conv17", dtype=self.dtype_policy
        )

    def call(self, images: tf.Tensor, masks: tf.Tensor) -> tf.Tensor:
        masks = tf.cast(masks, images.dtype)  # Keras 2 casts the first argument only
        stack = ConvStack(self, masks=masks, skips=self._skips)
        features = stack.apply(CONVS, with_mask_channels(images, masks))
        return self._output_activation(self.conv17(features))

    @property
    def supports_regions(self) -> bool:
        """Whether there is `call_on_region`."""
        return self._arguments["convolution"] in REGION_KINDS and not self._skips

    def call_on_region(self, images: tf.Tensor, masks: tf.Tensor, region: Region) -> tf.Tensor:
        """A part of the output, at its own cost and that of what it sees."""
        layers = [*layers_of(self, CONVS), self.conv17]
        regions = input_regions(layers, region, height_and_width(images))
        seen = with_mask_channels(regions[0].cut(images), regions[0].cut(masks))
        return self._output_activation(call_on_region(layers, seen, regions))

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype_policy.name, **self._arguments}
