"""Convolution, bias, activation."""

import tensorflow as tf

from deepfill_tf.compat import keras
from deepfill_tf.layers.convolution_layer import ConvolutionLayer
from deepfill_tf.ops import Region, pad


@keras.utils.register_keras_serializable(package="deepfill_tf")
class PlainConv2D(ConvolutionLayer):
    """Convolution, bias and activation: `[N, h, w, C]` -> `[N, h', w', filters]`.

    Differs from Keras's `Conv2D` by the mirrored paddings and by gradients of dilated
    convolutions on every device. Kernels start Glorot uniform, biases at zero. The variables
    stay float32 under mixed precision.

    A region of the output can be computed alone: `input_region` is the region of the inputs
    that it depends on, `call_on_region` computes it.

    Args:
      filters: channels of the output.
      kernel_size: side of the square kernel: 3 or (3, 3).
      strides: step, the same in both directions: 2 or (2, 2).
      dilation_rate: distance between the kernel's entries, the same in both directions; needs
        `strides=1` above 1.
      padding: "same", "valid", "symmetric" or "reflect" (see `ops.convolve`).
      activation: "elu", "relu", "leaky_relu" (slope 0.2), "tanh", "clip" to [-1, 1], None, or
        any activation of Keras: its name, or a function.
      kernel_regularizer, bias_regularizer: regularizers of Keras, or their names; None for none.
      kernel_gain: factor of the initial kernels of the features, not of gates; 1 as released.

    Raises ValueError unless the first four are positive integers, only one of `strides` and
    `dilation_rate` exceeds 1, padding and activation are among these, and the gain is positive.

    Example:
      >>> layer = PlainConv2D(8, kernel_size=5, strides=2, padding="symmetric")
      >>> tuple(layer(tf.zeros([1, 16, 24, 3])).shape)
      (1, 8, 12, 8)
    """

    def call(self, inputs, training: bool | None = None):
        # Regions are computed for completions, where rounding must not depend on the size.
        return self.call_with_kernel(
            inputs, tf.convert_to_tensor(self.kernel), skip_padding=training is True
        )

    def call_with_kernel(
        self, inputs: tf.Tensor, kernel: tf.Tensor, skip_padding: bool = False
    ) -> tf.Tensor:
        kernel = tf.cast(kernel, inputs.dtype)
        return self.convolved_and_activated(inputs, kernel, self.padding, skip_padding)

    def convolved_and_activated(
        self, inputs: tf.Tensor, kernel: tf.Tensor, padding: str, skip_padding: bool = False
    ) -> tf.Tensor:
        """Convolution, bias and activation; arguments as of `convolved`."""
        return self.biased_and_activated(self.convolved(inputs, kernel, padding, skip_padding))

    def biased_and_activated(self, features: tf.Tensor) -> tf.Tensor:
        """Activation of `features`, the convolution's output, plus the bias."""
        bias = tf.cast(tf.convert_to_tensor(self.bias), features.dtype)
        return self.activate(tf.nn.bias_add(features, bias))

    def input_size(self, size: tuple) -> tuple:
        """Height and width of the inputs for outputs of height and width `size`."""
        return size[0] * self.strides, size[1] * self.strides

    def input_region(self, region: Region) -> Region:
        """The region of the inputs that `region` of the outputs depends on (receptive field).

        It may extend beyond the border, where the inputs are padded. Their height and width
        must be multiples of `strides`.
        """
        return self.convolution_region(region)

    def convolution_region(self, region: Region) -> Region:
        """The region of its own input that `region` of the convolution's output depends on."""
        reach = self.dilation_rate * (self.kernel_size - 1)
        if self.padding == "same":
            before = max(reach + 1 - self.strides, 0) // 2
        else:
            before = 0 if self.padding == "valid" else reach // 2
        first, last = (n * self.strides - before for n in (region.begin, region.end - 1))
        return Region(first, last + reach + 1)

    def call_on_region(self, inputs: tf.Tensor, given: Region, wanted: Region) -> tf.Tensor:
        """The region `wanted` of the outputs.

        `inputs` are the region `given` of all inputs: the part of `input_region(wanted)` that
        lies inside the border.
        """
        kernel = tf.cast(tf.convert_to_tensor(self.kernel), inputs.dtype)
        inputs = pad(inputs, given.margins(self.convolution_region(wanted)), self.padding)
        return self.convolved_and_activated(inputs, kernel, "valid")
