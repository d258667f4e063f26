"""Networks as tables of convolutions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import tensorflow as tf

from deepfill_tf.compat import keras
from deepfill_tf.layers import (
    GatedConv2D,
    GatedUpConv2D,
    PartialConv2D,
    PartialUpConv2D,
    PlainConv2D,
    PlainUpConv2D,
)
from deepfill_tf.ops import Region

# Kinds of convolution that can be computed for a part of a map.
REGION_KINDS = ("gated", "plain")
# Name of a kind of convolution -> the layer, and the layer that upsamples first.
CONVOLUTIONS = {
    "gated": (GatedConv2D, GatedUpConv2D),
    "partial": (PartialConv2D, PartialUpConv2D),
    "plain": (PlainConv2D, PlainUpConv2D),
}


@dataclass(frozen=True)
class ConvSpec:
    """One convolution of a network; `width` is in units of the network's width.

    `skip` names the row of the encoder whose output comes in too, where a network has
    skip connections.
    """

    name: str
    width: float
    kernel_size: int = 3
    strides: int = 1
    dilation_rate: int = 1
    activation: str = "elu"
    upsample: bool = False
    skip: str | None = None


def add_conv_layers(
    network: keras.Model,
    specs: Iterable[ConvSpec],
    *,
    width: int,
    convolution: str,
    padding: str,
) -> None:
    """Gives `network` one layer for each row, as an attribute of the row's name."""
    plain, upsample = CONVOLUTIONS[convolution]
    for spec in specs:
        layer = (upsample if spec.upsample else plain)(
            filters=round(spec.width * width),
            kernel_size=spec.kernel_size,
            strides=spec.strides,
            dilation_rate=spec.dilation_rate,
            padding=padding,
            activation=spec.activation,
            name=spec.name,
            dtype=network.dtype_policy,
        )
        setattr(network, spec.name, layer)


class ConvStack:
    """One pass of features through specs of a network's layers.

    Args:
      network: what `add_conv_layers` gave layers to.
      masks: `[N, H, W, 1]` or `[1, H, W, 1]`, 1 where the first features say nothing (the
        hole); None: nowhere. Partial convolutions look at them and pass them on.
      skips: whether specs take the output of the encoder's row that they name too.
    """

    def __init__(self, network: keras.Model, *, masks: tf.Tensor | None = None, skips: bool):
        self._network = network
        self._masks = masks
        self._skips = skips
        self._outputs: dict[str, tuple[tf.Tensor, tf.Tensor | None]] = {}

    def apply(self, specs: Iterable[ConvSpec], features: tf.Tensor) -> tf.Tensor:
        """`features` through the layers of the specs, in order."""
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


def layers_of(network: keras.Model, specs: Iterable[ConvSpec]) -> list[keras.layers.Layer]:
    """The network's layers for the specs, in order."""
    return [getattr(network, spec.name) for spec in specs]


def input_regions(layers: Sequence[PlainConv2D], region: Region, size: tuple) -> list[Region]:
    """Which part each layer must be given for the last to give `region`; and `region`.

    `size` is the height and width of all that the last layer makes.
    """
    regions = [region]
    for layer in reversed(layers):
        size = layer.input_size(size)
        regions.insert(0, layer.input_region(regions[0]).common(Region.whole(size)))
    return regions


def call_on_region(
    layers: Sequence[PlainConv2D], features: tf.Tensor, regions: Sequence[Region]
) -> tf.Tensor:
    """What the layers make of the first region's features, as `needed` says."""
    for layer, given, wanted in zip(layers, regions[:-1], regions[1:], strict=True):
        features = layer.call_on_region(features, given, wanted)
    return features


def check_width(width: int, convolution: str) -> None:
    """Raises ValueError unless layers of half the width are possible."""
    if not isinstance(width, int) or width < 2 or width % 2:
        raise ValueError(f"width must be an even number of at least 2, got {width!r}")
    if convolution not in CONVOLUTIONS:
        raise ValueError(f"convolution must be one of {sorted(CONVOLUTIONS)}, got {convolution!r}")
