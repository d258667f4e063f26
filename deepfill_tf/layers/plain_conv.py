"""Convolution, bias, activation."""

import tensorflow as tf

from deepfill_tf.compat import FLOAT32_WEIGHT, DeferredBuildMixin, keras
from deepfill_tf.layers.activations import activation_named
from deepfill_tf.ops import PADDINGS, Region, convolve, pad


@keras.utils.register_keras_serializable(package="deepfill_tf")
class PlainConv2D(DeferredBuildMixin, keras.layers.Layer):
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
        return self.biased_and_activated(self.convolved(inputs, tf.cast(kernel, inputs.dtype)))

    def convolved(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """The convolution itself."""
        return convolve(
            inputs,
            kernel,
            strides=self.strides,
            dilation_rate=self.dilation_rate,
            padding=self.padding,
        )

    def biased_and_activated(self, features: tf.Tensor) -> tf.Tensor:
        """What becomes of the convolution's output."""
        bias = tf.cast(tf.convert_to_tensor(self.bias), features.dtype)
        return self.activate(tf.nn.bias_add(features, bias))

    def input_size(self, size: tuple) -> tuple:
        """Height and width of the inputs whose outputs have that height and width."""
        return size[0] * self.strides, size[1] * self.strides

    def input_region(self, region: Region) -> Region:
        """The part of the inputs that this part of the outputs sees.

        It may extend beyond the border, where the inputs are padded. Their height and width
        must be multiples of `strides`.
        """
        return self.convolution_region(region)

    def convolution_region(self, region: Region) -> Region:
        """What the convolution itself sees, after whatever comes before it in the layer."""
        reach = self.dilation_rate * (self.kernel_size - 1)
        if self.padding == "same":
            before = max(reach + 1 - self.strides, 0) // 2
        else:
            before = 0 if self.padding == "valid" else reach // 2
        first, last = (n * self.strides - before for n in (region.begin, region.end - 1))
        return Region(first, last + reach + 1)

    def call_on_region(self, inputs: tf.Tensor, given: Region, wanted: Region) -> tf.Tensor:
        """The part `wanted` of the outputs, where `inputs` are the part `given` of the inputs.

        That is what of `input_region(wanted)` lies inside the border.
        """
        kernel = tf.cast(tf.convert_to_tensor(self.kernel), inputs.dtype)
        inputs = pad(inputs, given.margins(self.convolution_region(wanted)), self.padding)
        features = convolve(
            inputs,
            kernel,
            strides=self.strides,
            dilation_rate=self.dilation_rate,
            padding="valid",
        )
        return self.biased_and_activated(features)

    def activate(self, features: tf.Tensor) -> tf.Tensor:
        """What becomes of the convolution's output with its bias."""
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
