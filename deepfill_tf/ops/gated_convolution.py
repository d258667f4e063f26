"""Gated convolution on CPUs, with few passes over memory."""

import tensorflow as tf

from deepfill_tf.ops.convolution import convolve, pad_mirrored
from deepfill_tf.ops.convolution_gradients import convolution_gradients
from deepfill_tf.ops.custom_gradient import custom_gradient


def convolve_gated(
    images: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor,
    *,
    strides: int = 1,
    dilation_rate: int = 1,
    padding: str = "same",
    skip_padding: bool = False,
) -> tf.Tensor:
    """ELU of one convolution of the images times the sigmoid of another: `[N, h', w', D]`.

    The two are separate convolutions, because TensorFlow adds the bias and applies ELU or
    sigmoid within a convolution, but not to half of its channels. Gradients by images and
    kernel are those of one convolution of 2 D channels.

    Args:
      images: `[N, h, w, C]`.
      kernel: `[k, k, C, 2 D]`, of the images' dtype: the features first, the gates second.
      bias: `[2 D]`, likewise.
      strides, dilation_rate, padding, skip_padding: see `convolve`.

    Example:
      >>> outputs = convolve_gated(tf.ones([1, 8, 12, 3]), tf.ones([3, 3, 3, 8]), tf.zeros([8]))
      >>> tuple(outputs.shape)
      (1, 8, 12, 4)
    """
    images, padding = pad_mirrored(images, kernel, dilation_rate, padding)

    def convolved(images, kernel, bias):
        outputs = convolve(
            images,
            kernel,
            strides=strides,
            dilation_rate=dilation_rate,
            padding=padding,
            skip_padding=skip_padding,
        )
        return tf.nn.bias_add(outputs, bias)

    @custom_gradient
    def gated(images, kernel, bias):
        (features, gates), (features_bias, gates_bias) = tf.split(kernel, 2, -1), tf.split(bias, 2)
        features = tf.nn.elu(convolved(images, features, features_bias))
        gates = tf.nn.sigmoid(convolved(images, gates, gates_bias))

        def gradients(by_outputs):
            by_convolution = tf.concat(
                [
                    tf.raw_ops.EluGrad(gradients=by_outputs * gates, outputs=features),
                    tf.raw_ops.SigmoidGrad(y=gates, dy=by_outputs * features),
                ],
                axis=-1,
            )
            by_images, by_kernel = convolution_gradients(
                images,
                kernel,
                by_convolution,
                strides=strides,
                dilation_rate=dilation_rate,
                padding=padding,
            )
            return by_images, by_kernel, tf.raw_ops.BiasAddGrad(out_backprop=by_convolution)

        return features * gates, gradients

    return gated(images, kernel, bias)
