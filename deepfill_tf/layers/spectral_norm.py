"""Spectral normalisation of a layer's kernel (second paper, section 3.3)."""

import tensorflow as tf

from deepfill_tf.checks import check_positive_int
from deepfill_tf.compat import FLOAT32_WEIGHT, DeferredBuildMixin, keras
from deepfill_tf.layers.convolution_layer import ConvolutionLayer
from deepfill_tf.ops import spectral_normalize


@keras.utils.register_keras_serializable(package="deepfill_tf")
class SpectralNorm(DeferredBuildMixin, keras.layers.Wrapper):
    """Calls `layer` with its kernel divided by an estimate of its spectral norm.

    Every call makes `iterations` steps of the power iteration; with
    `training=True` the stored vector `u` is updated, otherwise it stays. The bias is
    not normalised. Gradients flow through the estimate (see
    `ops.spectral_normalize`), unlike in Keras's own `SpectralNormalization`.

    Args:
      layer: one of this package's convolutions, or Keras's `Conv2D` or `Dense`.
      iterations: steps of the power iteration in each call.

    Raises ValueError if the layer is another, or `iterations` not a positive integer.

    Example:
      >>> layer = SpectralNorm(keras.layers.Conv2D(8, 5, strides=2, padding="same"))
      >>> tuple(layer(tf.ones([1, 16, 24, 3]), training=True).shape)
      (1, 8, 12, 8)
    """

    def __init__(self, layer: keras.layers.Layer, iterations: int = 1, **kwargs):
        super().__init__(layer, **kwargs)
        if not isinstance(layer, (ConvolutionLayer, keras.layers.Conv2D, keras.layers.Dense)):
            raise ValueError(
                "layer must be a convolution of deepfill_tf or Keras's Conv2D or Dense, "
                f"got {type(layer).__name__}"
            )
        self.iterations = check_positive_int("iterations", iterations)

    def build(self, input_shape=None):
        if not self.layer.built:
            # Keras 2 does not name a wrapped layer's variables after it; Keras 3 does.
            with tf.name_scope(self.layer.name):
                self.layer.build(input_shape)
            self.layer.built = True
        self.u = self.add_weight(
            name="u",
            shape=(1, self.layer.kernel.shape[-1]),
            initializer=keras.initializers.TruncatedNormal(stddev=1.0),
            trainable=False,
            dtype="float32",
            **FLOAT32_WEIGHT,
        )
        self.built = True

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        kernel = tf.cast(tf.convert_to_tensor(self.layer.kernel), tf.float32)
        u = tf.convert_to_tensor(self.u)
        normalized, _, new_u = spectral_normalize(kernel, u, self.iterations)
        if training:
            self.u.assign(tf.stop_gradient(new_u))
        if isinstance(self.layer, ConvolutionLayer):
            return self.layer.call_with_kernel(inputs, normalized)
        return self._call_keras_layer(inputs, tf.cast(normalized, inputs.dtype))

    def _call_keras_layer(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        layer = self.layer
        if isinstance(layer, keras.layers.Dense):
            outputs = tf.tensordot(inputs, kernel, axes=1)
        else:
            if layer.data_format != "channels_last" or layer.groups != 1:
                raise ValueError("SpectralNorm takes a Conv2D with channels last and one group")
            outputs = tf.nn.convolution(
                inputs, kernel, layer.strides, layer.padding.upper(), dilations=layer.dilation_rate
            )
        if layer.use_bias:
            outputs += tf.cast(tf.convert_to_tensor(layer.bias), inputs.dtype)
        return layer.activation(outputs)

    def get_config(self):
        layer = keras.layers.serialize(self.layer)
        # `build` makes its variables, so that they are named after this layer as well.
        layer.pop("build_config", None)
        return super().get_config() | {"layer": layer, "iterations": self.iterations}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        layer = keras.layers.deserialize(config["layer"], custom_objects=custom_objects)
        return cls(**{**config, "layer": layer})
