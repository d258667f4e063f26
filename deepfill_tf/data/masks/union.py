"""Unions of holes of several kinds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from deepfill_tf.data.seeds import fold_in


@dataclass(frozen=True, kw_only=True)
class UnionMasks:
    """Union of the holes of several generators, each with independent random numbers.

    Attributes:
      generators: mask generators, at least one, see `data.masks`; unions may be nested.
    """

    generators: Sequence[Callable[[tf.Tensor, int, int], tf.Tensor]]

    def __post_init__(self):
        check_generators("UnionMasks.generators", self.generators)

    def __call__(self, seeds: tf.Tensor, height: int, width: int) -> tf.Tensor:
        """Masks float32 `[N, height, width, 1]` for seeds int64 `[N, 2]`."""
        masks = [g(fold_in(seeds, i), height, width) for i, g in enumerate(self.generators)]
        return tf.reduce_max(tf.stack(masks), axis=0)

    def boxes(self, seeds: tf.Tensor, height: int, width: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Boxes of the first generator that has some, see `RectangleMasks.boxes`.

        Raises ValueError if none has.
        """
        for i, generator in enumerate(self.generators):
            if hasattr(generator, "boxes"):
                return generator.boxes(fold_in(seeds, i), height, width)
        raise ValueError("none of UnionMasks.generators has boxes: add @RectangleMasks()")


def check_generators(name: str, generators: Any) -> None:
    """Raises ValueError unless `generators` is a list of at least one mask generator."""
    is_list = isinstance(generators, list | tuple) and len(generators) > 0
    if not is_list or any(isinstance(g, type) or not callable(g) for g in generators):
        raise ValueError(
            f"{name} must be a list of generators, such as [@RectangleMasks()] with the brackets, "
            f"got {generators!r}"
        )
