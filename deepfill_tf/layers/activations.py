"""The papers' activations, by name."""

from collections.abc import Callable

import tensorflow as tf

ACTIVATIONS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "elu": tf.nn.elu,
    "relu": tf.nn.relu,
    "leaky_relu": tf.nn.leaky_relu,  # slope 0.2
    "tanh": tf.nn.tanh,
    "clip": lambda x: tf.clip_by_value(x, -1, 1),
}


def activation_named(name: str | None) -> Callable[[tf.Tensor], tf.Tensor]:
    """The function called `name`; None gives the identity. Raises ValueError."""
    if name is None:
        return tf.identity
    if name not in ACTIVATIONS:
        raise ValueError(f"activation must be None or one of {sorted(ACTIVATIONS)}, got {name!r}")
    return ACTIVATIONS[name]
