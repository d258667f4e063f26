"""Partial convolution (Liu et al., "Image Inpainting for Irregular Holes", ECCV 2018)."""

import tensorflow as tf

from deepfill_tf.compat import keras
from deepfill_tf.layers.convolution_layer import ConvolutionLayer
from deepfill_tf.ops import height_and_width


@keras.utils.register_keras_serializable(package="deepfill_tf")
class PartialConv2D(ConvolutionLayer):
    """Convolution of known pixels only, which also returns the mask of what is still unknown.

    Called as `layer(features, masks)` with features `[N, h, w, C]` and masks `[N, h, w, 1]`
    or `[1, h, w, 1]` (0 is known, anything else the hole), or None if everything is
    known; returns features `[N, h', w', filters]` and masks `[N or 1, h', w', 1]` in the
    features' dtype. With M = 1 where known (equations 1 and 2 of the paper):

        x' = activation(Wt (X * M) * k^2 / sum(M) + b)   where sum(M) > 0, else 0

    and the new mask is 0 where sum(M) > 0, else 1. What features hold in the hole does
    not matter at all. No gradient flows through masks.

    The zeros beyond the border under padding="same" count as unknown, so that there
    k^2 / sum(M) exceeds 1 even where nothing is masked; "symmetric" and "reflect" mirror
    features and masks alike. Arguments are those of `PlainConv2D`.

    Example:
      >>> features, masks = tf.ones([1, 8, 8, 3]), tf.ones([1, 8, 8, 1])
      >>> features, masks = PartialConv2D(4, strides=2)(features, masks)
      >>> tuple(features.shape), tuple(masks.shape)
      ((1, 4, 4, 4), (1, 4, 4, 1))
    """

    def call(
        self, features: tf.Tensor, masks: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        return self.call_with_kernel(features, tf.convert_to_tensor(self.kernel), masks)

    def call_with_kernel(
        self, inputs: tf.Tensor, kernel: tf.Tensor, masks: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        if masks is None:
            masks = tf.zeros([1, *height_and_width(inputs), 1])
        known = tf.equal(masks, 0)
        # Not inputs * known: infinity times 0 is not 0.
        inputs = tf.where(known, inputs, tf.zeros([], inputs.dtype))
        features = self.convolved(inputs, tf.cast(kernel, inputs.dtype), self.padding)
        ones = tf.ones([self.kernel_size, self.kernel_size, 1, 1])
        count = self.convolved(tf.cast(known, tf.float32), ones, self.padding)
        seen = count > 0.5  # a whole number, but for rounding
        scale = self.kernel_size**2 / tf.maximum(count, 1.0)

        bias = tf.cast(tf.convert_to_tensor(self.bias), inputs.dtype)
        features = tf.nn.bias_add(features * tf.cast(scale, inputs.dtype), bias)
        features = tf.where(seen, self.activate(features), tf.zeros([], inputs.dtype))
        return features, tf.cast(tf.logical_not(seen), inputs.dtype)
