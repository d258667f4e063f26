"""Mixtures of holes of several kinds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import tensorflow as tf

from deepfill_tf.checks import check_at_least
from deepfill_tf.data.masks.union import check_generators
from deepfill_tf.data.seeds import fold_in, uniform


@dataclass(frozen=True, kw_only=True)
class MixtureMasks:
    """Holes of one of several generators, which is drawn anew for each example.

    Every generator draws with independent random numbers. All masks are computed, those of the
    generators that were not drawn too.

    Attributes:
      generators: mask generators, at least one, see `data.masks`; they may be unions or mixtures.
      weights: a number >= 0 for each generator, in proportion to its probability; None for the
        same probability of all.
    """

    generators: Sequence[Callable[[tf.Tensor, int, int], tf.Tensor]]
    weights: Sequence[float] | None = None

    def __post_init__(self):
        check_generators("MixtureMasks.generators", self.generators)
        if self.weights is None:
            return
        is_list = isinstance(self.weights, list | tuple)
        if not is_list or len(self.weights) != len(self.generators):
            raise ValueError(
                f"MixtureMasks.weights must be a list of {len(self.generators)} numbers, one for "
                f"each generator, got {self.weights!r}"
            )
        for weight in self.weights:
            check_at_least("MixtureMasks.weights", weight)
        if not sum(self.weights) > 0:
            raise ValueError(f"one of MixtureMasks.weights must exceed 0, got {self.weights!r}")

    def __call__(self, seeds: tf.Tensor, height: int, width: int) -> tf.Tensor:
        """Masks float32 `[N, height, width, 1]` for seeds int64 `[N, 2]`."""
        weights = self.weights or [1.0] * len(self.generators)
        # Below bounds[i], and not below those before it, generator i is drawn.
        bounds = [sum(weights[: i + 1]) / sum(weights) for i in range(len(weights) - 1)]
        drawn = uniform(fold_in(seeds, len(weights)), 1)[:, :, None, None]
        masks = self._masks(len(weights) - 1, seeds, height, width)
        for i in reversed(range(len(bounds))):
            masks = tf.where(drawn < bounds[i], self._masks(i, seeds, height, width), masks)
        return masks

    def _masks(self, i: int, seeds: tf.Tensor, height: int, width: int) -> tf.Tensor:
        return self.generators[i](fold_in(seeds, i), height, width)
