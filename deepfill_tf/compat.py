"""The one place that knows which Keras is in use: 2.15 (the addons platform) or 3.

Everything else imports `tf` and `keras` from TensorFlow and asks this module
where the two differ.
"""

import os
from collections.abc import Iterable

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import tensorflow as tf

keras = tf.keras

KERAS_3 = hasattr(tf.keras, "__version__")

# Keyword of `add_weight` for a variable that stays float32 under mixed precision.
FLOAT32_WEIGHT = {"autocast": False} if KERAS_3 else {"experimental_autocast": False}


def raw_variable(variable) -> tf.Variable:
    """The `tf.Variable` (or distributed variable) behind a Keras variable."""
    return variable.value if KERAS_3 and not isinstance(variable, tf.Variable) else variable


def variable_name(variable) -> str:
    """Canonical name of a model's variable, the same on both platforms.

    It is the path of layer names below the model, for instance
    `coarse/conv1/kernel`; the model's own name is left out.
    """
    path = variable.path if KERAS_3 else variable.name.split(":")[0]
    return path.split("/", 1)[1]


def named_variables(variables: Iterable) -> dict[str, tf.Variable]:
    """Canonical name -> raw variable, sorted by name; names must not repeat."""
    variables = list(variables)
    named = {variable_name(v): raw_variable(v) for v in variables}
    if len(named) != len(variables):
        raise ValueError(
            f"{len(variables)} variables have only {len(named)} different names; "
            "give every layer a name of its own"
        )
    return dict(sorted(named.items()))


class DeferredBuildMixin:
    """Mixed into a layer or model: a saved file does not say how to build it.

    Keras would build it from the recorded shape of its first input alone, when it is
    loaded: models of several inputs cannot be, and Keras 2 would leave the layer's name
    out of its variables' names. So it is built by its first call, as when it was new.
    """

    def get_build_config(self) -> None:
        return None


class VariableBundle(tf.Module):
    """Named variables as `tf.train.Checkpoint` and `tf.saved_model` see them.

    A Keras 3 model given to a checkpoint silently loses layers that it holds in
    lists; a dict of raw variables in a `tf.Module` is written and read whole, and
    from one platform to the other.
    """

    def __init__(self, named: dict[str, tf.Variable]):
        super().__init__()
        self.named = dict(named)
