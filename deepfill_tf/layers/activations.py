"""Activations: the papers' by name, and those of Keras."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from deepfill_tf.compat import keras
from deepfill_tf.ops.custom_gradient import custom_gradient


@custom_gradient
def _leaky_relu(features: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """max(x, 0.2 x), with a gradient in one pass over memory.

    Not `tf.nn.leaky_relu`: TensorFlow's graph optimiser fails on a gradient through it.
    """
    outputs = tf.maximum(features, 0.2 * features)
    return outputs, lambda gradient: tf.raw_ops.LeakyReluGrad(
        gradients=gradient, features=outputs, alpha=0.2
    )


ACTIVATIONS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "elu": tf.nn.elu,
    "relu": tf.nn.relu,
    "leaky_relu": _leaky_relu,
    "tanh": tf.nn.tanh,
    "clip": lambda x: tf.clip_by_value(x, -1, 1),
}


def activation_named(name: Any) -> Callable[[tf.Tensor], tf.Tensor]:
    """The function called `name`, or the identity for None.

    Args:
      name: a key of `ACTIVATIONS`, or what `keras.activations.get` takes: the name of another
        activation, a function or layer, or the config of one.

    Raises ValueError if there is no such activation.
    """
    if name is None:
        return tf.identity
    if isinstance(name, str) and name in ACTIVATIONS:
        return ACTIVATIONS[name]
    try:
        return keras.activations.get(name)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"activation must be None, one of {sorted(ACTIVATIONS)} or an activation of Keras, "
            f"got {name!r}"
        ) from error


def activation_config(activation: Any) -> Any:
    """The activation as a layer's config holds it: a name, a config, or None."""
    if activation is None or isinstance(activation, str | dict):
        return activation
    return keras.activations.serialize(activation)
