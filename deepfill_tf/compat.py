"""Differences between Keras 2 (TensorFlow 2.15) and Keras 3 (the newest TensorFlow).

No other module depends on the version of Keras.
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
    """The `tf.Variable`, or distributed variable, of a Keras variable."""
    return variable.value if KERAS_3 and not isinstance(variable, tf.Variable) else variable


def variable_name(variable) -> str:
    """Canonical name of a model's variable, the same with Keras 2 and 3.

    It is the path of layer names below the model, such as `coarse/conv1/kernel`, without the
    model's own name.
    """
    path = variable.path if KERAS_3 else variable.name.split(":")[0]
    return path.split("/", 1)[1]


def named_variables(variables: Iterable) -> dict[str, tf.Variable]:
    """Canonical name -> raw variable, sorted by name. Raises ValueError if a name repeats."""
    variables = list(variables)
    named = {variable_name(v): raw_variable(v) for v in variables}
    if len(named) != len(variables):
        raise ValueError(
            f"{len(variables)} variables have only {len(named)} different names; "
            "give every layer another name"
        )
    return dict(sorted(named.items()))


def build_layer(layer, input_shape: tuple) -> None:
    """Creates the variables of a layer or model from the shape of its first input.

    They have the names that a call would give them. Does nothing if the layer is built.
    """
    if layer.built:
        return
    # Keras 2 does not name what is built outside of a call after its layer; Keras 3 does.
    with tf.name_scope(layer.name):
        layer.build(input_shape)


class DeferredBuildMixin:
    """Mixin for layers that are built by their first call after loading, too.

    Keras builds a loaded layer from the recorded shape of its first input alone: that fails for
    several inputs, and Keras 2 leaves the layer's name out of its variables' names. The first
    call comes before the weights are restored, because every layer is part of a model. Models
    themselves are built as `networks.rebuilding` says.
    """

    def get_build_config(self) -> None:
        """Returns None, so that nothing is recorded."""
        return None


class VariableBundle(tf.Module):
    """Named variables for `tf.train.Checkpoint` and `tf.saved_model`, by canonical name.

    A Keras 3 model in a checkpoint silently loses layers that it holds in lists. A dict of raw
    variables in a `tf.Module` is complete, and the same with Keras 2 and 3.
    """

    def __init__(self, named: dict[str, tf.Variable]):
        super().__init__()
        self.named = dict(named)
