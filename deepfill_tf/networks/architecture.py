"""Networks as plain data, and back: what `model.json` and checkpoints say of them.

{"class": "GeneratorV2", "arguments": {"width": 24, "channels": 3, ...}}
"""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from deepfill_tf.compat import keras
from deepfill_tf.errors import UserError
from deepfill_tf.networks.coarse import CoarseNetwork
from deepfill_tf.networks.generators import GeneratorV1, GeneratorV2
from deepfill_tf.networks.global_local import (
    GlobalDiscriminator,
    GlobalLocalDiscriminator,
    LocalDiscriminator,
)
from deepfill_tf.networks.patch_discriminator import PatchDiscriminator
from deepfill_tf.networks.refinement import RefinementNetwork

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

# Every network takes multiples of this, from the smallest size on.
MULTIPLE = 8
# Mirrored padding needs feature maps at least as large as itself, and the widest is 16
# (dilation 16) at a quarter of the image's size; reflection needs one pixel more.
_SMALLEST_SIZES = {"symmetric": 64, "reflect": 72}


def architecture_of(model: keras.Model) -> dict[str, Any]:
    """The model's class and arguments, made of what JSON knows; no name, no dtype."""
    arguments = {k: v for k, v in model.get_config().items() if k not in ("name", "dtype")}
    return {"class": type(model).__name__, "arguments": _plain(arguments)}


def model_from_architecture(
    architecture: Mapping[str, Any], *, channels: int = 3, dtype: str | None = None
) -> keras.Model:
    """The built model that `architecture_of` described, with fresh weights.

    Args:
      architecture: "class" and "arguments".
      channels: channels of the image, for networks that do not say so themselves.
      dtype: a policy such as "mixed_bfloat16"; None is Keras's global one.

    Raises UserError where the class is unknown or does not take the arguments.
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
    return build_model(model, channels)


def build_model(model: keras.Model, channels: int = 3) -> keras.Model:
    """The same model with its variables made, by one call on zeros.

    `channels` are those of the image and count only where the model has no
    argument of that name. A network called with anything but images, masks and, where
    it is guided, sketches has a method `example_inputs(channels)` that gives what it takes.
    """
    config = model.get_config()
    channels = config.get("channels", channels)
    if hasattr(model, "example_inputs"):
        model(*model.example_inputs(channels))
        return model
    size, dtype = smallest_size(model), model.compute_dtype
    mask = tf.zeros([1, size, size, 1], dtype)
    model(tf.zeros([1, size, size, channels], dtype), *[mask] * (2 if config.get("guided") else 1))
    return model


def smallest_size(model: keras.Model) -> int:
    """Height and width of the smallest image that the network takes."""
    return _SMALLEST_SIZES.get(model.get_config().get("padding"), MULTIPLE)


def _plain(value: Any) -> Any:
    """Keras wraps the containers it is given; JSON does not know the wrappers."""
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value
