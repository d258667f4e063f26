"""Discriminators of the first paper: one score for an image, one for the box around its hole.

    global_scores = GlobalDiscriminator()(images)
    local_scores = LocalDiscriminator()(boxes)
    global_scores, local_scores = GlobalLocalDiscriminator()(images, boxes)

images    float `[N, H, W, C]` in [-1, 1]; 256 x 256 in the paper
boxes     float `[N, h, w, C]` in [-1, 1], crops around the holes; 128 x 128 in the paper
scores    float32 `[N, 1]`, of any value

The last layer is dense, so that a network's weights fit one size of images: that of its first
call. Section 3.2 of the first paper.
"""

from typing import Any

import tensorflow as tf

from deepfill_tf.checks import check_positive_int
from deepfill_tf.compat import keras
from deepfill_tf.layers import PlainConv2D
from deepfill_tf.networks.inputs import Inputs, check_given, unpacked
from deepfill_tf.networks.rebuilding import RebuiltOnLoading


class _Scorer(RebuiltOnLoading, keras.Model):
    """5 x 5 convolutions of stride 2 with leaky ReLU 0.2, then a dense layer."""

    # Channels of the layers, in units of the width.
    WIDTHS: tuple[int, ...]
    # Height and width of the input in the first paper.
    SIZE: int

    def __init__(self, width: int, name: str, dtype: str | None):
        super().__init__(name=name, dtype=dtype)
        self.width = check_positive_int("width", width)
        self._names = tuple(f"conv{i + 1}" for i in range(len(self.WIDTHS)))
        for layer_name, factor in zip(self._names, self.WIDTHS, strict=True):
            convolution = PlainConv2D(
                filters=factor * width,
                kernel_size=5,
                strides=2,
                activation="leaky_relu",
                name=layer_name,
                dtype=self.dtype_policy,
            )
            setattr(self, layer_name, convolution)
        self.score = keras.layers.Dense(1, name="score", dtype=self.dtype_policy)

    def call(self, images: tf.Tensor) -> tf.Tensor:
        features = images
        for name in self._names:
            features = getattr(self, name)(features)
        _, height, width, channels = features.shape
        if height is None or width is None:
            raise ValueError(
                f"{type(self).__name__} takes images of one size and cannot be traced for "
                f"unknown sizes, got {images.shape}"
            )
        # A layer's weights depend on it; see `input_shapes`.
        self._input_size = tuple(images.shape[1:])
        scores = self.score(tf.reshape(features, [-1, height * width * channels]))
        return tf.cast(scores, tf.float32)

    def example_inputs(self, channels: int = 3) -> tuple[tf.Tensor]:
        """Zeros of the first paper's size, for images of so many channels."""
        return (tf.zeros([1, self.SIZE, self.SIZE, channels], self.compute_dtype),)

    def input_shapes(self) -> list[list[int]]:
        return [[1, *self._input_size]]

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype_policy.name, "width": self.width}


@keras.utils.register_keras_serializable(package="deepfill_tf")
class GlobalDiscriminator(_Scorer):
    """Scores whole images: `discriminator(images)`, `[N, H, W, C]` -> `[N, 1]`.

    See the module's docstring for ranges.

    Args:
      width: channels of the first layer; those of the others are multiples of it.
      name: the model's name.
      dtype: a policy such as "mixed_bfloat16"; None is Keras's global one.

    Example:
      >>> discriminator = GlobalDiscriminator(width=4)
      >>> discriminator(tf.zeros([2, 32, 48, 3])).shape
      TensorShape([2, 1])
    """

    WIDTHS = (1, 2, 4, 4)
    SIZE = 256

    def __init__(
        self, width: int = 64, name: str = "global_discriminator", dtype: str | None = None
    ):
        super().__init__(width, name, dtype)


@keras.utils.register_keras_serializable(package="deepfill_tf")
class LocalDiscriminator(_Scorer):
    """Scores boxes around holes: `discriminator(boxes)`, `[N, h, w, C]` -> `[N, 1]`.

    See the module's docstring for ranges.

    Args:
      width: channels of the first layer; those of the others are multiples of it.
      name: the model's name.
      dtype: a policy such as "mixed_bfloat16"; None is Keras's global one.

    Example:
      >>> discriminator = LocalDiscriminator(width=4)
      >>> discriminator(tf.zeros([2, 16, 32, 3])).shape
      TensorShape([2, 1])
    """

    WIDTHS = (1, 2, 4, 8)
    SIZE = 128

    def __init__(
        self, width: int = 64, name: str = "local_discriminator", dtype: str | None = None
    ):
        super().__init__(width, name, dtype)


@keras.utils.register_keras_serializable(package="deepfill_tf")
class GlobalLocalDiscriminator(RebuiltOnLoading, keras.Model):
    """A global and a local one: `discriminator(images, boxes)` -> scores, `[N, 1]` each.

    7,072,770 parameters for images of 256 x 256 and boxes of 128 x 128. Each can be called
    alone: `discriminator.whole(images)` and `discriminator.box(boxes)`. See the module's
    docstring for ranges.

    Args:
      width: channels of the first layers; those of the others are multiples of it.
      name: the model's name.
      dtype: a policy such as "mixed_bfloat16"; None is Keras's global one.

    Example:
      >>> discriminator = GlobalLocalDiscriminator(width=4)
      >>> images, boxes = tf.zeros([2, 32, 48, 3]), tf.zeros([2, 16, 16, 3])
      >>> global_scores, local_scores = discriminator(images, boxes)
      >>> global_scores.shape, local_scores.shape
      (TensorShape([2, 1]), TensorShape([2, 1]))
    """

    def __init__(self, width: int = 64, name: str = "discriminator", dtype: str | None = None):
        super().__init__(name=name, dtype=dtype)
        self.width = width
        self.whole = GlobalDiscriminator(width, name="global", dtype=dtype)
        self.box = LocalDiscriminator(width, name="local", dtype=dtype)

    def call(self, images: Inputs, boxes: tf.Tensor | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        images, boxes = unpacked(images, boxes)
        check_given("discriminator", boxes=boxes)
        return self.whole(images), self.box(tf.cast(boxes, images.dtype))

    def example_inputs(self, channels: int = 3) -> tuple[tf.Tensor, tf.Tensor]:
        """Zeros of the first paper's sizes, for images of so many channels."""
        return *self.whole.example_inputs(channels), *self.box.example_inputs(channels)

    def input_shapes(self) -> list[list[int]]:
        return self.whole.input_shapes() + self.box.input_shapes()

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype_policy.name, "width": self.width}
