"""What every term of the generator's loss has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import tensorflow as tf


@dataclass(frozen=True, kw_only=True)
class Term:
    """One way to say how far a prediction is from the image.

    It adds `weight * (coarse_weight * term(coarse) + refined_weight * term(refined))` to the
    generator's loss.

    Attributes:
      weight: of the term.
      coarse_weight, refined_weight: of each stage's prediction; 0 leaves it out.
    """

    # What reports call it.
    name: ClassVar[str]
    # Whether the batch must say where the box around the hole is.
    needs_box: ClassVar[bool] = False

    weight: float = 1.0
    coarse_weight: float = 1.0
    refined_weight: float = 1.0

    def __post_init__(self):
        for attribute in ("weight", "coarse_weight", "refined_weight"):
            value = getattr(self, attribute)
            if not isinstance(value, int | float) or not value >= 0:
                raise ValueError(
                    f"{type(self).__name__}.{attribute} must be a number of at least 0, "
                    f"got {value!r}"
                )

    def build(self) -> None:
        """Makes what the term needs beside the batch, inside the strategy's scope."""

    def __call__(self, prediction: tf.Tensor, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """The scalar for one stage's `prediction` `[N, H, W, C]` in [-1, 1].

        `batch` has `image` of the same shape, `mask` `[N, H, W, 1]` or `[1, H, W, 1]` (1 is
        the hole), and more where a term says so.
        """
        raise NotImplementedError
