"""Inputs of networks that take images, masks and, if they are guided, sketches.

images      float `[N, H, W, C]` in [-1, 1]
masks       `[N, H, W, 1]` or `[1, H, W, 1]`, exactly 0 or 1; 1 is the hole
sketches    `[N, H, W, 1]` or `[1, H, W, 1]`, exactly 0 or 1; 1 is an edge
"""

from collections.abc import Mapping

import tensorflow as tf


def inputs_of(batch: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, ...]:
    """Images, masks and, if there are any, sketches of a batch, in the order of arguments."""
    return tuple(batch[key] for key in ("image", "mask", "sketch") if key in batch)


def zero_inputs(size: int, channels: int, *, guided: bool, dtype: str) -> tuple[tf.Tensor, ...]:
    """One black image of `size` x `size`, a mask without a hole, an empty sketch if guided."""
    images = tf.zeros([1, size, size, channels], dtype)
    masks = tf.zeros([1, size, size, 1], dtype)
    return (images, masks, masks) if guided else (images, masks)


def check_sketches(network: str, guided: bool, sketches: tf.Tensor | None) -> None:
    """Raises ValueError unless sketches are given to guided networks, and to no others."""
    if guided != (sketches is not None):
        inputs = "images, masks and sketches" if guided else "images and masks"
        raise ValueError(f"a {network} with guided={guided} takes {inputs}")
