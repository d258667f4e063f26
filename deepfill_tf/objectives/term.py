"""Base class of the terms of the generator's loss, and what several terms share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import tensorflow as tf

from deepfill_tf.checks import check_at_least

# Tensors by name; `Objective` and each term document the keys that they need.
Batch = Mapping[str, tf.Tensor]
# Name of a distance -> function of the difference.
DISTANCES = {"l1": tf.abs, "l2": tf.square}


@dataclass(frozen=True, kw_only=True)
class Term:
    """A term of the generator's loss, computed from one stage's prediction.

    Adds `weight * (coarse_weight * term(coarse) + refined_weight * term(refined))` to the
    generator's loss. A subclass sets the class attribute `name`.

    Attributes:
      weight: weight of the term, >= 0.
      coarse_weight, refined_weight: weights of the two stages, >= 0; with 0 the term is not
        computed for that stage.
    """

    # Name in reports; the terms of an objective have different ones.
    name: ClassVar[str]
    # True if the batch must have `box_rows` and `box_columns`, see `ops.crop`.
    needs_box: ClassVar[bool] = False

    weight: float = 1.0
    coarse_weight: float = 1.0
    refined_weight: float = 1.0

    def __post_init__(self):
        for attribute in ("weight", "coarse_weight", "refined_weight"):
            check_at_least(f"{type(self).__name__}.{attribute}", getattr(self, attribute))

    def build(self) -> None:
        """Creates or reads what the term needs beside the batch, in the strategy's scope."""

    def __call__(self, prediction: tf.Tensor, batch: Batch) -> tf.Tensor:
        """Returns the loss of one stage's `prediction`, a scalar without weights.

        Args:
          prediction: float32 `[N, H, W, C]` in [-1, 1], also with mixed precision.
          batch: `image` like `prediction`, `mask` `[N, H, W, 1]` or `[1, H, W, 1]` (1 is the
            hole), and further keys that a term's class documents.
        """
        raise NotImplementedError
