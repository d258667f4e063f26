"""Convolution, bias, activation."""

import tensorflow as tf

from deepfill_tf.compat import FLOAT32_WEIGHT, BuiltByCalling, keras
from deepfill_tf.layers.activations import activation_named
from deepfill_tf.ops import PADDINGS, convolve


@keras.utils.register_keras_serializable(package="deepfill_tf")
class PlainConv2D(BuiltByCalling, keras.layers.Layer):
    """Convolution, bias and activation: `[N, h, w, C]` -> `[N, h', w', filters]`.

    Differs from Keras's `Conv2D` by the mirrored paddings and by gradients of
    dilated convolutions on every device. Kernels start Glorot uniform, biases at
    zero. The variables stay float32 under mixed precision.

    Args:
      filters: channels of the output.
      kernel_size: side of the square kernel.
      strides: step, the same in both directions.
      dilation_rate: distance between the kernel's entries; needs `strides=1` above 1.
      padding: "same", "valid", "symmetric" or "reflect" (see `ops.convolve`).
      activation: "elu", "relu", "leaky_relu", "tanh", "clip" or None.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int = 3,
        strides: int = 1,
        dilation_rate: int = 1,
        padding: str = "same",
        activation: str | None = "elu",
        **kwargs,
    ):
        super().__init__(**kwargs)
        named = {"filters": filters, "kernel_size": kernel_size}
        named |= {"strides": strides, "dilation_rate": dilation_rate}
        for name, value in named.items():
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a positive integer, got {value!r}")
        if strides > 1 and dilation_rate > 1:
            raise ValueError(
                f"only one of strides={strides} and dilation_rate={dilation_rate} may exceed 1"
            )
        if padding not in PADDINGS:
            raise ValueError(f"padding must be one of {PADDINGS}, got {padding!r}")
        self.filters = filters
        self.kernel_size = kernel_size
        self.strides = strides
        self.dilation_rate = dilation_rate
        self.padding = padding
        self.activation = activation
        self._activate = activation_named(activation)

    @property
    def convolution_filters(self) -> int:
        """Channels that the convolution itself makes."""
        return self.filters

    def build(self, input_shape):
        channels, filters = input_shape[-1], self.convolution_filters
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.kernel_size, self.kernel_size, channels, filters),
            initializer="glorot_uniform",
            dtype="float32",
            **FLOAT32_WEIGHT,
        )
        self.bias = self.add_weight(
            name="bias", shape=(filters,), initializer="zeros", dtype="float32", **FLOAT32_WEIGHT
        )
        super().build(input_shape)

    def call(self, inputs):
        return self.call_with_kernel(inputs, tf.convert_to_tensor(self.kernel))

    def call_with_kernel(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """The layer's output with another kernel of the same shape in place of its own."""
        features = convolve(
            inputs,
            tf.cast(kernel, inputs.dtype),
            strides=self.strides,
            dilation_rate=self.dilation_rate,
            padding=self.padding,
        )
        bias = tf.cast(tf.convert_to_tensor(self.bias), inputs.dtype)
        return self.activate(tf.nn.bias_add(features, bias))

    def activate(self, features: tf.Tensor) -> tf.Tensor:
        """What becomes of the convolution's output."""
        return self._activate(features)

    def get_config(self):
        return super().get_config() | {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "dilation_rate": self.dilation_rate,
            "padding": self.padding,
            "activation": self.activation,
        }
