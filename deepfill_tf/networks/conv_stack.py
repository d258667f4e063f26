"""Networks as tables of convolutions, and the forward pass through such a table.

    CONVS = (
        ConvSpec("conv1", 1, kernel_size=5),
        ConvSpec("conv2_downsample", 2, strides=2),
        ...
        ConvSpec("conv17", None, activation=None),
    )

`add_conv_layers` makes a network's layers from its tables, and `ConvStack` applies them to
features `[N, h, w, C]`. `region_stack.RegionStack` has the same methods and computes regions of
the output only, and `BuildStack` creates the layers' variables: a network describes its topology
once, in terms of any of them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import tensorflow as tf

from deepfill_tf.checks import (
    check_bool,
    check_choice,
    check_int,
    check_positive,
    check_positive_int,
)
from deepfill_tf.compat import build_layer, keras
from deepfill_tf.layers import (
    GatedConv2D,
    GatedUpConv2D,
    PartialConv2D,
    PartialUpConv2D,
    PlainConv2D,
    PlainUpConv2D,
)
from deepfill_tf.layers.attention_layer import AttentionLayer
from deepfill_tf.ops import height_and_width, resize_nearest

# Kind of convolution -> the layer, and the layer that upsamples first.
CONVOLUTIONS = {
    "gated": (GatedConv2D, GatedUpConv2D),
    "partial": (PartialConv2D, PartialUpConv2D),
    "plain": (PlainConv2D, PlainUpConv2D),
}


@dataclass(frozen=True)
class ConvSpec:
    """One convolution of a network.

    Attributes:
      name: of the layer, and of the network's attribute that holds it.
      width: channels of the output, in units of the network's width. None is the channels of
        the image, made by a plain convolution in every kind of network.
      kernel_size, strides, dilation_rate, activation: see `layers.PlainConv2D`.
      upsample: whether the input is enlarged by 2 before the convolution.
      skip: name of the encoder's layer whose output is concatenated to the input, in networks
        with skip connections.
    """

    name: str
    width: float | None
    kernel_size: int = 3
    strides: int = 1
    dilation_rate: int = 1
    activation: str | None = "elu"
    upsample: bool = False
    skip: str | None = None

    def output_size(self, size: tuple) -> tuple:
        """Height and width of the output for those of the input, multiples of `strides`."""
        return tuple(2 * n if self.upsample else n // self.strides for n in size)


@dataclass(frozen=True, kw_only=True)
class StageOptions:
    """Options that the coarse and the refinement network of a generator share.

    Attributes:
      width: channels of the first layer's output, after its gate if it has one; even. Those of
        the other layers are multiples of it.
      channels: channels of the image.
      convolution: "gated", "partial" or "plain".
      padding: "same", "symmetric" or "reflect" in every convolution, see `ops.convolve`.
      output_activation: "tanh" or "clip" to [-1, 1].
      skips: whether decoder layers see the encoder's features of their size too (U-Net).
      kernel_gain: factor of the initial kernels of all layers but the last, not of their gates.
    """

    width: int
    channels: int
    convolution: str
    padding: str
    output_activation: str
    skips: bool
    kernel_gain: float

    def __post_init__(self):
        check_int("width", self.width, 2, multiple=2)
        check_positive_int("channels", self.channels)
        check_choice("convolution", self.convolution, CONVOLUTIONS)
        check_bool("skips", self.skips)
        check_positive("kernel_gain", self.kernel_gain)


def add_conv_layers(network: keras.Model, specs: Iterable[ConvSpec], options: StageOptions) -> None:
    """Adds a layer for each spec to `network`, as an attribute of the spec's name."""
    for spec in specs:
        kind = CONVOLUTIONS["plain" if spec.width is None else options.convolution][spec.upsample]
        layer = kind(
            filters=options.channels if spec.width is None else round(spec.width * options.width),
            kernel_size=spec.kernel_size,
            strides=spec.strides,
            dilation_rate=spec.dilation_rate,
            padding=options.padding,
            activation=spec.activation,
            # Not of the image's layer, whose activation would saturate.
            kernel_gain=1.0 if spec.width is None else options.kernel_gain,
            name=spec.name,
            dtype=network.dtype_policy,
        )
        setattr(network, spec.name, layer)


class ConvStack:
    """Forward pass through the layers of a network's tables.

    Args:
      network: the network that `add_conv_layers` added the layers to.
      masks: `[N, H, W, 1]` or `[1, H, W, 1]`, 1 where the first features of a table are
        unknown; None if all are known. Partial convolutions use and update them.
      skips: whether the skip connections of the tables are used.
    """

    def __init__(self, network: keras.Model, *, masks: tf.Tensor | None = None, skips: bool):
        self._network = network
        self._masks = masks
        self._skips = skips
        self._outputs: dict[str, tuple[tf.Tensor, tf.Tensor | None]] = {}

    def apply(self, specs: Iterable[ConvSpec], features: tf.Tensor) -> tf.Tensor:
        """Output of the last spec's layer for the first one's input `[N, h, w, C]`."""
        masks = self._masks
        for spec in specs:
            if self._skips and spec.skip:
                skipped, skipped_masks = self._outputs[spec.skip]
                features = tf.concat([features, skipped], axis=-1)
                if masks is not None:
                    masks = tf.minimum(masks, skipped_masks)
            layer = getattr(self._network, spec.name)
            if isinstance(layer, PartialConv2D):
                features, masks = layer(features, masks)
            else:
                features = layer(features)
            self._outputs[spec.name] = features, masks
        return features

    def pixelwise(self, function: Callable[..., tf.Tensor], *maps: tf.Tensor) -> tf.Tensor:
        """Applies `function`, each pixel of whose result depends on that pixel of `maps` only."""
        return function(*maps)

    def attend(
        self, attention: AttentionLayer, features: tf.Tensor, masks: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Attention of `features` to themselves, outside the hole of the image's masks.

        Returns what the layer returns: the attended features, and int32 offsets.
        """
        return attention(features, features, resize_nearest(masks, *height_and_width(features)))


class BuildStack:
    """Counterpart of `ConvStack` that creates the variables of the layers and computes nothing.

    A feature map is represented by one pixel, `[1, 1, 1, C]`, of which only C counts.

    Args:
      network: the network that `add_conv_layers` added the layers to.
      skips: whether the skip connections of the tables are used.
    """

    def __init__(self, network: keras.Model, *, skips: bool):
        self._network = network
        self._skips = skips
        self._outputs: dict[str, tf.Tensor] = {}

    def apply(self, specs: Iterable[ConvSpec], features: tf.Tensor) -> tf.Tensor:
        """A pixel of the last spec's output, for one of the first one's input."""
        for spec in specs:
            if self._skips and spec.skip:
                features = tf.concat([features, self._outputs[spec.skip]], axis=-1)
            layer = getattr(self._network, spec.name)
            build_layer(layer, (None, None, None, features.shape[-1]))
            features = tf.zeros([1, 1, 1, layer.filters])
            self._outputs[spec.name] = features
        return features

    @staticmethod
    def pixelwise(function: Callable[..., tf.Tensor], *maps: tf.Tensor) -> tf.Tensor:
        """Applies `function`, each pixel of whose result depends on that pixel of `maps` only."""
        return function(*maps)

    @staticmethod
    def attend(
        attention: AttentionLayer, features: tf.Tensor, masks: tf.Tensor
    ) -> tuple[tf.Tensor, None]:
        """A pixel of the attended features, which have the channels of `features`."""
        build_layer(attention, (None, None, None, features.shape[-1]))
        return features, None
