"""The first paper's discriminators: one score for an image, one for the hole's box."""

import tensorflow as tf

from deepfill_tf.compat import DeferredBuildMixin, keras
from deepfill_tf.layers import PlainConv2D


class _Scorer(DeferredBuildMixin, keras.Model):
    """5 x 5 convolutions of stride 2 with leaky ReLU 0.2, then a dense layer.

    Its weights fit the height and width that it is first called with.
    """

    # Channels of the layers, in units of the width.
    WIDTHS: tuple[int, ...]
    # Height and width of what it sees in the first paper.
    SIZE: int

    def __init__(self, width: int, name: str, dtype):
        super().__init__(name=name, dtype=dtype)
        if not isinstance(width, int) or width < 1:
            raise ValueError(f"width must be a positive integer, got {width!r}")
        self._width = width
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
                f"{type(self).__name__} is made for one size of images and cannot be traced "
                f"for a free one, got {images.shape}"
            )
        scores = self.score(tf.reshape(features, [-1, height * width * channels]))
        return tf.cast(scores, tf.float32)

    def example_inputs(self, channels: int) -> tuple[tf.Tensor]:
        """Zeros of the first paper's size."""
        return (tf.zeros([1, self.SIZE, self.SIZE, channels], self.compute_dtype),)

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype_policy.name, "width": self._width}


@keras.utils.register_keras_serializable(package="deepfill_tf")
class GlobalDiscriminator(_Scorer):
    """Scores whole images: `network(images)`, `[N, H, W, C]` in [-1, 1] -> `[N, 1]`.

    Section 3 of the first paper. H and W are those of its first call ever after.

    Args:
      width: channels of the first layer.
    """

    WIDTHS = (1, 2, 4, 4)
    SIZE = 256

    def __init__(self, width: int = 64, name: str = "global_discriminator", dtype=None):
        super().__init__(width, name, dtype)


@keras.utils.register_keras_serializable(package="deepfill_tf")
class LocalDiscriminator(_Scorer):
    """Scores what is in the box around a hole: `network(boxes)`, `[N, h, w, C]` -> `[N, 1]`.

    Section 3 of the first paper. h and w are those of its first call ever after.

    Args:
      width: channels of the first layer.
    """

    WIDTHS = (1, 2, 4, 8)
    SIZE = 128

    def __init__(self, width: int = 64, name: str = "local_discriminator", dtype=None):
        super().__init__(width, name, dtype)


@keras.utils.register_keras_serializable(package="deepfill_tf")
class GlobalLocalDiscriminator(DeferredBuildMixin, keras.Model):
    """Both of them: `network(images, boxes)` -> global and local scores, `[N, 1]` each.

    7,072,770 parameters for images of 256 x 256 and boxes of 128 x 128. What each sees
    is theirs to say: `network.whole(images)` and `network.box(boxes)` score one alone.

    Args:
      width: channels of the first layers.
    """

    def __init__(self, width: int = 64, name: str = "discriminator", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self._width = width
        self.whole = GlobalDiscriminator(width, name="global", dtype=dtype)
        self.box = LocalDiscriminator(width, name="local", dtype=dtype)

    def call(self, images: tf.Tensor, boxes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return self.whole(images), self.box(tf.cast(boxes, images.dtype))

    def example_inputs(self, channels: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Zeros of the first paper's sizes."""
        return *self.whole.example_inputs(channels), *self.box.example_inputs(channels)

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype_policy.name, "width": self._width}
