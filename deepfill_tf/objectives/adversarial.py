"""Adversarial losses: what each player makes of the discriminator's scores."""

import tensorflow as tf


def hinge_discriminator_loss(real_scores: tf.Tensor, completed_scores: tf.Tensor) -> tf.Tensor:
    """`0.5 * mean(relu(1 - real)) + 0.5 * mean(relu(1 + completed))`, a scalar.

    As released; the second paper's text has no factors 0.5.
    """
    real = tf.reduce_mean(tf.nn.relu(1 - real_scores))
    completed = tf.reduce_mean(tf.nn.relu(1 + completed_scores))
    return 0.5 * real + 0.5 * completed


def hinge_generator_loss(completed_scores: tf.Tensor) -> tf.Tensor:
    """`-mean(completed)`, a scalar."""
    return -tf.reduce_mean(completed_scores)
