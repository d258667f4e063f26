"""Networks as plain data, as `model.json` and checkpoints hold them.

    {"class": "GeneratorV2", "arguments": {"width": 24, "channels": 3, ...}}

"class" is one of `NETWORKS`, "arguments" are those of its constructor except name and dtype, in
the types of JSON. Weights are not part of it.
"""

import inspect
from collections.abc import Mapping
from typing import Any

from deepfill_tf.compat import build_layer, keras
from deepfill_tf.errors import UserError
from deepfill_tf.layers.scaled_glorot_uniform import zeros_for_kernels
from deepfill_tf.networks.coarse import CoarseNetwork
from deepfill_tf.networks.generator import Generator
from deepfill_tf.networks.generators import GeneratorV1, GeneratorV2
from deepfill_tf.networks.global_local import (
    GlobalDiscriminator,
    GlobalLocalDiscriminator,
    LocalDiscriminator,
)
from deepfill_tf.networks.patch_discriminator import PatchDiscriminator
from deepfill_tf.networks.refinement import RefinementNetwork
from deepfill_tf.networks.stage import Stage

NETWORKS = {
    network.__name__: network
    for network in (
        CoarseNetwork,
        GeneratorV1,
        GeneratorV2,
        GlobalDiscriminator,
        GlobalLocalDiscriminator,
        LocalDiscriminator,
        PatchDiscriminator,
        RefinementNetwork,
    )
}

# Arguments that are no part of an architecture.
_UNSAVED = ("name", "dtype")


def architecture_of(model: keras.Model) -> dict[str, Any]:
    """Class and arguments of one of `NETWORKS`."""
    arguments = {k: v for k, v in model.get_config().items() if k not in _UNSAVED}
    return {"class": type(model).__name__, "arguments": arguments}


def with_defaults(architecture: Mapping[str, Any]) -> dict[str, Any]:
    """The architecture, with those arguments that are newer than it at their defaults."""
    network = NETWORKS.get(architecture["class"])
    parameters = inspect.signature(network).parameters.values() if network else []
    defaults = {
        argument.name: argument.default
        for argument in parameters
        if argument.default is not argument.empty and argument.name not in _UNSAVED
    }
    return {**architecture, "arguments": defaults | architecture["arguments"]}


def model_from_architecture(
    architecture: Mapping[str, Any], *, channels: int = 3, dtype: str | None = None
) -> keras.Model:
    """The built network that `architecture_of` described, for weights that will be assigned.

    Args:
      architecture: "class" and "arguments".
      channels: channels of the image, for discriminators.
      dtype: a policy such as "mixed_bfloat16"; None is Keras's global one.

    Raises:
      UserError: if the class is unknown or does not take the arguments.
    """
    try:
        name, arguments = architecture["class"], dict(architecture["arguments"])
    except (TypeError, KeyError, ValueError):
        raise UserError(
            f'an architecture has the entries "class" and "arguments", got {architecture!r}'
        ) from None
    if name not in NETWORKS:
        raise UserError(
            f"there is no network called {name!r} in this version; there are {sorted(NETWORKS)}"
        )
    try:
        model = NETWORKS[name](**arguments, dtype=dtype)
    except (TypeError, ValueError) as error:
        raise UserError(f"{name} cannot be made from {arguments!r}: {error}") from error
    with zeros_for_kernels():
        return build_model(model, channels)


def build_model(model: keras.Model, channels: int = 3) -> keras.Model:
    """The same network with its variables.

    `channels` are those of the image, for discriminators: generators and their stages have an
    argument of that name.
    """
    if isinstance(model, Generator | Stage):
        build_layer(model, (None, None, None, model.channels))
    else:
        # A dense layer's weights depend on the size of its input.
        model(*model.example_inputs(channels))
    return model
