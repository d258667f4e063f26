"""Several kinds of holes in one image."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import tensorflow as tf

from deepfill_tf.data.seeds import fold_in


@dataclass(frozen=True, kw_only=True)
class UnionMasks:
    """The union of what several generators make; each has random numbers of its own.

    Attributes:
      generators: called as this is, at least one.
    """

    generators: Sequence[Callable[[tf.Tensor, int, int], tf.Tensor]]

    def __post_init__(self):
        if not self.generators:
            raise ValueError("UnionMasks.generators must name at least one generator")

    def __call__(self, seeds: tf.Tensor, height: int, width: int) -> tf.Tensor:
        masks = [g(fold_in(seeds, i), height, width) for i, g in enumerate(self.generators)]
        return tf.reduce_max(tf.stack(masks), axis=0)

    def boxes(self, seeds: tf.Tensor, height: int, width: int) -> tuple[tf.Tensor, tf.Tensor]:
        """The box of the first generator that has one, see `RectangleMasks.boxes`."""
        for i, generator in enumerate(self.generators):
            if hasattr(generator, "boxes"):
                return generator.boxes(fold_in(seeds, i), height, width)
        raise ValueError("none of UnionMasks.generators has boxes, as RectangleMasks have")
