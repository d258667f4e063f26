"""Spatial transformer (Jaderberg et al., "Spatial Transformer Networks", 2015)."""

import tensorflow as tf

from deepfill_tf.compat import FLOAT32_WEIGHT, keras
from deepfill_tf.layers.sampling_attention import SamplingAttention
from deepfill_tf.ops import height_and_width

# Row by row the affine map of (x, y, 1) that is the identity.
IDENTITY = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]


@keras.utils.register_keras_serializable(package="deepfill_tf")
class SpatialTransformer(SamplingAttention):
    """Reads the background at positions given by one affine map for each image.

    Called as `layer(foreground, background, masks)`, returns features and offsets (see
    `layers.attention_layer.AttentionLayer`). Two convolutions of foreground and mask with
    stride 2, the mean over all positions and a product with a matrix predict the six numbers
    (a, b, c, d, e, f) of

        x_source = a x + b y + c   y_source = d x + e y + f

    with x (column) and y (row) from -1 to 1 between the centres of the outermost pixels.
    The map is the identity at first.

    Args:
      rate: see `AttentionLayer`.
      filters: channels of the two convolutions.

    Example:
      >>> layer = SpatialTransformer(filters=8)
      >>> features, offsets = layer(tf.ones([1, 8, 12, 4]))
      >>> tuple(features.shape), tuple(offsets.shape)
      ((1, 8, 12, 4), (1, 4, 6, 2))
    """

    def __init__(self, rate: int = 2, filters: int = 64, **kwargs):
        super().__init__(rate, filters, [{"strides": 2}] * 2, **kwargs)

    def build(self, input_shape):
        self.affine_kernel = self.add_weight(
            name="affine_kernel",
            shape=(self.filters, len(IDENTITY)),
            initializer="zeros",
            dtype="float32",
            **FLOAT32_WEIGHT,
        )
        self.affine_bias = self.add_weight(
            name="affine_bias",
            shape=(len(IDENTITY),),
            initializer=keras.initializers.Constant(IDENTITY),
            dtype="float32",
            **FLOAT32_WEIGHT,
        )
        super().build(input_shape)

    def positions(
        self, foreground: tf.Tensor, masks: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        return _source(self.affine_map(foreground, masks), *height_and_width(foreground))

    def affine_map(self, foreground: tf.Tensor, masks: tf.Tensor | None = None) -> tf.Tensor:
        """The numbers a to f of each image: float32 `[N, 6]`."""
        means = tf.reduce_mean(self.convolved(foreground, masks), axis=[1, 2])
        product = tf.matmul(means, tf.convert_to_tensor(self.affine_kernel))
        return product + tf.convert_to_tensor(self.affine_bias)


def _source(affine: tf.Tensor, height, width) -> tuple[tf.Tensor, tf.Tensor]:
    """Rows and columns in pixels, `[N, height, width]`, to which maps `[N, 6]` take each pixel."""
    middle_row, middle_column = (tf.cast(size - 1, tf.float32) / 2 for size in (height, width))
    row = tf.range(tf.cast(height, tf.float32))[:, None] - middle_row
    column = tf.range(tf.cast(width, tf.float32)) - middle_column
    y, x = row / tf.maximum(middle_row, 0.5), column / tf.maximum(middle_column, 0.5)
    a, b, c, d, e, f = (number[:, None, None] for number in tf.unstack(affine, axis=1))
    # a and e multiply whole pixels, not parts of the image: the identity is exact.
    columns = middle_column + a * column + middle_column * (b * y + c)
    rows = middle_row + e * row + middle_row * (d * x + f)
    return rows, columns
