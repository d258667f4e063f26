"""Inputs of networks that take images, masks and, if they are guided, sketches.

images      float `[N, H, W, C]` in [-1, 1]
masks       `[N, H, W, 1]` or `[1, H, W, 1]`, exactly 0 or 1; 1 is the hole
sketches    `[N, H, W, 1]` or `[1, H, W, 1]`, exactly 0 or 1; 1 is an edge
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import tensorflow as tf

# An input, or all inputs of a network in a list.
Inputs: TypeAlias = tf.Tensor | Sequence[tf.Tensor]


def inputs_of(batch: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, ...]:
    """Images, masks and, if there are any, sketches of a batch, in the order of arguments."""
    return tuple(batch[key] for key in ("image", "mask", "sketch") if key in batch)


def zero_inputs(size: int, channels: int, *, guided: bool, dtype: str) -> tuple[tf.Tensor, ...]:
    """One black image of `size` x `size`, a mask without a hole, an empty sketch if guided."""
    images = tf.zeros([1, size, size, channels], dtype)
    masks = tf.zeros([1, size, size, 1], dtype)
    return (images, masks, masks) if guided else (images, masks)


def unpacked(first: Inputs, *others: tf.Tensor | None) -> tuple[Any, ...]:
    """The arguments of a call whose first one may be a list of all, as for Keras's `predict`."""
    if not isinstance(first, list | tuple):
        return first, *others
    if len(first) > 1 + len(others):
        raise ValueError(f"a network takes at most {1 + len(others)} inputs, got {len(first)}")
    return *first, *others[len(first) - 1 :]


def check_given(network: str, **inputs: tf.Tensor | None) -> None:
    """Raises ValueError if one of the inputs, whose names are in the plural, is None."""
    missing = [name for name, value in inputs.items() if value is None]
    if missing:
        raise ValueError(
            f"a {network} takes images and {missing[0]}: network(images, {missing[0]}), or one "
            "list of both"
        )


def check_sketches(network: str, guided: bool, sketches: tf.Tensor | None) -> None:
    """Raises ValueError unless sketches are given to guided networks, and to no others."""
    if guided != (sketches is not None):
        inputs = "images, masks and sketches" if guided else "images and masks"
        raise ValueError(f"a {network} with guided={guided} takes {inputs}")
