"""Weights of a model as named arrays."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from deepfill_tf.compat import keras, named_variables
from deepfill_tf.errors import UserError
from deepfill_tf.networks.architecture import architecture_of, model_from_architecture


def weights_of(model: keras.Model) -> dict[str, np.ndarray]:
    """Returns canonical name -> float32 array of all weights of a built model, sorted by name."""
    return {name: variable.numpy() for name, variable in named_variables(model.weights).items()}


def assign_weights(
    model: keras.Model,
    arrays: Mapping[str, np.ndarray],
    source: str,
    name_of: Callable[[str], str] = str,
) -> None:
    """Sets every weight of a built model.

    Args:
      model: a built model.
      arrays: an array for each of the model's weights, of its shape, and no others.
      source: where the arrays come from, for messages.
      name_of: returns the name that a weight has in `arrays`, by its canonical name.

    Raises UserError that names the first difference in names or shapes, or the first weight that
    is not finite; nothing is assigned then.
    """
    check_shapes(model, {name: array.shape for name, array in arrays.items()}, source, name_of)
    for name, array in arrays.items():
        if not np.isfinite(np.asarray(array, np.float32)).all():
            raise UserError(f"{source}: weight {name!r} has values that are not finite numbers")
    for name, variable in named_variables(model.weights).items():
        variable.assign(np.asarray(arrays[name_of(name)], np.float32))


def copy_in_float32(model: keras.Model) -> keras.Model:
    """Returns a copy of a built generator, with variables of its own, that computes in float32.

    Raises UserError that names the first weight that is not finite.
    """
    copy = model_from_architecture(architecture_of(model), dtype="float32")
    assign_weights(copy, weights_of(model), "the generator")
    return copy


def in_half_precision(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Rounds float32 arrays by name to float16, of half the size on disk.

    Relative errors are at most 2**-11, but for numbers below 6e-5, whose errors are at most 3e-8.

    Raises UserError that names the first array with a number beyond float16, above 65504.
    """
    with np.errstate(over="ignore"):
        rounded = {name: array.astype(np.float16) for name, array in arrays.items()}
    for name, array in rounded.items():
        if not np.isfinite(array).all():
            greatest = np.abs(arrays[name]).max()
            raise UserError(
                f"weight {name!r} has a number of size {greatest:.6g}, which float16 cannot hold; "
                "it has numbers up to 65504"
            )
    return rounded


def check_shapes(
    model: keras.Model,
    shapes: Mapping[str, Sequence[int]],
    source: str,
    name_of: Callable[[str], str] = str,
) -> None:
    """Raises UserError unless there is a shape for each weight of a built model, and no other.

    See `assign_weights` for the arguments.
    """
    owner = type(model).__name__
    wanted = {name_of(name): tuple(v.shape) for name, v in named_variables(model.weights).items()}
    for name, shape in wanted.items():
        if name not in shapes:
            raise UserError(f"{source} has no weight {name!r}, which {owner} needs")
        if tuple(shapes[name]) != shape:
            raise UserError(
                f"{source}: weight {name!r} has shape {tuple(shapes[name])}, but {owner} needs "
                f"{shape}"
            )
    for name in sorted(shapes):
        if name not in wanted:
            raise UserError(f"{source} has a weight {name!r}, which {owner} does not have")
