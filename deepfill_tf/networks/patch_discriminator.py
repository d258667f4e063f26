"""The second paper's discriminator: spectral norm, one score for every feature."""

import tensorflow as tf

from deepfill_tf.compat import DeferredBuildMixin, keras
from deepfill_tf.layers import PlainConv2D, SpectralNorm

# Channels of the layers, in units of the width.
WIDTHS = (1, 2, 4, 4, 4, 4)


@keras.utils.register_keras_serializable(package="deepfill_tf")
class PatchDiscriminator(DeferredBuildMixin, keras.Model):
    """Scores images patch by patch: `network(images, masks)` -> `[N, scores]`.

    `images` are `[N, H, W, C]` in [-1, 1], `masks` `[N, H, W, 1]` or `[1, H, W, 1]`; where
    guided, `network(images, masks, sketches)` with sketches like masks, of which only what
    lies in the hole is seen.
    Six 5 x 5 convolutions of stride 2, each with leaky ReLU 0.2 (the last one too, as
    released); the flattened last feature map is the score: 4 x 4 x 256 numbers for a
    image of 256 x 256. With `training=True` the spectral norms' vectors `u` move on.

    Args:
      width: channels of the first layer.
      guided: whether a sketch is an input too.
    """

    def __init__(
        self, width: int = 64, guided: bool = False, name: str = "discriminator", dtype=None
    ):
        super().__init__(name=name, dtype=dtype)
        if not isinstance(width, int) or width < 1:
            raise ValueError(f"width must be a positive integer, got {width!r}")
        self._width = width
        self._guided = guided
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
            setattr(
                self,
                layer_name,
                SpectralNorm(convolution, name=layer_name, dtype=self.dtype_policy),
            )

    def call(
        self,
        images: tf.Tensor,
        masks: tf.Tensor,
        sketches: tf.Tensor | None = None,
        training: bool | None = None,
    ) -> tf.Tensor:
        if self._guided != (sketches is not None):
            raise ValueError(
                f"a discriminator with guided={self._guided} takes "
                f"{'images, masks and sketches' if self._guided else 'images and masks'}"
            )
        # Keras 2 casts the first argument only.
        masks = tf.ones_like(images[..., :1]) * tf.cast(masks, images.dtype)
        inputs = [images, masks]
        if self._guided:
            inputs.append(tf.cast(sketches, images.dtype) * masks)
        features = tf.concat(inputs, axis=-1)
        for name in self._names:
            features = getattr(self, name)(features, training=training)
        scores = tf.reshape(features, [tf.shape(features)[0], -1])
        return tf.cast(scores, tf.float32)

    def get_config(self):
        return {
            "name": self.name,
            "dtype": self.dtype_policy.name,
            "width": self._width,
            "guided": self._guided,
        }
