"""What the layers share that read the background at predicted positions."""

import tensorflow as tf

from deepfill_tf.compat import DeferredBuildMixin, keras
from deepfill_tf.layers.plain_conv import PlainConv2D
from deepfill_tf.ops import cell_offsets, sample_bilinear


class SamplingAttention(DeferredBuildMixin, keras.layers.Layer):
    """Reads the background at positions that convolutions of the foreground predict.

    The first paper compares its attention with such layers (section 5). Called as
    `layer(foreground, background, masks)` with features `[N, h, w, C]`, both of the same
    size, and masks `[N, h, w, 1]` or `[1, h, w, 1]` (1 is the hole), or None: no hole.
    Gives the sampled features `[N, h, w, C]` and the integer offsets
    `[N, h // rate, w // rate, 2]` (see `ops.cell_offsets`). Without a background the
    foreground serves as its own. Positions are float32 under mixed precision.

    Args:
      rate: pixels per cell of the offsets.
      filters: channels of the convolutions.
      convolutions: arguments of each, beside `filters`.
    """

    def __init__(self, rate: int, filters: int, convolutions: list[dict], **kwargs):
        super().__init__(**kwargs)
        for name, value in {"rate": rate, "filters": filters}.items():
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a positive integer, got {value!r}")
        self.rate = rate
        self.filters = filters
        self._names = tuple(f"conv{number + 1}" for number in range(len(convolutions)))
        for name, arguments in zip(self._names, convolutions, strict=True):
            layer = PlainConv2D(filters, **arguments, name=name, dtype=self.dtype_policy)
            setattr(self, name, layer)

    def build(self, input_shape):
        channels = input_shape[-1] + 1
        for name in self._names:
            # Keras 2 does not name what is built here after its layer; Keras 3 does.
            with tf.name_scope(name):
                getattr(self, name).build((None, None, None, channels))
            channels = self.filters
        self.built = True

    def call(
        self,
        foreground: tf.Tensor,
        background: tf.Tensor | None = None,
        masks: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        if background is None:
            background = foreground
        rows, columns = self.positions(foreground, masks)
        # Keras 2 casts the first argument only.
        sampled = sample_bilinear(tf.cast(background, foreground.dtype), rows, columns)
        return sampled, cell_offsets(rows, columns, self.rate)

    @property
    def supports_regions(self) -> bool:
        """Its convolutions look at everything."""
        return False

    def positions(
        self, foreground: tf.Tensor, masks: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Row and column in pixels that each pixel's content comes from, `[N, h, w]` each."""
        raise NotImplementedError

    def convolved(self, foreground: tf.Tensor, masks: tf.Tensor | None) -> tf.Tensor:
        """What the convolutions make of foreground and mask, float32."""
        mask = tf.zeros_like(foreground[..., :1])
        if masks is not None:
            mask += tf.cast(masks, foreground.dtype)
        features = tf.concat([foreground, mask], axis=-1)
        for name in self._names:
            features = getattr(self, name)(features)
        return tf.cast(features, tf.float32)

    def get_config(self):
        return super().get_config() | {"rate": self.rate, "filters": self.filters}
