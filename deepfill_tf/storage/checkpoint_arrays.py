"""TensorFlow checkpoints, of any version of TensorFlow, as NumPy arrays."""

import re
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from deepfill_tf.errors import UserError, reason

# The checkpoint reader reports one and the same damage as any of these.
_UNREADABLE = (OSError, ValueError, RuntimeError, LookupError, tf.errors.OpError)


def checkpoint_arrays(prefix: str, wanted: Callable[[str], bool]) -> dict[str, np.ndarray]:
    """Returns the entries of a checkpoint whose names are `wanted`, by name.

    Raises UserError if the checkpoint is missing or damaged.
    """
    try:
        reader = tf.train.load_checkpoint(prefix)
        names = filter(wanted, reader.get_variable_to_shape_map())
        return {name: np.asarray(reader.get_tensor(name)) for name in names}
    except _UNREADABLE as error:
        raise UserError(f"cannot read the checkpoint {prefix}: {reason(error)}") from error


def bundle_arrays(prefix: str, bundle: str) -> dict[str, np.ndarray]:
    """Returns the arrays of the `VariableBundle` that was saved under the name `bundle`.

    They have the names that they have in the bundle; {} if the checkpoint has no such bundle.
    Raises UserError as `checkpoint_arrays` does.
    """
    key = re.compile(rf"{bundle}/named/([^/]+)/\.ATTRIBUTES/VARIABLE_VALUE")
    found = checkpoint_arrays(prefix, lambda name: key.fullmatch(name) is not None)
    return {_unescaped(key.sub(r"\1", name)): array for name, array in found.items()}


def _unescaped(name: str) -> str:
    """TensorFlow writes "/" in a name as ".S" and "." as ".."."""
    return re.sub(r"\.([.S])", lambda match: {".": ".", "S": "/"}[match[1]], name)
