"""A TensorFlow checkpoint, of any version, as arrays."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from deepfill_tf.errors import UserError

# The checkpoint reader translates one and the same damage into any of these.
_UNREADABLE = (OSError, ValueError, RuntimeError, LookupError, tf.errors.OpError)


def checkpoint_arrays(prefix: str, wanted: Callable[[str], bool]) -> dict[str, np.ndarray]:
    """The entries of a checkpoint whose names are `wanted`, by name.

    Raises UserError where the checkpoint is missing or damaged.
    """
    try:
        reader = tf.train.load_checkpoint(prefix)
        names = filter(wanted, reader.get_variable_to_shape_map())
        return {name: np.asarray(reader.get_tensor(name)) for name in names}
    except _UNREADABLE as error:
        raise UserError(f"cannot read the checkpoint {prefix}: {error}") from error
