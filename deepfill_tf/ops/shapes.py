"""Sizes of tensors: integers if they are known when a graph is made, else tensors."""

import tensorflow as tf


def height_and_width(features: tf.Tensor) -> tuple:
    """Sizes of axes 1 and 2 of `[N, h, w, ...]`: integers if they are known, else tensors.

    Example:
      >>> height_and_width(tf.zeros([1, 8, 12, 3]))
      (8, 12)
    """
    return known_size(features, 1), known_size(features, 2)


def known_size(array: tf.Tensor, axis: int) -> int | tf.Tensor:
    """The size of an axis: an integer if it is known, else a tensor."""
    return tf.shape(array)[axis] if array.shape[axis] is None else array.shape[axis]
