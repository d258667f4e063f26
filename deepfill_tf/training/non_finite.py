"""The origin of a NaN or an infinity: the first tensor that has one, and the images."""

import itertools
import math
from collections.abc import Iterator, Mapping

import tensorflow as tf

from deepfill_tf.data.pipeline import ImagePipeline
from deepfill_tf.errors import truncated_list
from deepfill_tf.networks.inputs import inputs_of
from deepfill_tf.objectives import Objective
from deepfill_tf.training.train_state import TrainState

# Number of images that a message names.
MAX_LISTED = 8


def describe_non_finite_update(
    state: TrainState,
    objective: Objective,
    pipeline: ImagePipeline,
    batch_index: int,
    *,
    network: str,
    scalars: Mapping[str, tf.Tensor],
) -> str:
    """Says which value, tensor and images an update that is not finite comes from.

    Args:
      state: the networks, with the weights that they had before the update.
      objective: the losses.
      pipeline: the batches of the run.
      batch_index: index of the update's batch.
      network: "generator" or "discriminator": the network that the update was of.
      scalars: what the update's step reported.
    """
    value = next(
        f"{name} is {float(value)}"
        for name, value in scalars.items()
        if name.startswith(network) and not math.isfinite(value)
    )
    tensor, images = offending_examples(
        state,
        objective,
        next(iter(pipeline.dataset(batch_index))),
        pipeline.paths_of(batch_index),
        network=network,
    )
    return (
        f"in the update of the {network}: {value}; "
        f"the first non-finite tensor is {tensor or 'a sum over the batch'}; "
        f"images: {truncated_list(images, MAX_LISTED)}"
    )


def first_non_finite_tensor(
    state: TrainState, objective: Objective, batch: dict[str, tf.Tensor], *, network: str
) -> str | None:
    """Name of the first tensor in an update that is not finite; None if all are finite.

    In the order of computation: the batch, the weights, the generator's predictions, the losses,
    the gradients. No weight changes except spectral norm's `u`.
    """
    tensors = _tensors(state, objective, batch, network)
    return next((name for name, value in tensors if not _is_finite(value)), None)


def offending_examples(
    state: TrainState,
    objective: Objective,
    batch: dict[str, tf.Tensor],
    names: list[str],
    *,
    network: str,
) -> tuple[str | None, list[str]]:
    """Finds the examples of a batch whose update alone is not finite.

    Args:
      names: names of the batch's examples, in order.

    Returns:
      The name of the first non-finite tensor, or None, and the names of these examples: all
      names if no example alone has one.
    """
    found, offending = None, []
    for index, name in enumerate(names):
        alone = {key: value[index : index + 1] for key, value in batch.items()}
        tensor = first_non_finite_tensor(state, objective, alone, network=network)
        if tensor is not None:
            found = found or tensor
            offending.append(name)
    return found, offending or names


def _tensors(
    state: TrainState, objective: Objective, batch: dict[str, tf.Tensor], network: str
) -> Iterator[tuple[str, tf.Tensor]]:
    generator, discriminator = state.generator, state.discriminator
    weights = state.generator_variables.named, state.discriminator_variables.named
    for name, value in itertools.chain(batch.items(), *(part.items() for part in weights)):
        yield name, value
    for name, value in zip(("coarse", "refined"), generator(*inputs_of(batch)), strict=False):
        yield f"the {name} prediction", value
    loss, optimizer = {
        "discriminator": (objective.discriminator_loss, state.discriminator_optimizer),
        "generator": (objective.generator_loss, state.generator_optimizer),
    }[network]
    variables = dict(optimizer.variables_by_name)
    with tf.GradientTape() as tape:
        value, scalars = loss(generator, discriminator, batch)
    # The loss itself is computed after its terms.
    for name, scalar in sorted(scalars.items(), key=lambda item: item[0].endswith("/loss")):
        yield name, scalar
    gradients = tape.gradient(value, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    # Backpropagation computes the last layer's gradient first.
    for name, gradient in reversed(gradients.items()):
        yield f"the gradient of {name}", gradient
    squares = tf.add_n([tf.reduce_sum(tf.square(gradient)) for gradient in gradients.values()])
    yield "the norm of the gradients", squares


def _is_finite(value: tf.Tensor) -> bool:
    value = tf.convert_to_tensor(value)
    return not value.dtype.is_floating or bool(tf.reduce_all(tf.math.is_finite(value)))
