"""Weights of a model as named arrays."""

from collections.abc import Callable, Mapping

import numpy as np

from deepfill_tf.compat import keras, named_variables
from deepfill_tf.errors import UserError


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

    Raises UserError that names the first difference in names or shapes; nothing is assigned then.
    """
    owner = type(model).__name__
    variables = {name_of(name): v for name, v in named_variables(model.weights).items()}
    for name, variable in variables.items():
        if name not in arrays:
            raise UserError(f"{source} has no weight {name!r}, which {owner} needs")
        shape, wanted = tuple(arrays[name].shape), tuple(variable.shape)
        if shape != wanted:
            raise UserError(
                f"{source}: weight {name!r} has shape {shape}, but {owner} needs {wanted}"
            )
    for name in sorted(arrays):
        if name not in variables:
            raise UserError(f"{source} has a weight {name!r}, which {owner} does not have")
    for name, variable in variables.items():
        variable.assign(np.asarray(arrays[name], np.float32))
