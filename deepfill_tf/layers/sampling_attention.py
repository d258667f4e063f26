"""Base class of the layers that read the background at predicted positions."""

import tensorflow as tf

from deepfill_tf.checks import check_positive_int
from deepfill_tf.compat import DeferredBuildMixin
from deepfill_tf.layers.attention_layer import AttentionLayer
from deepfill_tf.layers.plain_conv import PlainConv2D
from deepfill_tf.ops import cell_offsets, sample_bilinear


class SamplingAttention(DeferredBuildMixin, AttentionLayer):
    """Reads the background at positions that convolutions of foreground and mask predict.

    The first paper compares its attention with such layers (section 5). Called as
    `AttentionLayer` is; foreground and background must have the same size. The offsets are
    means over cells of rate x rate pixels (see `ops.cell_offsets`). Positions are float32
    under mixed precision. A subclass implements `positions`.

    Args:
      rate: see `AttentionLayer`.
      filters: channels of the convolutions.
      convolutions: arguments of each convolution, beside `filters`.

    Raises ValueError unless `rate` and `filters` are positive integers.
    """

    def __init__(self, rate: int, filters: int, convolutions: list[dict], **kwargs):
        super().__init__(rate, **kwargs)
        self.filters = check_positive_int("filters", filters)
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

    def attend(
        self, foreground: tf.Tensor, background: tf.Tensor, masks: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        rows, columns = self.positions(foreground, masks)
        return sample_bilinear(background, rows, columns), cell_offsets(rows, columns, self.rate)

    def positions(
        self, foreground: tf.Tensor, masks: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Row and column in the background for each pixel, in pixels: float32 `[N, h, w]` each."""
        raise NotImplementedError(f"{type(self).__name__} must implement positions")

    def convolved(self, foreground: tf.Tensor, masks: tf.Tensor | None) -> tf.Tensor:
        """Output of the convolutions of foreground and mask: float32 `[N, h', w', filters]`."""
        mask = tf.zeros_like(foreground[..., :1])
        if masks is not None:
            mask += tf.cast(masks, foreground.dtype)
        features = tf.concat([foreground, mask], axis=-1)
        for name in self._names:
            features = getattr(self, name)(features)
        return tf.cast(features, tf.float32)

    def get_config(self) -> dict:
        return super().get_config() | {"filters": self.filters}
