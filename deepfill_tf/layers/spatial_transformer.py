"""Spatial transformer (Jaderberg et al., "Spatial Transformer Networks", 2015)."""

import tensorflow as tf

from deepfill_tf.compat import FLOAT32_WEIGHT, BuiltByCalling, keras
from deepfill_tf.layers.plain_conv import PlainConv2D
from deepfill_tf.ops import cell_offsets, height_and_width, sample_bilinear

# Row by row the affine map of (x, y, 1) that leaves everything where it is.
IDENTITY = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]


@keras.utils.register_keras_serializable(package="deepfill_tf")
class SpatialTransformer(BuiltByCalling, keras.layers.Layer):
    """Reads the background through one affine map for each picture.

    The first paper compares its attention with this one (section 5). Called as
    `layer(foreground, background, masks)` with features `[N, h, w, C]`, both of the same
    size, and masks `[N, h, w, 1]` or `[1, h, w, 1]` (1 is the hole), or None: no hole.
    Gives the sampled features `[N, h, w, C]` and the integer offsets
    `[N, h // rate, w // rate, 2]` (see `ops.cell_offsets`). Without a background the
    foreground serves as its own.

    Two convolutions of stride 2 look at foreground and mask; the mean over all positions
    and a product with a matrix give the six numbers (a, b, c, d, e, f) of

        x_source = a x + b y + c   y_source = d x + e y + f

    with x (column) and y (row) from -1 to 1 between the centres of the outermost pixels.
    It starts as the identity. The map is float32 under mixed precision.

    Args:
      rate: pixels per cell of the offsets.
      filters: channels of the two convolutions.
    """

    def __init__(self, rate: int = 2, filters: int = 64, **kwargs):
        super().__init__(**kwargs)
        for name, value in {"rate": rate, "filters": filters}.items():
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a positive integer, got {value!r}")
        self.rate = rate
        self.filters = filters
        self.conv1 = PlainConv2D(filters, strides=2, name="conv1", dtype=self.dtype_policy)
        self.conv2 = PlainConv2D(filters, strides=2, name="conv2", dtype=self.dtype_policy)

    def build(self, input_shape):
        for convolution, channels in (
            (self.conv1, input_shape[-1] + 1),
            (self.conv2, self.filters),
        ):
            # Keras 2 does not name what is built here after its layer; Keras 3 does.
            with tf.name_scope(convolution.name):
                convolution.build((None, None, None, channels))
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
        self.built = True

    def call(
        self,
        foreground: tf.Tensor,
        background: tf.Tensor | None = None,
        masks: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        if background is None:
            background = foreground
        rows, columns = _source(self.affine_map(foreground, masks), *height_and_width(foreground))
        # Keras 2 casts the first argument only.
        background = tf.cast(background, foreground.dtype)
        return (
            sample_bilinear(background, rows, columns),
            cell_offsets(rows, columns, self.rate),
        )

    def affine_map(self, foreground: tf.Tensor, masks: tf.Tensor | None = None) -> tf.Tensor:
        """a to f of each picture: float32 `[N, 6]`."""
        mask = tf.zeros_like(foreground[..., :1])
        if masks is not None:
            mask += tf.cast(masks, foreground.dtype)
        features = self.conv2(self.conv1(tf.concat([foreground, mask], axis=-1)))
        means = tf.reduce_mean(tf.cast(features, tf.float32), axis=[1, 2])
        product = tf.matmul(means, tf.convert_to_tensor(self.affine_kernel))
        return product + tf.convert_to_tensor(self.affine_bias)

    def get_config(self):
        return super().get_config() | {"rate": self.rate, "filters": self.filters}


def _source(affine: tf.Tensor, height, width) -> tuple[tf.Tensor, tf.Tensor]:
    """Rows and columns in pixels, `[N, height, width]`, that maps `[N, 6]` give to each pixel."""
    middle_row, middle_column = (tf.cast(size - 1, tf.float32) / 2 for size in (height, width))
    row = tf.range(tf.cast(height, tf.float32))[:, None] - middle_row
    column = tf.range(tf.cast(width, tf.float32)) - middle_column
    y, x = row / tf.maximum(middle_row, 0.5), column / tf.maximum(middle_column, 0.5)
    a, b, c, d, e, f = (number[:, None, None] for number in tf.unstack(affine, axis=1))
    # a and e multiply whole pixels, not parts of the picture: the identity is exact.
    columns = middle_column + a * column + middle_column * (b * y + c)
    rows = middle_row + e * row + middle_row * (d * x + f)
    return rows, columns
