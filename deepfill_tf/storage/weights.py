"""A model's weights as named arrays."""

from collections.abc import Callable, Mapping

import numpy as np

from deepfill_tf.compat import keras, named_variables
from deepfill_tf.errors import UserError


def weights_of(model: keras.Model) -> dict[str, np.ndarray]:
    """Canonical name -> float32 array, sorted by name."""
    return {name: variable.numpy() for name, variable in named_variables(model.weights).items()}


def assign_weights(
    model: keras.Model,
    arrays: Mapping[str, np.ndarray],
    source: str,
    name_of: Callable[[str], str] = str,
) -> None:
    """Sets every weight of a built model.

    `arrays` must have the names and shapes of the model's weights, no more and no
    less; otherwise nothing is assigned and UserError names the first that differs.
    `source` says in the message where the arrays come from; `name_of` gives the name
    that a weight has there.
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
