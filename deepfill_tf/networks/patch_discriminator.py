"""Discriminator of the second paper: spectral norm, a score for every feature.

    scores = discriminator(images, masks)
    scores = discriminator(images, masks, sketches)     # guided

images      float `[N, H, W, C]` in [-1, 1]
masks       `[N, H, W, 1]` or `[1, H, W, 1]`, 0 or 1; 1 is the hole
sketches    as masks, 1 is an edge; edges outside the hole are ignored
scores      float32 `[N, ceil(H / 64) * ceil(W / 64) * 4 * width]`, of any value: 4 x 4 x 256
            for an image of 256 x 256

Section 3.3 of the second paper ("SN-PatchGAN").
"""

from typing import Any

import tensorflow as tf

from deepfill_tf.checks import check_bool, check_positive_int
from deepfill_tf.compat import build_layer, keras
from deepfill_tf.layers import PlainConv2D, SpectralNorm
from deepfill_tf.networks.inputs import (
    Inputs,
    check_given,
    check_sketches,
    unpacked,
    zero_inputs,
)
from deepfill_tf.networks.rebuilding import RebuiltOnLoading
from deepfill_tf.networks.stage import SIZE_MULTIPLE

# Channels of the layers, in units of the width.
WIDTHS = (1, 2, 4, 4, 4, 4)


@keras.utils.register_keras_serializable(package="deepfill_tf")
class PatchDiscriminator(RebuiltOnLoading, keras.Model):
    """Scores images patch by patch: `discriminator(images, masks)` -> `[N, scores]`.

    See the module's docstring for shapes and ranges. Six 5 x 5 convolutions of stride 2, each
    with leaky ReLU 0.2 (after the last one too, as released); the scores are the last feature
    map, flattened. With `training=True` the vectors `u` of the spectral norms are updated.

    Args:
      width: channels of the first layer; those of the others are multiples of it.
      guided: whether a sketch is an input too.
      name: the model's name.
      dtype: a policy such as "mixed_bfloat16"; None is Keras's global one.

    Example:
      >>> discriminator = PatchDiscriminator(width=4)
      >>> discriminator(tf.zeros([2, 64, 128, 3]), tf.ones([1, 64, 128, 1])).shape
      TensorShape([2, 32])
    """

    def __init__(
        self,
        width: int = 64,
        guided: bool = False,
        name: str = "discriminator",
        dtype: str | None = None,
    ):
        super().__init__(name=name, dtype=dtype)
        self.width = check_positive_int("width", width)
        self.guided = check_bool("guided", guided)
        self._names = tuple(f"conv{i + 1}" for i in range(len(WIDTHS)))
        for layer_name, factor in zip(self._names, WIDTHS, strict=True):
            convolution = PlainConv2D(
                filters=factor * width,
                kernel_size=5,
                strides=2,
                activation="leaky_relu",
                name="convolution",
                dtype=self.dtype_policy,
            )
            layer = SpectralNorm(convolution, name=layer_name, dtype=self.dtype_policy)
            setattr(self, layer_name, layer)

    def build(self, input_shape: tuple) -> None:
        """Creates the variables, for inputs of which the images have the shape `input_shape`."""
        if isinstance(input_shape[-1], tuple | list):  # of inputs in one list
            input_shape = input_shape[0]
        channels = input_shape[-1] + 1 + self.guided
        for name in self._names:
            layer = getattr(self, name)
            build_layer(layer, (None, None, None, channels))
            channels = layer.layer.filters
        self.built = True

    def call(
        self,
        images: Inputs,
        masks: tf.Tensor | None = None,
        sketches: tf.Tensor | None = None,
        training: bool | None = None,
    ) -> tf.Tensor:
        images, masks, sketches = unpacked(images, masks, sketches)
        check_given("discriminator", masks=masks)
        check_sketches("discriminator", self.guided, sketches)
        # Keras 2 casts the first argument only.
        masks = tf.ones_like(images[..., :1]) * tf.cast(masks, images.dtype)
        inputs = [images, masks]
        if self.guided:
            inputs.append(tf.cast(sketches, images.dtype) * masks)
        features = tf.concat(inputs, axis=-1)
        for name in self._names:
            features = getattr(self, name)(features, training=training)
        scores = tf.reshape(features, [tf.shape(features)[0], -1])
        return tf.cast(scores, tf.float32)

    def example_inputs(self, channels: int = 3) -> tuple[tf.Tensor, ...]:
        """Zeros that the network can be called with, for images of so many channels."""
        return zero_inputs(SIZE_MULTIPLE, channels, guided=self.guided, dtype=self.compute_dtype)

    def input_shapes(self) -> list[list[int]]:
        # The image is followed by the mask and the sketch.
        channels = int(self.conv1.layer.kernel.shape[2]) - 1 - self.guided
        return [list(inputs.shape) for inputs in self.example_inputs(channels)]

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "dtype": self.dtype_policy.name,
            "width": self.width,
            "guided": self.guided,
        }
