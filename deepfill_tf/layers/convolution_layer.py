"""Arguments and variables of the convolution layers."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from deepfill_tf.checks import check_choice, check_positive, check_positive_int
from deepfill_tf.compat import FLOAT32_WEIGHT, DeferredBuildMixin, keras
from deepfill_tf.layers.activations import activation_config, activation_named
from deepfill_tf.layers.scaled_glorot_uniform import ScaledGlorotUniform
from deepfill_tf.ops import PADDINGS, convolve


class ConvolutionLayer(DeferredBuildMixin, keras.layers.Layer):
    """Base class of the convolution layers: arguments, kernel and bias.

    Arguments are those of `PlainConv2D`. Kernels start Glorot uniform, times `kernel_gain`, biases
    at zero. The variables stay float32 under mixed precision. A subclass implements
    `call_with_kernel`.

    Attributes of the arguments' names hold them: sizes as integers, regularizers as objects.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int] = 3,
        strides: int | Sequence[int] = 1,
        dilation_rate: int | Sequence[int] = 1,
        padding: str = "same",
        activation: Any = "elu",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_gain: float = 1.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = check_positive_int("filters", filters)
        self.kernel_size = _same_in_both_directions("kernel_size", kernel_size)
        self.strides = _same_in_both_directions("strides", strides)
        self.dilation_rate = _same_in_both_directions("dilation_rate", dilation_rate)
        if self.strides > 1 and self.dilation_rate > 1:
            raise ValueError(
                f"only one of strides={strides} and dilation_rate={dilation_rate} may exceed 1"
            )
        self.padding = check_choice("padding", padding, PADDINGS)
        self.activation = activation
        self._activate = activation_named(activation)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_gain = check_positive("kernel_gain", kernel_gain)

    @property
    def convolution_filters(self) -> int:
        """Channels of the convolution's output, before the activation."""
        return self.filters

    def build(self, input_shape):
        channels, filters = input_shape[-1], self.convolution_filters
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.kernel_size, self.kernel_size, channels, filters),
            initializer=ScaledGlorotUniform(self.kernel_gain, self.filters),
            regularizer=self.kernel_regularizer,
            dtype="float32",
            **FLOAT32_WEIGHT,
        )
        self.bias = self.add_weight(
            name="bias",
            shape=(filters,),
            initializer="zeros",
            regularizer=self.bias_regularizer,
            dtype="float32",
            **FLOAT32_WEIGHT,
        )
        super().build(input_shape)

    def call_with_kernel(self, inputs: tf.Tensor, kernel: tf.Tensor):
        """The layer's output with another kernel of the same shape in place of its own."""
        raise NotImplementedError(f"{type(self).__name__} must implement call_with_kernel")

    def convolved(
        self, inputs: tf.Tensor, kernel: tf.Tensor, padding: str, skip_padding: bool = False
    ) -> tf.Tensor:
        """Output of the convolution alone; `kernel` has the inputs' dtype.

        See `ops.convolve` for `padding` and `skip_padding`.
        """
        return convolve(
            inputs,
            kernel,
            strides=self.strides,
            dilation_rate=self.dilation_rate,
            padding=padding,
            skip_padding=skip_padding,
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
            "activation": activation_config(self.activation),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": keras.regularizers.serialize(self.bias_regularizer),
            "kernel_gain": self.kernel_gain,
        }


def _same_in_both_directions(name: str, value: int | Sequence[int]) -> int:
    """Returns a positive integer given once, or twice as Keras's layers take sizes."""
    if not isinstance(value, list | tuple):
        return check_positive_int(name, value)  # type: ignore[arg-type]
    if len(value) != 2 or value[0] != value[1]:
        raise ValueError(f"{name} must be the same in both directions, got {value!r}")
    return check_positive_int(name, value[0])
