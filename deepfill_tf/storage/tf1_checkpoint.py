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
from deepfill_tf.errors import UserError
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
# Optimiser's entries beside each trainable variable.
_SLOTS = re.compile(r".*/(Adam|Adam_1)$")
# Layers whose input begins with an image, and layers whose output is one.
_READS_IMAGE = {"conv1", "xconv1", "pmconv1"}
_WRITES_IMAGE = {"conv17", "allconv17"}


@dataclass(frozen=True)
class Layout:
    """One of the original programs' networks, as seen in the shapes of a checkpoint.

    Args:
      title: how messages and model.json call it.
      coarse_inputs, refinement_inputs: channels that conv1 and xconv1 take.
      gates: channels of a convolution for each channel that comes out of it.
      generator: width -> generator.
      discriminator: width -> discriminator.
      discriminator_first: its first kernel, which says how wide it is.
      discriminator_names: our name of one of its weights -> the original's.
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
    """What the originals call the generator's weight that is `name` here.

    `coarse/conv1/kernel` is theirs without the stage, and an enlarging layer's convolution
    has a scope of its own.
    """
    layer, kind = name.split("/")[-2:]
    if layer.endswith("_upsample"):
        return f"{GENERATOR_SCOPE}/{layer}/{layer}_conv/{kind}"
    return f"{GENERATOR_SCOPE}/{layer}/{kind}"


def patch_discriminator_name(name: str) -> str:
    """What the second program calls the discriminator's weight that is `name` here."""
    layer, *_, kind = name.split("/")
    kind = "kernel_sn/u" if kind == "u" else kind
    return f"{DISCRIMINATOR_SCOPE}/sn_patch_gan/{layer}/{kind}"


def global_local_name(name: str) -> str:
    """What the first program calls the discriminators' weight that is `name` here."""
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
    """The generator of an original's checkpoint, and its discriminator if that is there.

    `prefix` is the checkpoint's path without `.index`, or the folder that holds it.
    Which network it is follows from names and shapes. Raises UserError where the
    checkpoint cannot be read, is of another program, or where any weight of the
    networks is missing, too many or of the wrong shape; the first is named.
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
    """The entry of LAYOUTS that a checkpoint's names and shapes fit; UserError for none."""
    for layout in LAYOUTS:
        if layout.matches(shapes):
            return layout
    first = shapes.get(f"{GENERATOR_SCOPE}/conv1/kernel")
    found = f"the kernel of its conv1 is {list(first)}" if first else "it has no inpaint_net/conv1"
    titles = ", ".join(layout.title for layout in LAYOUTS)
    raise UserError(f"{prefix} is no checkpoint of {titles} as released: {found}")


def checkpoint_prefix(path: str | os.PathLike) -> str:
    """The prefix of the checkpoint that `path` names or, as a folder, holds."""
    path = Path(path)
    if path.is_dir():
        candidates = sorted(path.glob("*.index"))
        state = tf.train.get_checkpoint_state(str(path))
        if state is not None:
            # Paths in a state file are often those of the machine that wrote it.
            candidates = [path / (os.path.basename(state.model_checkpoint_path) + ".index")]
        if len(candidates) != 1:
            raise UserError(
                f"{path} holds {len(candidates)} checkpoints and no file called checkpoint "
                "that says which; name one by its path without .index"
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
    """The network of one scope with the checkpoint's weights."""
    try:
        model = build_model(network(width=width))
    except ValueError as error:
        raise UserError(f"{prefix}: {scope} cannot be rebuilt: {error}") from error
    in_scope = {n: _in_rgb(n, array) for n, array in arrays.items() if n.startswith(scope + "/")}
    assign_weights(model, in_scope, prefix, name_of=name_of)
    return model


def _in_rgb(name: str, array: np.ndarray) -> np.ndarray:
    """The weight of that original name, for RGB images where it was for BGR ones."""
    *_, layer, kind = name.split("/")
    if layer in _WRITES_IMAGE:
        return array[..., ::-1]
    if layer in _READS_IMAGE and kind == "kernel" and array.ndim == 4:
        return np.concatenate([array[:, :, 2::-1], array[:, :, 3:]], axis=2)
    return array
