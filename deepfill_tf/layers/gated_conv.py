"""Gated convolution (second paper, section 3.1)."""

import tensorflow as tf

from deepfill_tf.compat import keras
from deepfill_tf.layers.plain_conv import PlainConv2D
from deepfill_tf.ops import convolve_gated
from deepfill_tf.ops.devices import runs_on_cpu


@keras.utils.register_keras_serializable(package="deepfill_tf")
class GatedConv2D(PlainConv2D):
    """Gated convolution: `[N, h, w, C]` -> `[N, h', w', filters]`.

    The output is activation(features) * sigmoid(gate).

    One convolution makes `2 * filters` channels, the features first and the gates
    second. `filters` counts the channels of the output; the released program counts
    those of the convolution. Without an activation there is no gate either, as
    released: the convolution makes `filters` channels, which are returned as they are.
    Arguments are those of `PlainConv2D`.

    Example:
      >>> layer = GatedConv2D(8, dilation_rate=2)
      >>> tuple(layer(tf.zeros([1, 16, 24, 3])).shape), tuple(layer.kernel.shape)
      ((1, 16, 24, 8), (3, 3, 3, 16))
    """

    @property
    def convolution_filters(self) -> int:
        return self.filters if self.activation is None else 2 * self.filters

    def convolved_and_activated(
        self, inputs: tf.Tensor, kernel: tf.Tensor, padding: str, skip_padding: bool = False
    ) -> tf.Tensor:
        if self.activation != "elu" or not runs_on_cpu():
            return super().convolved_and_activated(inputs, kernel, padding, skip_padding)
        return convolve_gated(
            inputs,
            kernel,
            tf.cast(tf.convert_to_tensor(self.bias), inputs.dtype),
            strides=self.strides,
            dilation_rate=self.dilation_rate,
            padding=padding,
            skip_padding=skip_padding,
        )

    def activate(self, features: tf.Tensor) -> tf.Tensor:
        if self.activation is None:
            return features
        features, gates = tf.split(features, 2, axis=-1)
        return super().activate(features) * tf.nn.sigmoid(gates)
