"""Enlarging convolutions: nearest-neighbour doubling, then a convolution."""

import tensorflow as tf

from deepfill_tf.compat import keras
from deepfill_tf.layers.gated_conv import GatedConv2D
from deepfill_tf.layers.partial_conv import PartialConv2D
from deepfill_tf.layers.plain_conv import PlainConv2D
from deepfill_tf.ops import double_nearest


class _Doubling:
    """Doubles its input before the convolution: `[N, h, w, C]` -> `[N, 2h, 2w, filters]`."""

    def call_with_kernel(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        return super().call_with_kernel(double_nearest(inputs), kernel)


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
