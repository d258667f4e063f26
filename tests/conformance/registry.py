"""Registry of every public layer and network, with an example input for each.

`test_matrix.py` runs each entry through everything that must work for all of them;
a test there fails while a public class is missing here.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import tensorflow as tf

from deepfill_tf import layers, networks
from deepfill_tf.compat import keras, named_variables

BATCH, HEIGHT, WIDTH = 2, 16, 24


def example_images(channels: int = 3, *, height: int = HEIGHT, width: int = WIDTH, seed: int = 0):
    """Noise in [-1, 1], `[2, height, width, channels]`."""
    shape = [BATCH, height, width, channels]
    return tf.constant(np.random.default_rng(seed).uniform(-1, 1, shape).astype("float32"))


def masks(*, height: int = HEIGHT, width: int = WIDTH):
    """Masks with a different hole for each example, `[2, height, width, 1]`."""
    holes = np.zeros([BATCH, height, width, 1], "float32")
    holes[0, : height // 2, : width // 4] = 1
    holes[1, height // 4 : height // 2, width // 2 :] = 1
    return tf.constant(holes)


def image(**size) -> tuple[tf.Tensor, ...]:
    return (example_images(**size),)


def image_and_mask(**size) -> tuple[tf.Tensor, ...]:
    return example_images(**size), masks(**size)


def image_mask_and_sketch(**size) -> tuple[tf.Tensor, ...]:
    sketches = tf.cast(example_images(1, seed=2, **size) > 0.5, tf.float32)
    return example_images(**size), masks(**size), sketches


def image_and_box(*, height: int = HEIGHT, width: int = WIDTH) -> tuple[tf.Tensor, ...]:
    images = example_images(height=height, width=width)
    return images, images[:, : height // 2, : width // 2]


def two_features_and_mask(**size) -> tuple[tf.Tensor, ...]:
    return example_images(8, **size), example_images(8, seed=1, **size), masks(**size)


@dataclass(frozen=True)
class Entry:
    """Constructor of a layer, and an example input.

    Attributes:
      make: called with `dtype=...` (a policy's name or None).
      inputs: example arguments of the call; takes another `height` and `width`. The outputs
        must depend on at least one of them, and on every trainable variable.
      bfloat16: how far outputs in mixed precision may be from float32, relative to
        the largest output. A bfloat16 has 8 bits, so 0.004 for each rounding.
      gain: scale of the random kernels; lower it where activations explode from layer to layer.
      fixed_size: the weights fit one size of images.
      exact: numbers of the outputs that hold only 0 and 1, the same in every precision.
      part_of: name of an entry that contains this layer; numeric tests run on that one only.
      composition: skip the XLA and replica tests, which another composition covers.
    """

    make: Callable[..., keras.layers.Layer]
    inputs: Callable[..., tuple[tf.Tensor, ...]]
    bfloat16: float
    gain: float = 2.0
    fixed_size: bool = False
    exact: tuple[int, ...] = ()
    part_of: str | None = None
    composition: bool = False


def spectral_norm(layer_class, dtype=None, **arguments) -> layers.SpectralNorm:
    inner = layer_class(4, dtype=dtype, name="convolution", **arguments)
    return layers.SpectralNorm(inner, iterations=2, dtype=dtype)


ENTRIES = {
    "PlainConv2D": Entry(
        partial(layers.PlainConv2D, 4, strides=2, padding="symmetric"), image, bfloat16=0.02
    ),
    "PlainUpConv2D": Entry(
        partial(layers.PlainUpConv2D, 4, activation="leaky_relu"), image, bfloat16=0.02
    ),
    "GatedConv2D": Entry(
        partial(layers.GatedConv2D, 4, dilation_rate=2, padding="reflect"), image, bfloat16=0.02
    ),
    "GatedUpConv2D": Entry(
        partial(layers.GatedUpConv2D, 4, kernel_size=5, activation="relu"), image, bfloat16=0.02
    ),
    "PartialConv2D": Entry(
        partial(layers.PartialConv2D, 4, strides=2), image_and_mask, bfloat16=0.02, exact=(1,)
    ),
    "PartialConv2D with dilation": Entry(
        partial(layers.PartialConv2D, 4, dilation_rate=2, padding="symmetric"),
        image_and_mask,
        bfloat16=0.02,
        exact=(1,),
    ),
    "PartialUpConv2D": Entry(
        partial(layers.PartialUpConv2D, 4, activation="leaky_relu"),
        image_and_mask,
        bfloat16=0.02,
        exact=(1,),
    ),
    "SpectralNorm": Entry(
        partial(spectral_norm, layers.PlainConv2D, kernel_size=5, strides=2), image, bfloat16=0.02
    ),
    "SpectralNorm of Keras's Conv2D": Entry(
        partial(spectral_norm, keras.layers.Conv2D, kernel_size=3, activation="relu"),
        image,
        bfloat16=0.02,
    ),
    "ContextualAttention": Entry(
        partial(layers.ContextualAttention, softmax_scale=1.0), two_features_and_mask, bfloat16=0.1
    ),
    "ContextualAttention of patches at stride 2": Entry(
        partial(layers.ContextualAttention, stride=2, softmax_scale=1.0, implementation="patches"),
        two_features_and_mask,
        bfloat16=0.1,
    ),
    "AppearanceFlow": Entry(
        partial(layers.AppearanceFlow, filters=4), two_features_and_mask, bfloat16=0.1
    ),
    "NoAttention": Entry(layers.NoAttention, two_features_and_mask, bfloat16=0.004),
    # With more gain a 0.004th of the map is a tenth of a pixel, which in noise is a lot.
    "SpatialTransformer": Entry(
        partial(layers.SpatialTransformer, filters=4), two_features_and_mask, bfloat16=0.1, gain=1.0
    ),
    "CoarseNetwork": Entry(
        partial(networks.CoarseNetwork, width=4),
        image_and_mask,
        bfloat16=0.1,
        part_of="GeneratorV2",
    ),
    "RefinementNetwork": Entry(
        partial(networks.RefinementNetwork, width=4, sees_mask=True),
        image_and_mask,
        bfloat16=0.1,
        part_of="GeneratorV1",
    ),
    "GeneratorV1": Entry(
        partial(networks.GeneratorV1, width=4, attention_options={"softmax_scale": 1.0}),
        image_and_mask,
        bfloat16=0.1,
        gain=1.25,
    ),
    "GeneratorV2": Entry(
        partial(networks.GeneratorV2, width=4, attention_options={"softmax_scale": 1.0}),
        image_and_mask,
        bfloat16=0.1,
    ),
    "GeneratorV2 guided, with skip connections": Entry(
        partial(
            networks.GeneratorV2,
            width=4,
            guided=True,
            skips=True,
            attention_options={"softmax_scale": 1.0},
        ),
        image_mask_and_sketch,
        bfloat16=0.1,
        composition=True,
    ),
    "GeneratorV2 with border correction, half size and copied details": Entry(
        partial(
            networks.GeneratorV2,
            width=4,
            border_correction=(2.0, 1.0),
            half_size_deviation=4.0,
            detail_weight=0.5,
            attention_options={"softmax_scale": 1.0},
        ),
        image_and_mask,
        bfloat16=0.1,
        composition=True,
    ),
    # Where little is known partial convolutions amplify it, and there is no gate here.
    "GeneratorV1 of partial convolutions without attention": Entry(
        partial(networks.GeneratorV1, width=4, convolution="partial", attention="none"),
        image_and_mask,
        bfloat16=0.1,
        gain=0.8,
        composition=True,
    ),
    "GeneratorV1 without refinement": Entry(
        partial(networks.GeneratorV1, width=4, refinement=False),
        image_and_mask,
        bfloat16=0.1,
        gain=1.25,
        part_of="GeneratorV1",
    ),
    "GlobalDiscriminator": Entry(
        partial(networks.GlobalDiscriminator, width=4),
        image,
        bfloat16=0.1,
        fixed_size=True,
        part_of="GlobalLocalDiscriminator",
    ),
    "LocalDiscriminator": Entry(
        partial(networks.LocalDiscriminator, width=4),
        image,
        bfloat16=0.1,
        fixed_size=True,
        part_of="GlobalLocalDiscriminator",
    ),
    "GlobalLocalDiscriminator": Entry(
        partial(networks.GlobalLocalDiscriminator, width=4),
        image_and_box,
        bfloat16=0.1,
        fixed_size=True,
    ),
    # Large enough for the last layer to see more than one pixel: there TensorFlow's bfloat16
    # gradient of a 5 x 5 kernel reads memory that was never written.
    "PatchDiscriminator": Entry(
        partial(networks.PatchDiscriminator, width=4),
        partial(image_and_mask, height=64, width=64),
        bfloat16=0.1,
    ),
}


def built(entry: Entry, *, dtype: str | None = None, filled: bool = True) -> keras.layers.Layer:
    """The entry's layer, built by a call, with the same weights every time if `filled`."""
    layer = entry.make(dtype=dtype)
    layer(*entry.inputs())
    if filled:
        fill(layer, entry.gain)
    return layer


def fill(layer: keras.layers.Layer, gain: float) -> None:
    """Weights that depend on names alone and keep signals alive through many layers."""
    for name, variable in named_variables(layer.weights).items():
        generator = np.random.default_rng(zlib.crc32(name.encode()))
        values = generator.normal(size=variable.shape)
        if name.endswith("kernel"):
            values *= gain / np.sqrt(np.prod(variable.shape[:-1]))
        elif name.endswith("bias"):
            values *= 0.1
        variable.assign(values.astype("float32"))


def copy_weights(source: keras.layers.Layer, target: keras.layers.Layer) -> None:
    """Assigns by name; both must have the same names."""
    values, variables = named_variables(source.weights), named_variables(target.weights)
    assert list(values) == list(variables)
    for name, variable in variables.items():
        variable.assign(values[name])
