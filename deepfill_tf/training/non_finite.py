"""Where a NaN or an infinity came from: the first bad tensor, and the images."""

import itertools
from collections.abc import Iterator

import tensorflow as tf

from deepfill_tf.networks.generators import inputs_of
from deepfill_tf.training.train_state import TrainState

# Images that are named.
MAX_LISTED = 8


def first_non_finite_tensor(
    state: TrainState, objective, batch: dict[str, tf.Tensor], *, of_discriminator: bool
) -> str | None:
    """Name of the first tensor that is not finite on an update's way; None where all are.

    In the order in which they come about: the batch, the weights, what the generator makes,
    the losses, the gradients. Weights are not changed but for spectral norm's `u`.
    """
    return next(
        (
            name
            for name, value in _tensors(state, objective, batch, of_discriminator)
            if not _is_finite(value)
        ),
        None,
    )


def offending_examples(
    state: TrainState,
    objective,
    batch: dict[str, tf.Tensor],
    names: list[str],
    *,
    of_discriminator: bool,
) -> tuple[str | None, list[str]]:
    """The first bad tensor, and the names of the images that alone lead to one.

    `names` are those of the batch's examples, in order. Where no image does so alone, all are
    named.
    """
    found, offending = None, []
    for index, name in enumerate(names):
        alone = {key: value[index : index + 1] for key, value in batch.items()}
        bad = first_non_finite_tensor(state, objective, alone, of_discriminator=of_discriminator)
        if bad is not None:
            found = found or bad
            offending.append(name)
    return found, offending or names


def truncated_list(names: list[str]) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - MAX_LISTED
    return ", ".join(names[:MAX_LISTED]) + (f" and {more} more" if more > 0 else "")


def _tensors(
    state: TrainState, objective, batch: dict[str, tf.Tensor], of_discriminator: bool
) -> Iterator[tuple[str, tf.Tensor]]:
    generator, discriminator = state.generator, state.discriminator
    weights = state.generator_variables.named, state.discriminator_variables.named
    for name, value in itertools.chain(batch.items(), *(part.items() for part in weights)):
        yield name, value
    for name, value in zip(("coarse", "refined"), generator(*inputs_of(batch)), strict=False):
        yield f"the {name} prediction", value
    loss = objective.discriminator_loss if of_discriminator else objective.generator_loss
    optimizer = state.discriminator_optimizer if of_discriminator else state.generator_optimizer
    variables = dict(optimizer.variables_by_name)
    with tf.GradientTape() as tape:
        value, reports = loss(generator, discriminator, batch)
    for name, report in sorted(reports.items(), key=lambda item: item[0].endswith("/loss")):
        yield name, report
    gradients = tape.gradient(value, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    # Backwards: the last layer's gradient comes about first.
    for name, gradient in reversed(gradients.items()):
        yield f"the gradient of {name}", gradient
    squares = tf.add_n([tf.reduce_sum(tf.square(gradient)) for gradient in gradients.values()])
    yield "the norm of the gradients", squares


def _is_finite(value: tf.Tensor) -> bool:
    value = tf.convert_to_tensor(value)
    return not value.dtype.is_floating or bool(tf.reduce_all(tf.math.is_finite(value)))
