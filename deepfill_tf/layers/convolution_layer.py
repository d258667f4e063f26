"""Arguments and variables of the convolution layers."""

import tensorflow as tf

from deepfill_tf.checks import check_choice, check_positive_int
from deepfill_tf.compat import FLOAT32_WEIGHT, DeferredBuildMixin, keras
from deepfill_tf.layers.activations import activation_named
from deepfill_tf.ops import PADDINGS, convolve


class ConvolutionLayer(DeferredBuildMixin, keras.layers.Layer):
    """Base class of the convolution layers: arguments, kernel and bias.

    Arguments are those of `PlainConv2D`. Kernels start Glorot uniform, biases at zero. The
    variables stay float32 under mixed precision. A subclass implements `call_with_kernel`.
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
        self.filters = check_positive_int("filters", filters)
        self.kernel_size = check_positive_int("kernel_size", kernel_size)
        self.strides = check_positive_int("strides", strides)
        self.dilation_rate = check_positive_int("dilation_rate", dilation_rate)
        if strides > 1 and dilation_rate > 1:
            raise ValueError(
                f"only one of strides={strides} and dilation_rate={dilation_rate} may exceed 1"
            )
        self.padding = check_choice("padding", padding, PADDINGS)
        self.activation = activation
        self._activate = activation_named(activation)

    @property
    def convolution_filters(self) -> int:
        """Channels of the convolution's output, before the activation."""
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

    def call_with_kernel(self, inputs: tf.Tensor, kernel: tf.Tensor):
        """The layer's output with another kernel of the same shape in place of its own."""
        raise NotImplementedError(f"{type(self).__name__} must implement call_with_kernel")

    def convolved(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Output of the convolution alone; `kernel` has the inputs' dtype."""
        return convolve(
            inputs,
            kernel,
            strides=self.strides,
            dilation_rate=self.dilation_rate,
            padding=self.padding,
        )

    def activate(self, features: tf.Tensor) -> tf.Tensor:
        """Activation of the convolution's output with its bias."""
        return self._activate(features)

    def get_config(self) -> dict:
        return super().get_config() | {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "dilation_rate": self.dilation_rate,
            "padding": self.padding,
            "activation": self.activation,
        }
