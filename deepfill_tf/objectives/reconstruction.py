"""Reconstruction losses: how far a prediction is from the picture."""

import tensorflow as tf


def l1_loss(prediction: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """Mean absolute difference over hole and known part alike, a scalar."""
    return tf.reduce_mean(tf.abs(images - prediction))
