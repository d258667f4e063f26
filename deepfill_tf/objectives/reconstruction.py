"""Reconstruction losses: how far a prediction is from the image."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import tensorflow as tf

from deepfill_tf.objectives.term import Term
from deepfill_tf.ops import box_discount, crop, hole_discount

# Name of an error -> the error of each value.
ERRORS = {"l1": tf.abs, "l2": tf.square}


@dataclass(frozen=True, kw_only=True)
class Reconstruction(Term):
    """Mean error over the whole image, hole and known part alike (second paper).

    Attributes:
      error: "l1" as in both papers, or "l2".
    """

    name: ClassVar[str] = "reconstruction"

    error: str = "l1"

    def __post_init__(self):
        super().__post_init__()
        if self.error not in ERRORS:
            raise ValueError(
                f"{type(self).__name__}.error must be one of {sorted(ERRORS)}, got {self.error!r}"
            )

    def __call__(self, prediction: tf.Tensor, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        return tf.reduce_mean(self._errors(prediction, batch))

    def _errors(self, prediction: tf.Tensor, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        return ERRORS[self.error](batch["image"] - prediction)


@dataclass(frozen=True, kw_only=True)
class BoxReconstruction(Reconstruction):
    """Mean error in the unshrunk box around the hole, discounted towards its middle.

    The first paper's, as released. The batch holds `box_rows` and `box_columns`, see
    `ops.crop`; all of the box counts, its rim of known pixels too.

    Attributes:
      discount: gamma of `ops.box_discount`; None: no discount. The paper says 0.99, the
        released configuration 0.9.
    """

    name: ClassVar[str] = "box_reconstruction"
    needs_box: ClassVar[bool] = True

    weight: float = 1.2
    coarse_weight: float = 1.2
    discount: float | None = 0.9

    def __post_init__(self):
        super().__post_init__()
        _check_discount(self)

    def __call__(self, prediction: tf.Tensor, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        errors = crop(self._errors(prediction, batch), batch["box_rows"], batch["box_columns"])
        if self.discount is not None:
            height, width = errors.shape[1:3]
            errors *= box_discount(height, width, self.discount)
        return tf.reduce_mean(errors)


@dataclass(frozen=True, kw_only=True)
class HoleReconstruction(Reconstruction):
    """Mean error in a hole of any shape, discounted by the distance to what is known.

    As the first paper's text has it (section 3.4). Every image counts the same, whatever
    the size of its hole.

    Attributes:
      discount: gamma of `ops.hole_discount`; None: no discount.
    """

    name: ClassVar[str] = "hole_reconstruction"

    weight: float = 1.2
    coarse_weight: float = 1.2
    discount: float | None = 0.99

    def __post_init__(self):
        super().__post_init__()
        _check_discount(self)

    def __call__(self, prediction: tf.Tensor, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        errors, masks = self._errors(prediction, batch), batch["mask"]
        if self.discount is not None:
            errors *= hole_discount(masks, self.discount)
        return _mean_where(masks, errors)


@dataclass(frozen=True, kw_only=True)
class KnownReconstruction(Reconstruction):
    """Mean error outside the hole (first paper, as released).

    Each image is normalised by its own known part, so that all count the same where
    holes differ; for one hole in the whole batch this is the released formula.
    """

    name: ClassVar[str] = "known_reconstruction"

    weight: float = 1.2
    coarse_weight: float = 1.2

    def __call__(self, prediction: tf.Tensor, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        return _mean_where(1 - batch["mask"], self._errors(prediction, batch))


def _mean_where(masks: tf.Tensor, errors: tf.Tensor) -> tf.Tensor:
    """Mean over the images of the mean error where the mask is 1; 0 where it never is."""
    sums = tf.reduce_mean(masks * errors, axis=[1, 2, 3])
    return tf.reduce_mean(tf.math.divide_no_nan(sums, tf.reduce_mean(masks, axis=[1, 2, 3])))


def _check_discount(term) -> None:
    value = term.discount
    if value is not None and not (isinstance(value, int | float) and 0 < value <= 1):
        raise ValueError(f"{type(term).__name__}.discount must be None or in (0, 1], got {value!r}")
