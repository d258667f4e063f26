"""The second stage: detail, with one branch that looks and one that borrows."""

import tensorflow as tf

from deepfill_tf.compat import DeferredBuildMixin, keras
from deepfill_tf.layers import (
    AppearanceFlow,
    ContextualAttention,
    NoAttention,
    PlainConv2D,
    SpatialTransformer,
)
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
from deepfill_tf.ops import Region, height_and_width, resize_nearest, with_mask_channels

CONVOLUTION_BRANCH = (
    ConvSpec("xconv1", 1, kernel_size=5),
    ConvSpec("xconv2_downsample", 1, strides=2),
    ConvSpec("xconv3", 2),
    ConvSpec("xconv4_downsample", 2, strides=2),
    ConvSpec("xconv5", 4),
    ConvSpec("xconv6", 4),
    ConvSpec("xconv7_atrous", 4, dilation_rate=2),
    ConvSpec("xconv8_atrous", 4, dilation_rate=4),
    ConvSpec("xconv9_atrous", 4, dilation_rate=8),
    ConvSpec("xconv10_atrous", 4, dilation_rate=16),
)
BEFORE_ATTENTION = (
    ConvSpec("pmconv1", 1, kernel_size=5),
    ConvSpec("pmconv2_downsample", 1, strides=2),
    ConvSpec("pmconv3", 2),
    ConvSpec("pmconv4_downsample", 4, strides=2),
    ConvSpec("pmconv5", 4),
    ConvSpec("pmconv6", 4, activation="relu"),
)
AFTER_ATTENTION = (ConvSpec("pmconv9", 4), ConvSpec("pmconv10", 4))
DECODER = (
    ConvSpec("allconv11", 4),
    ConvSpec("allconv12", 4),
    ConvSpec("allconv13_upsample", 2, upsample=True),
    ConvSpec("allconv14", 2, skip="xconv3"),
    ConvSpec("allconv15_upsample", 1, upsample=True),
    ConvSpec("allconv16", 0.5, skip="xconv1"),
)
# Pixels of the image for one of the features that attention compares.
STRIDE = 4
# Pixels of an image whose features are made at a time, where memory counts.
STRIP_PIXELS = 2**20

# Name of a kind of attention -> its layer, called with foreground, background, masks.
ATTENTIONS = {
    "appearance_flow": AppearanceFlow,
    "contextual": ContextualAttention,
    "none": NoAttention,
    "spatial_transformer": SpatialTransformer,
}


@keras.utils.register_keras_serializable(package="deepfill_tf")
class RefinementNetwork(DeferredBuildMixin, keras.Model):
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
        for convs in (CONVOLUTION_BRANCH, BEFORE_ATTENTION, AFTER_ATTENTION, DECODER):
            add_conv_layers(self, convs, width=width, convolution=convolution, padding=padding)
        self.attention = ATTENTIONS[attention](
            **(attention_options or {}), name="attention", dtype=self.dtype_policy
        )
        self.allconv17 = PlainConv2D(
            channels, padding=padding, activation=None, name="allconv17", dtype=self.dtype_policy
        )

    def call(self, images: tf.Tensor, masks: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        masks = tf.cast(masks, images.dtype)  # Keras 2 casts the first argument only
        inputs = with_mask_channels(images, masks) if self._sees_mask else images
        stack = ConvStack(self, skips=self._skips)
        conv_features = stack.apply(CONVOLUTION_BRANCH, inputs)

        features = stack.apply(BEFORE_ATTENTION, inputs)
        small_masks = resize_nearest(masks, *height_and_width(features))
        attended, offsets = self.attention(features, features, small_masks)
        attended = stack.apply(AFTER_ATTENTION, attended)

        decoded = stack.apply(DECODER, tf.concat([conv_features, attended], axis=-1))
        return self._output_activation(self.allconv17(decoded)), offsets

    @property
    def supports_regions(self) -> bool:
        """Whether there is `call_on_region`."""
        convolution = self._arguments["convolution"]
        return convolution in REGION_KINDS and not self._skips and self.attention.supports_regions

    def attention_features(self, images: tf.Tensor, masks: tf.Tensor) -> tf.Tensor:
        """The features that attention compares, of all the image: `[N, H / 4, W / 4, C]`.

        They are made strip by strip, so that memory grows with a strip.
        """
        layers = layers_of(self, BEFORE_ATTENTION)
        height, width = (size // STRIDE for size in height_and_width(images))
        channels = layers[-1].filters
        rows = tf.maximum(STRIP_PIXELS // (STRIDE**2 * width), 1)

        def strip(first, features):
            last = tf.minimum(first + rows, height)
            regions = input_regions(
                layers, Region(tf.stack([first, 0]), tf.stack([last, width])), (height, width)
            )
            made = call_on_region(layers, self._inputs(images, masks, regions[0]), regions)
            return last, tf.concat([features, made], axis=1)

        nothing = tf.zeros([tf.shape(images)[0], 0, width, channels], images.dtype)
        _, features = tf.while_loop(
            lambda first, _: first < height,
            strip,
            [0, nothing],
            shape_invariants=[tf.TensorShape([]), tf.TensorShape([None, None, None, channels])],
            parallel_iterations=1,
        )
        return features

    def call_on_region(
        self, images: tf.Tensor, masks: tf.Tensor, attention_features: tf.Tensor, region: Region
    ) -> tf.Tensor:
        """A part of the refined images, at its own cost and that of what it sees.

        `attention_features` are the features of that name, of all the image.
        """
        size, small_size = height_and_width(images), height_and_width(attention_features)
        decoder = [*layers_of(self, DECODER), self.allconv17]
        decoding = input_regions(decoder, region, size)
        branch = layers_of(self, CONVOLUTION_BRANCH)
        regions = input_regions(branch, decoding[0], small_size)
        convolved = call_on_region(branch, self._inputs(images, masks, regions[0]), regions)

        after = layers_of(self, AFTER_ATTENTION)
        regions = input_regions(after, decoding[0], small_size)
        small_masks = resize_nearest(masks, *small_size)
        attended = self.attention.call_on_region(attention_features, small_masks, regions[0])
        attended = call_on_region(after, attended, regions)

        decoded = call_on_region(decoder, tf.concat([convolved, attended], axis=-1), decoding)
        return self._output_activation(decoded)

    def _inputs(self, images: tf.Tensor, masks: tf.Tensor, region: Region) -> tf.Tensor:
        """What both branches see of a part of the image."""
        images = region.cut(images)
        return with_mask_channels(images, region.cut(masks)) if self._sees_mask else images

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype_policy.name, **self._arguments}
