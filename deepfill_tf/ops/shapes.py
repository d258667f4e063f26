"""Sizes that are integers where they are known and tensors where they are not."""

import tensorflow as tf


def height_and_width(features: tf.Tensor) -> tuple:
    """The sizes of axes 1 and 2 of `[N, h, w, ...]`."""
    dynamic = tf.shape(features)
    return tuple(dynamic[i] if features.shape[i] is None else features.shape[i] for i in (1, 2))


def known_size(array: tf.Tensor, axis: int) -> int | tf.Tensor:
    """The size of an axis: an integer where it is known, else a tensor."""
    return tf.shape(array)[axis] if array.shape[axis] is None else array.shape[axis]
