"""The papers' activations, by name."""

from collections.abc import Callable

import tensorflow as tf

ACTIVATIONS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "elu": tf.nn.elu,
    "relu": tf.nn.relu,
    # Not tf.nn.leaky_relu: TensorFlow's graph optimiser fails on a gradient through it.
    "leaky_relu": lambda x: tf.maximum(x, 0.2 * x),
    "tanh": tf.nn.tanh,
    "clip": lambda x: tf.clip_by_value(x, -1, 1),
}


def activation_named(name: str | None) -> Callable[[tf.Tensor], tf.Tensor]:
    """The function called `name`, or the identity for None. Raises ValueError if it has none."""
    if name is None:
        return tf.identity
    if name not in ACTIVATIONS:
        raise ValueError(f"activation must be None or one of {sorted(ACTIVATIONS)}, got {name!r}")
    return ACTIVATIONS[name]
