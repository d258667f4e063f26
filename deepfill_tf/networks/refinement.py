"""Second stage of the generators: refines a coarse completion.

    refined, offsets = network(images, masks)

images     float `[N, H, W, channels]` in [-1, 1], the coarse prediction in the hole
masks      `[N, H, W, 1]` or `[1, H, W, 1]`, 0 or 1; 1 is the hole
refined    `[N, H, W, channels]` in [-1, 1], in the hole and outside
offsets    int32 `[N, H / (4 * rate), W / (4 * rate), 2]`: row and column displacement to the
           background position attended to most, see the attention's layer

H and W are multiples of 8, and of 4 * rate if the attention has another `rate` than 2. Two
encoders see the same image, and one decoder sees what both made of it (figure 4 of the first
paper):

    images --- CONVOLUTION_BRANCH --------------------------------- + --- DECODER --- refined
           \\-- BEFORE_ATTENTION --- attention --- AFTER_ATTENTION --/

The convolution branch predicts content, as the coarse network does; the attention copies
features from outside the hole into it, at a quarter of the image's size.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from deepfill_tf.checks import check_bool, check_choice
from deepfill_tf.compat import keras
from deepfill_tf.errors import reason
from deepfill_tf.layers import AppearanceFlow, ContextualAttention, NoAttention, SpatialTransformer
from deepfill_tf.layers.attention_layer import AttentionLayer
from deepfill_tf.networks.conv_stack import ConvSpec, ConvStack, StageOptions
from deepfill_tf.networks.inputs import Inputs, check_given, unpacked
from deepfill_tf.networks.region_stack import LazyFeatures, RegionStack
from deepfill_tf.networks.stage import SIZE_MULTIPLE, Stage
from deepfill_tf.ops import with_mask_channels

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
    ConvSpec("allconv17", None, activation=None),
)

# Kind of attention -> its layer, called with foreground, background and masks.
ATTENTIONS = {
    "appearance_flow": AppearanceFlow,
    "contextual": ContextualAttention,
    "none": NoAttention,
    "spatial_transformer": SpatialTransformer,
}


@dataclass(frozen=True)
class AttentionChoice:
    """The kind of attention and its options.

    Attributes:
      attention: a key of `ATTENTIONS`.
      attention_options: arguments of that layer.

    Raises ValueError if `attention` is none of them.
    """

    attention: str
    attention_options: Mapping[str, Any]

    def __post_init__(self):
        check_choice("attention", self.attention, ATTENTIONS)
        object.__setattr__(self, "attention_options", dict(self.attention_options))

    def layer(self, dtype: str | None) -> AttentionLayer:
        """Returns the layer. Raises ValueError if it does not take the options."""
        layer_class = ATTENTIONS[self.attention]
        try:
            return layer_class(**self.attention_options, name="attention", dtype=dtype)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"attention_options {self.attention_options} do not fit "
                f"attention={self.attention!r}: {reason(error)}"
            ) from error


@keras.utils.register_keras_serializable(package="deepfill_tf")
class RefinementNetwork(Stage):
    """Refines a coarse completion: `network(images, masks)` -> refined, offsets.

    See the module's docstring for shapes and ranges. The defaults are the second paper's.

    Args:
      width: channels of the first layer's output, after its gate if it has one; even. Those of
        the other layers are multiples of it.
      channels: channels of the image.
      convolution: "gated" (second paper), "plain" (first paper) or "partial". Partial
        convolutions treat the coarse prediction as known.
      padding: "same" as released, "symmetric" or "reflect", see `ops.convolve`.
      output_activation: "tanh" (second paper) or "clip" to [-1, 1] (first paper).
      skips: whether there are skip connections from the convolution branch to the decoder, see
        `CoarseNetwork`.
      kernel_gain: factor of the initial kernels, see `GeneratorV2`.
      sees_mask: whether the mask is an input of both encoders, as in the first paper.
      attention: a key of `ATTENTIONS`; "contextual" in both papers.
      attention_options: arguments of the attention's layer, for instance of
        `ContextualAttention`; None is its defaults.
      name: the model's name.
      dtype: a policy such as "mixed_bfloat16"; None is Keras's global one.

    Example:
      >>> network = RefinementNetwork(width=4)
      >>> images, masks = tf.zeros([2, 16, 24, 3]), tf.ones([1, 16, 24, 1])
      >>> refined, offsets = network(images, masks)
      >>> refined.shape, offsets.shape
      (TensorShape([2, 16, 24, 3]), TensorShape([2, 2, 3, 2]))
    """

    def __init__(
        self,
        width: int = 24,
        channels: int = 3,
        convolution: str = "gated",
        padding: str = "same",
        output_activation: str = "tanh",
        skips: bool = False,
        kernel_gain: float = 1.0,
        sees_mask: bool = False,
        attention: str = "contextual",
        attention_options: Mapping[str, Any] | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ):
        options = StageOptions(
            width=width,
            channels=channels,
            convolution=convolution,
            padding=padding,
            output_activation=output_activation,
            skips=skips,
            kernel_gain=kernel_gain,
        )
        specs = CONVOLUTION_BRANCH + BEFORE_ATTENTION + AFTER_ATTENTION + DECODER
        super().__init__(options, specs, name=name, dtype=dtype)
        self._sees_mask = check_bool("sees_mask", sees_mask)
        self._attention_choice = AttentionChoice(attention, attention_options or {})
        self.attention = self._attention_choice.layer(self.dtype_policy)

    def call(
        self, images: Inputs, masks: tf.Tensor | None = None, training: bool | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        images, masks = unpacked(images, masks)
        check_given("refinement network", masks=masks)
        masks = tf.cast(masks, images.dtype)  # Keras 2 casts the first argument only
        return self._forward(ConvStack(self, skips=self.options.skips), images, masks)

    def lazy_output(
        self, images: tf.Tensor, masks: tf.Tensor, *, in_strips: bool = True
    ) -> LazyFeatures:
        refined, _ = self._forward(RegionStack(self, in_strips=in_strips), images, masks)
        return refined

    @property
    def size_multiple(self) -> int:
        return size_multiple_for(self.attention.rate)

    @property
    def supports_regions(self) -> bool:
        return super().supports_regions and self.attention.supports_regions

    def _forward(self, stack, images, masks):
        inputs = stack.pixelwise(with_mask_channels, images, masks) if self._sees_mask else images
        conv_features = stack.apply(CONVOLUTION_BRANCH, inputs)
        attention_features = stack.apply(BEFORE_ATTENTION, inputs)
        attended, offsets = stack.attend(self.attention, attention_features, masks)
        attended = stack.apply(AFTER_ATTENTION, attended)
        joined = stack.pixelwise(_concat, conv_features, attended)
        return stack.pixelwise(self._output_activation, stack.apply(DECODER, joined)), offsets

    def get_config(self) -> dict[str, Any]:
        return (
            super().get_config()
            | {"sees_mask": self._sees_mask}
            | dataclasses.asdict(self._attention_choice)
        )


def size_multiple_for(rate: int) -> int:
    """Number that heights and widths are multiples of, for the attention's `rate`."""
    # A position of the offsets is 4 * rate pixels of the image.
    return math.lcm(SIZE_MULTIPLE, 4 * rate)


def _concat(*features: tf.Tensor) -> tf.Tensor:
    return tf.concat(features, axis=-1)
