"""Adversarial losses of discriminators and generators.

`real` are the discriminator's scores of images, `completed` those of completed images: of any
shape, over which the losses are means. All return a scalar.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf


def hinge_discriminator_loss(real: tf.Tensor, completed: tf.Tensor) -> tf.Tensor:
    """`0.5 * mean(relu(1 - real)) + 0.5 * mean(relu(1 + completed))`.

    As released; the second paper's text has no factors 0.5.
    """
    return 0.5 * tf.reduce_mean(tf.nn.relu(1 - real)) + 0.5 * tf.reduce_mean(
        tf.nn.relu(1 + completed)
    )


def wasserstein_discriminator_loss(real: tf.Tensor, completed: tf.Tensor) -> tf.Tensor:
    """`mean(completed) - mean(real)` (Arjovsky et al. 2017)."""
    return tf.reduce_mean(completed) - tf.reduce_mean(real)


def negative_generator_loss(completed: tf.Tensor) -> tf.Tensor:
    """`-mean(completed)`: the generator's loss for both hinge and Wasserstein."""
    return -tf.reduce_mean(completed)


def logistic_discriminator_loss(real: tf.Tensor, completed: tf.Tensor) -> tf.Tensor:
    """Mean of the cross entropies of `real` with 1 and of `completed` with 0.

    Scores are logits (Goodfellow et al. 2014, as used by DCGAN).
    """
    return 0.5 * _cross_entropy(real, 1.0) + 0.5 * _cross_entropy(completed, 0.0)


def logistic_generator_loss(completed: tf.Tensor) -> tf.Tensor:
    """Cross entropy of `completed` with 1: the non-saturating loss."""
    return _cross_entropy(completed, 1.0)


def least_squares_discriminator_loss(real: tf.Tensor, completed: tf.Tensor) -> tf.Tensor:
    """`0.5 * mean((real - 1)^2) + 0.5 * mean(completed^2)` (Mao et al. 2017)."""
    return 0.5 * tf.reduce_mean(tf.square(real - 1)) + 0.5 * tf.reduce_mean(tf.square(completed))


def least_squares_generator_loss(completed: tf.Tensor) -> tf.Tensor:
    """`mean((completed - 1)^2)`."""
    return tf.reduce_mean(tf.square(completed - 1))


class AdversarialLoss(NamedTuple):
    """Adversarial losses of both networks."""

    discriminator: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    generator: Callable[[tf.Tensor], tf.Tensor]


HINGE = AdversarialLoss(hinge_discriminator_loss, negative_generator_loss)
WASSERSTEIN = AdversarialLoss(wasserstein_discriminator_loss, negative_generator_loss)
LOGISTIC = AdversarialLoss(logistic_discriminator_loss, logistic_generator_loss)
LEAST_SQUARES = AdversarialLoss(least_squares_discriminator_loss, least_squares_generator_loss)


def _cross_entropy(logits: tf.Tensor, label: float) -> tf.Tensor:
    labels = label * tf.ones_like(logits)
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits))
