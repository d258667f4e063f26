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
from deepfill_tf.ops import Window

# Kinds of convolution that can be computed for a part of a map.
WITH_WINDOWS = ("gated", "plain")
# Name of a kind of convolution -> the layer, and the layer that doubles first.
CONVOLUTIONS = {
    "gated": (GatedConv2D, GatedUpConv2D),
    "partial": (PartialConv2D, PartialUpConv2D),
    "plain": (PlainConv2D, PlainUpConv2D),
}


@dataclass(frozen=True)
class Row:
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
    doubling: bool = False
    skip: str | None = None


def add_rows(
    network: keras.Model,
    rows: Iterable[Row],
    *,
    width: int,
    convolution: str,
    padding: str,
) -> None:
    """Gives `network` one layer for each row, as an attribute of the row's name."""
    plain, doubling = CONVOLUTIONS[convolution]
    for row in rows:
        layer = (doubling if row.doubling else plain)(
            filters=round(row.width * width),
            kernel_size=row.kernel_size,
            strides=row.strides,
            dilation_rate=row.dilation_rate,
            padding=padding,
            activation=row.activation,
            name=row.name,
            dtype=network.dtype_policy,
        )
        setattr(network, row.name, layer)


class Run:
    """One pass of features through rows of a network's layers.

    Args:
      network: what `add_rows` gave layers to.
      masks: `[N, H, W, 1]` or `[1, H, W, 1]`, 1 where the first features say nothing (the
        hole); None: nowhere. Partial convolutions look at them and pass them on.
      skips: whether rows take the output of the encoder's row that they name too.
    """

    def __init__(self, network: keras.Model, *, masks: tf.Tensor | None = None, skips: bool):
        self._network = network
        self._masks = masks
        self._skips = skips
        self._outputs: dict[str, tuple[tf.Tensor, tf.Tensor | None]] = {}

    def through(self, rows: Iterable[Row], features: tf.Tensor) -> tf.Tensor:
        """`features` through the layers of the rows, in order."""
        masks = self._masks
        for row in rows:
            if self._skips and row.skip:
                skipped, skipped_masks = self._outputs[row.skip]
                features = tf.concat([features, skipped], axis=-1)
                if masks is not None:
                    masks = tf.minimum(masks, skipped_masks)
            layer = getattr(self._network, row.name)
            if isinstance(layer, PartialConv2D):
                features, masks = layer(features, masks)
            else:
                features = layer(features)
            self._outputs[row.name] = features, masks
        return features


def layers_of(network: keras.Model, rows: Iterable[Row]) -> list[keras.layers.Layer]:
    """The network's layers for the rows, in order."""
    return [getattr(network, row.name) for row in rows]


def needed(layers: Sequence[PlainConv2D], window: Window, size: tuple) -> list[Window]:
    """Which part each layer must be given for the last to give `window`; and `window`.

    `size` is the height and width of all that the last layer makes.
    """
    windows = [window]
    for layer in reversed(layers):
        size = layer.input_size(size)
        windows.insert(0, layer.needed(windows[0]).common(Window.whole(size)))
    return windows


def on_window(
    layers: Sequence[PlainConv2D], features: tf.Tensor, windows: Sequence[Window]
) -> tf.Tensor:
    """What the layers make of the first window's features, as `needed` says."""
    for layer, given, wanted in zip(layers, windows[:-1], windows[1:], strict=True):
        features = layer.on_window(features, given, wanted)
    return features


def check_width(width: int, convolution: str) -> None:
    """Raises ValueError unless layers of half the width are possible."""
    if not isinstance(width, int) or width < 2 or width % 2:
        raise ValueError(f"width must be an even number of at least 2, got {width!r}")
    if convolution not in CONVOLUTIONS:
        raise ValueError(f"convolution must be one of {sorted(CONVOLUTIONS)}, got {convolution!r}")
