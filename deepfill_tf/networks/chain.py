"""Networks as tables of convolutions."""

from collections.abc import Iterable
from dataclasses import dataclass

import tensorflow as tf

from deepfill_tf.compat import keras
from deepfill_tf.layers import GatedConv2D, GatedUpConv2D, PlainConv2D, PlainUpConv2D

# Name of a kind of convolution -> the layer, and the layer that doubles first.
CONVOLUTIONS = {
    "gated": (GatedConv2D, GatedUpConv2D),
    "plain": (PlainConv2D, PlainUpConv2D),
}


@dataclass(frozen=True)
class Row:
    """One convolution of a network; `width` is in units of the network's width."""

    name: str
    width: float
    kernel_size: int = 3
    strides: int = 1
    dilation_rate: int = 1
    activation: str = "elu"
    doubling: bool = False


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


def run_rows(network: keras.Model, rows: Iterable[Row], features: tf.Tensor) -> tf.Tensor:
    """`features` through the layers that `add_rows` gave to `network`, in order."""
    for row in rows:
        features = getattr(network, row.name)(features)
    return features


def check_width(width: int, convolution: str) -> None:
    """Raises ValueError unless layers of half the width are possible."""
    if not isinstance(width, int) or width < 2 or width % 2:
        raise ValueError(f"width must be an even number of at least 2, got {width!r}")
    if convolution not in CONVOLUTIONS:
        raise ValueError(f"convolution must be one of {sorted(CONVOLUTIONS)}, got {convolution!r}")
