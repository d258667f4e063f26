"""Enlarging convolutions: nearest-neighbour doubling, then a convolution."""

from typing import TYPE_CHECKING

import tensorflow as tf

from deepfill_tf.compat import keras
from deepfill_tf.layers.gated_conv import GatedConv2D
from deepfill_tf.layers.partial_conv import PartialConv2D
from deepfill_tf.layers.plain_conv import PlainConv2D
from deepfill_tf.ops import Window, convolve_doubled, double_nearest

# What the layers below have as well is one of these convolutions.
if TYPE_CHECKING:
    _Convolution = PlainConv2D
else:
    _Convolution = object


class _Doubling(_Convolution):
    """Doubles its input before the convolution: `[N, h, w, C]` -> `[N, 2h, 2w, filters]`."""

    def convolved(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        if self._is_transposed:
            return convolve_doubled(inputs, kernel)
        return super().convolved(double_nearest(inputs), kernel)

    @property
    def _is_transposed(self) -> bool:
        """Whether one transposed convolution does both."""
        return (
            self.padding == "same"
            and self.strides == self.dilation_rate == 1
            and self.kernel_size % 2 == 1
        )

    def input_size(self, size: tuple) -> tuple:
        return size[0] // 2, size[1] // 2

    def needed(self, window: Window) -> Window:
        seen = self.seen_by_convolution(window)
        return Window(seen.begin // 2, (seen.end + 1) // 2)

    def on_window(self, inputs: tf.Tensor, given: Window, wanted: Window) -> tf.Tensor:
        doubled = Window(2 * given.begin, 2 * given.end)
        if self._is_transposed:
            reach = self.kernel_size // 2
            kernel = tf.cast(tf.convert_to_tensor(self.kernel), inputs.dtype)
            features = convolve_doubled(inputs, kernel, "full")
            reached = Window(doubled.begin - reach, doubled.end + reach)
            return self.biased_and_activated(wanted.cut(features, reached))
        seen = self.seen_by_convolution(wanted).common(doubled)
        return super().on_window(seen.cut(double_nearest(inputs), doubled), seen, wanted)


@keras.utils.register_keras_serializable(package="deepfill_tf")
class PlainUpConv2D(_Doubling, PlainConv2D):
    """Doubling, then `PlainConv2D`: `[N, h, w, C]` -> `[N, 2h, 2w, filters]`."""


@keras.utils.register_keras_serializable(package="deepfill_tf")
class GatedUpConv2D(_Doubling, GatedConv2D):
    """Doubling, then `GatedConv2D`: `[N, h, w, C]` -> `[N, 2h, 2w, filters]`."""


@keras.utils.register_keras_serializable(package="deepfill_tf")
class PartialUpConv2D(PartialConv2D):
    """Doubling of features and masks, then `PartialConv2D`.

    `[N, h, w, C]` and `[N or 1, h, w, 1]` -> `[N, 2h, 2w, filters]` and `[N or 1, 2h, 2w, 1]`.
    """

    def call_with_kernel(
        self, inputs: tf.Tensor, kernel: tf.Tensor, masks: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        if masks is not None:
            masks = double_nearest(masks)
        return super().call_with_kernel(double_nearest(inputs), kernel, masks)
