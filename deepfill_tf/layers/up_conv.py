"""Upsampling convolutions: nearest-neighbour upsampling by 2, then a convolution."""

import tensorflow as tf

from deepfill_tf.compat import keras
from deepfill_tf.layers.gated_conv import GatedConv2D
from deepfill_tf.layers.partial_conv import PartialConv2D
from deepfill_tf.layers.plain_conv import PlainConv2D
from deepfill_tf.ops import Region, upsample_conv2d, upsample_nearest_2x


class _Upsampling(PlainConv2D):
    """Upsamples its input before the convolution: `[N, h, w, C]` -> `[N, 2h, 2w, filters]`."""

    def call_with_kernel(
        self, inputs: tf.Tensor, kernel: tf.Tensor, skip_padding: bool = False
    ) -> tf.Tensor:
        if not self._is_transposed:
            return super().call_with_kernel(upsample_nearest_2x(inputs), kernel, skip_padding)
        return self.biased_and_activated(upsample_conv2d(inputs, tf.cast(kernel, inputs.dtype)))

    @property
    def _is_transposed(self) -> bool:
        """True if one transposed convolution computes upsampling and convolution."""
        return (
            self.padding == "same"
            and self.strides == self.dilation_rate == 1
            and self.kernel_size % 2 == 1
        )

    def input_size(self, size: tuple) -> tuple:
        return size[0] // 2, size[1] // 2

    def input_region(self, region: Region) -> Region:
        seen = self.convolution_region(region)
        return Region(seen.begin // 2, (seen.end + 1) // 2)

    def call_on_region(self, inputs: tf.Tensor, given: Region, wanted: Region) -> tf.Tensor:
        upsampled = Region(2 * given.begin, 2 * given.end)
        if self._is_transposed:
            reach = self.kernel_size // 2
            kernel = tf.cast(tf.convert_to_tensor(self.kernel), inputs.dtype)
            features = upsample_conv2d(inputs, kernel, "full")
            reached = Region(upsampled.begin - reach, upsampled.end + reach)
            return self.biased_and_activated(wanted.crop(features, reached))
        seen = self.convolution_region(wanted).intersection(upsampled)
        return super().call_on_region(
            seen.crop(upsample_nearest_2x(inputs), upsampled), seen, wanted
        )


@keras.utils.register_keras_serializable(package="deepfill_tf")
class PlainUpConv2D(_Upsampling):
    """Upsampling by 2, then `PlainConv2D`: `[N, h, w, C]` -> `[N, 2h, 2w, filters]`.

    Example:
      >>> tuple(PlainUpConv2D(8)(tf.zeros([1, 8, 12, 3])).shape)
      (1, 16, 24, 8)
    """


@keras.utils.register_keras_serializable(package="deepfill_tf")
class GatedUpConv2D(_Upsampling, GatedConv2D):
    """Upsampling by 2, then `GatedConv2D`: `[N, h, w, C]` -> `[N, 2h, 2w, filters]`.

    Example:
      >>> tuple(GatedUpConv2D(8)(tf.zeros([1, 8, 12, 3])).shape)
      (1, 16, 24, 8)
    """


@keras.utils.register_keras_serializable(package="deepfill_tf")
class PartialUpConv2D(PartialConv2D):
    """Upsampling by 2 of features and masks, then `PartialConv2D`.

    `[N, h, w, C]` and `[N or 1, h, w, 1]` -> `[N, 2h, 2w, filters]` and `[N or 1, 2h, 2w, 1]`.

    Example:
      >>> features, masks = PartialUpConv2D(8)(tf.zeros([1, 8, 12, 3]), tf.ones([1, 8, 12, 1]))
      >>> tuple(features.shape), tuple(masks.shape)
      ((1, 16, 24, 8), (1, 16, 24, 1))
    """

    def call_with_kernel(
        self, inputs: tf.Tensor, kernel: tf.Tensor, masks: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        if masks is not None:
            masks = upsample_nearest_2x(masks)
        return super().call_with_kernel(upsample_nearest_2x(inputs), kernel, masks)
