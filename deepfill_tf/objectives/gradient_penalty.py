"""Gradient penalty of Wasserstein critics, inside the hole (first paper)."""

from collections.abc import Callable

import tensorflow as tf


def gradient_penalty(
    critic: Callable[[tf.Tensor], tf.Tensor],
    images: tf.Tensor,
    masks: tf.Tensor,
    slope: float = 1.0,
) -> tf.Tensor:
    """`mean_n (sqrt(sum(mask_n * (d critic(x_n) / d x_n)^2)) - slope)^2`, a scalar.

    Where the sum is exactly zero, its root has no derivative: zero is used.

    Args:
      critic: returns scores `[N, 1]` of images `[N, H, W, C]`, each of its own image.
      images: `[N, H, W, C]`.
      masks: `[N, H, W, 1]` or `[1, H, W, 1]`; only gradients in the hole (1) count.
      slope: norm of the gradient that is not penalised.
    """
    with tf.GradientTape() as tape:
        tape.watch(images)
        scores = critic(images)
    slopes = tf.cast(tape.gradient(scores, images), tf.float32)
    squares = tf.reduce_sum(tf.cast(masks, tf.float32) * tf.square(slopes), axis=[1, 2, 3])
    positive = squares > 0
    norms = tf.where(positive, tf.sqrt(tf.where(positive, squares, 1)), 0)
    return tf.reduce_mean(tf.square(norms - slope))


def interpolate(images: tf.Tensor, completed: tf.Tensor, alpha: tf.Tensor) -> tf.Tensor:
    """`images + alpha * (completed - images)`, `[N, H, W, C]`; `alpha` is `[N]`."""
    return images + alpha[:, None, None, None] * (completed - images)
