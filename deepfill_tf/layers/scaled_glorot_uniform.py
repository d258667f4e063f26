"""Initial kernels of convolutions."""

from contextlib import AbstractContextManager

import tensorflow as tf

from deepfill_tf.compat import keras
from deepfill_tf.scoped_value import ScopedValue

_zeros = ScopedValue("zeros", False)


def zeros_for_kernels() -> AbstractContextManager[None]:
    """Kernels that are created inside are 0: random ones take time, and are to be overwritten."""
    return _zeros.set_to(True)


class ScaledGlorotUniform(keras.initializers.GlorotUniform):
    """Glorot uniform kernels whose first output channels are multiplied by a gain.

    The second half of a gated convolution's output channels are gates, which are not multiplied: a
    gate that starts near 1/2 everywhere is what makes signals vanish, and larger kernels of gates
    would not change its mean.

    Args:
      gain: factor of the kernels of the features.
      features: number of output channels that are features, the first ones.
    """

    def __init__(self, gain: float, features: int):
        super().__init__()
        self._gain = gain
        self._features = features

    def __call__(self, shape, dtype=None, **kwargs) -> tf.Tensor:
        if _zeros.get():
            return tf.zeros(shape, dtype or tf.float32)
        kernel = super().__call__(shape, dtype, **kwargs)
        if self._gain == 1:
            return kernel
        is_feature = tf.range(shape[-1]) < self._features
        return kernel * tf.where(is_feature, tf.cast(self._gain, kernel.dtype), 1)

    def get_config(self) -> dict:
        return {"gain": self._gain, "features": self._features}
