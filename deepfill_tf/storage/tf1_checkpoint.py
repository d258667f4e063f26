"""Checkpoints of the original TensorFlow 1 programs.

The originals read images as BGR. Here everything is RGB, so the colour channels of
the first convolution of each encoder, of both output convolutions and of each
discriminator's first convolution are reversed. Weights of the originals are CC BY-NC
4.0, and so is what is made of them.
"""

import functools
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from deepfill_tf.compat import keras
from deepfill_tf.errors import UserError, reason
from deepfill_tf.networks import (
    GeneratorV1,
    GeneratorV2,
    GlobalLocalDiscriminator,
    PatchDiscriminator,
)
from deepfill_tf.networks.architecture import build_model
from deepfill_tf.storage.checkpoint_arrays import checkpoint_arrays
from deepfill_tf.storage.weights import assign_weights

GENERATOR_SCOPE, DISCRIMINATOR_SCOPE = "inpaint_net", "discriminator"
# The optimizer's entries beside each trainable variable.
_SLOTS = re.compile(r".*/(Adam|Adam_1)$")
# Layers whose input begins with an image, and layers whose output is one.
_READS_IMAGE = {"conv1", "xconv1", "pmconv1"}
_WRITES_IMAGE = {"conv17", "allconv17"}


@dataclass(frozen=True)
class Layout:
    """Networks of one of the original programs, recognised by the shapes in a checkpoint.

    Attributes:
      title: name in messages.
      coarse_inputs, refinement_inputs: input channels of conv1 and xconv1.
      gates: channels of a convolution for each of its output channels; 2 if it is gated.
      generator: width -> generator.
      discriminator: width -> discriminator.
      discriminator_first: name of its first kernel, whose shape gives the width.
      discriminator_names: name of one of its weights in this package -> the original name.
    """

    title: str
    coarse_inputs: int
    refinement_inputs: int
    gates: int
    generator: Callable[..., keras.Model]
    discriminator: Callable[..., keras.Model]
    discriminator_first: str
    discriminator_names: Callable[[str], str]

    def matches(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        """Whether the checkpoint's first layers are this network's."""
        first = shapes.get(f"{GENERATOR_SCOPE}/conv1/kernel", ())
        second = shapes.get(f"{GENERATOR_SCOPE}/conv2_downsample/kernel", ())
        refining = shapes.get(f"{GENERATOR_SCOPE}/xconv1/kernel", ())
        if not len(first) == len(second) == len(refining) == 4:
            return False
        found = (first[2], refining[2], second[2] * self.gates)
        return found == (self.coarse_inputs, self.refinement_inputs, first[3])


def generator_name(name: str) -> str:
    """Returns the original name of the generator's weight `name`.

    The originals name no stage (`coarse/`), and an upsampling layer's convolution has a scope of
    its own.
    """
    layer, kind = name.split("/")[-2:]
    if layer.endswith("_upsample"):
        return f"{GENERATOR_SCOPE}/{layer}/{layer}_conv/{kind}"
    return f"{GENERATOR_SCOPE}/{layer}/{kind}"


def patch_discriminator_name(name: str) -> str:
    """Returns the second program's name of the discriminator's weight `name`."""
    layer, *_, kind = name.split("/")
    kind = "kernel_sn/u" if kind == "u" else kind
    return f"{DISCRIMINATOR_SCOPE}/sn_patch_gan/{layer}/{kind}"


def global_local_name(name: str) -> str:
    """Returns the first program's name of the discriminators' weight `name`."""
    which, layer, kind = name.split("/")
    if layer == "score":
        return f"{DISCRIMINATOR_SCOPE}/dout_{which}_fc/{kind}"
    return f"{DISCRIMINATOR_SCOPE}/discriminator_{which}/{layer}/{kind}"


_SECOND: dict[str, Any] = {
    "refinement_inputs": 3,
    "gates": 2,
    "discriminator_first": patch_discriminator_name("conv1/convolution/kernel"),
    "discriminator_names": patch_discriminator_name,
}
LAYOUTS = (
    Layout(
        title="DeepFill v1",
        coarse_inputs=5,
        refinement_inputs=5,
        gates=1,
        generator=GeneratorV1,
        discriminator=GlobalLocalDiscriminator,
        discriminator_first=global_local_name("global/conv1/kernel"),
        discriminator_names=global_local_name,
    ),
    Layout(
        title="DeepFill v2",
        coarse_inputs=5,
        generator=GeneratorV2,
        discriminator=PatchDiscriminator,
        **_SECOND,
    ),
    Layout(
        title="DeepFill v2, guided",
        coarse_inputs=6,
        generator=functools.partial(GeneratorV2, guided=True),
        discriminator=functools.partial(PatchDiscriminator, guided=True),
        **_SECOND,
    ),
)


def convert_checkpoint(
    prefix: str | os.PathLike,
) -> tuple[keras.Model, keras.Model | None]:
    """Returns the generator of an original checkpoint, and its discriminator if it has one.

    The kind of the networks follows from names and shapes in the checkpoint.

    Args:
      prefix: the checkpoint's path without `.index`, or the folder that holds it.

    Raises UserError if the checkpoint cannot be read or is of another program, or if a weight of
    the networks is missing, unknown or of the wrong shape; the first is named.
    """
    prefix = checkpoint_prefix(prefix)
    arrays = checkpoint_arrays(prefix, lambda name: not _SLOTS.match(name))
    layout = layout_of({name: array.shape for name, array in arrays.items()}, prefix)
    width = arrays[f"{GENERATOR_SCOPE}/conv1/kernel"].shape[3] // layout.gates
    generator = _filled(layout.generator, width, arrays, GENERATOR_SCOPE, generator_name, prefix)
    first = arrays.get(layout.discriminator_first)
    if first is None:
        return generator, None
    names = layout.discriminator_names
    discriminator = _filled(
        layout.discriminator, first.shape[-1], arrays, DISCRIMINATOR_SCOPE, names, prefix
    )
    return generator, discriminator


def layout_of(shapes: Mapping[str, tuple[int, ...]], prefix: str) -> Layout:
    """Returns the entry of LAYOUTS that matches a checkpoint. Raises UserError if none does.

    Args:
      shapes: name -> shape of the checkpoint's entries.
      prefix: the checkpoint's, for the message.
    """
    for layout in LAYOUTS:
        if layout.matches(shapes):
            return layout
    first = shapes.get(f"{GENERATOR_SCOPE}/conv1/kernel")
    found = f"the kernel of its conv1 is {list(first)}" if first else "it has no inpaint_net/conv1"
    titles = ", ".join(layout.title for layout in LAYOUTS)
    raise UserError(f"{prefix} is not a checkpoint of {titles} as released: {found}")


def checkpoint_prefix(path: str | os.PathLike) -> str:
    """Returns the prefix of a checkpoint, given a prefix, one of its files, or its folder.

    Raises UserError if there is no checkpoint, or a folder does not tell which of several.
    """
    path = Path(path)
    if path.is_dir():
        candidates = sorted(path.glob("*.index"))
        state = tf.train.get_checkpoint_state(str(path))
        if state is not None:
            # Paths in a state file are often those of the machine that wrote it.
            candidates = [path / (os.path.basename(state.model_checkpoint_path) + ".index")]
        if len(candidates) != 1:
            raise UserError(
                f"{path} holds {len(candidates)} checkpoints and no file named checkpoint that "
                "selects one; pass the path of one, without .index"
            )
        path = candidates[0]
    prefix = re.sub(r"\.(index|meta|data-\d+-of-\d+)$", "", str(path))
    if not os.path.isfile(prefix + ".index"):
        raise UserError(f"there is no checkpoint {prefix}: {prefix}.index does not exist")
    return prefix


def _filled(
    network: Callable[..., keras.Model],
    width: int,
    arrays: Mapping[str, np.ndarray],
    scope: str,
    name_of: Callable[[str], str],
    prefix: str,
) -> keras.Model:
    """Returns the network of one scope with the checkpoint's weights."""
    try:
        model = build_model(network(width=width))
    except ValueError as error:
        raise UserError(f"{prefix}: {scope} cannot be reconstructed: {reason(error)}") from error
    in_scope = {n: _in_rgb(n, array) for n, array in arrays.items() if n.startswith(scope + "/")}
    assign_weights(model, in_scope, prefix, name_of=name_of)
    return model


def _in_rgb(name: str, array: np.ndarray) -> np.ndarray:
    """Returns an original weight, which was trained on BGR images, for RGB images."""
    *_, layer, kind = name.split("/")
    if layer in _WRITES_IMAGE:
        return array[..., ::-1]
    if layer in _READS_IMAGE and kind == "kernel" and array.ndim == 4:
        return np.concatenate([array[:, :, 2::-1], array[:, :, 3:]], axis=2)
    return array
