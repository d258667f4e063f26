"""Reconstruction losses: pixel-wise differences between a prediction and the image."""

from dataclasses import dataclass
from typing import ClassVar

import tensorflow as tf

from deepfill_tf.checks import check_choice, check_in_range
from deepfill_tf.objectives.term import DISTANCES, Batch, Term
from deepfill_tf.ops import box_discount, crop, hole_discount


@dataclass(frozen=True, kw_only=True)
class Reconstruction(Term):
    """Mean error over the whole image, hole and known part alike (second paper).

    Attributes:
      error: "l1", absolute, as in both papers; or "l2", squared.
    """

    name: ClassVar[str] = "reconstruction"

    error: str = "l1"

    def __post_init__(self):
        super().__post_init__()
        check_choice(f"{type(self).__name__}.error", self.error, DISTANCES)

    def __call__(self, prediction: tf.Tensor, batch: Batch) -> tf.Tensor:
        return tf.reduce_mean(self._errors(prediction, batch))

    def _errors(self, prediction: tf.Tensor, batch: Batch) -> tf.Tensor:
        return DISTANCES[self.error](batch["image"] - prediction)


@dataclass(frozen=True, kw_only=True)
class BoxReconstruction(Reconstruction):
    """Mean error in the box around the hole, discounted towards its middle (first paper).

    As released: the whole box counts, before it is shrunk to the hole, with its margin of
    known pixels. The batch must have `box_rows` `[N, h]` and `box_columns` `[N, w]`, see
    `ops.crop`.

    Attributes:
      discount: gamma of `ops.box_discount`, in (0, 1], or None for no discount. The paper
        says 0.99, the released configuration 0.9.
    """

    name: ClassVar[str] = "box_reconstruction"
    needs_box: ClassVar[bool] = True

    discount: float | None = None

    def __post_init__(self):
        super().__post_init__()
        _check_discount(self)

    def __call__(self, prediction: tf.Tensor, batch: Batch) -> tf.Tensor:
        errors = crop(self._errors(prediction, batch), batch["box_rows"], batch["box_columns"])
        if self.discount is not None:
            height, width = errors.shape[1:3]
            errors *= box_discount(height, width, self.discount)
        return tf.reduce_mean(errors)


@dataclass(frozen=True, kw_only=True)
class HoleReconstruction(Reconstruction):
    """Mean error in a hole of any shape, discounted by the distance to the known pixels.

    As described in the first paper. Every image counts the same, whatever the size of its
    hole.

    Attributes:
      discount: gamma of `ops.hole_discount`, in (0, 1], or None for no discount. The paper
        says 0.99.
    """

    name: ClassVar[str] = "hole_reconstruction"

    discount: float | None = None

    def __post_init__(self):
        super().__post_init__()
        _check_discount(self)

    def __call__(self, prediction: tf.Tensor, batch: Batch) -> tf.Tensor:
        errors, masks = self._errors(prediction, batch), batch["mask"]
        if self.discount is not None:
            errors *= hole_discount(masks, self.discount)
        return _mean_where(masks, errors)


@dataclass(frozen=True, kw_only=True)
class KnownReconstruction(Reconstruction):
    """Mean error outside the hole (first paper, as released).

    Each image is normalised by the size of its own known part, so that every image counts
    the same. For a batch with one hole this is the released formula.
    """

    name: ClassVar[str] = "known_reconstruction"

    def __call__(self, prediction: tf.Tensor, batch: Batch) -> tf.Tensor:
        return _mean_where(1 - batch["mask"], self._errors(prediction, batch))


def _mean_where(masks: tf.Tensor, errors: tf.Tensor) -> tf.Tensor:
    """Mean over the images of the mean error where the mask is 1 (0 if it is nowhere)."""
    sums = tf.reduce_mean(masks * errors, axis=[1, 2, 3])
    return tf.reduce_mean(tf.math.divide_no_nan(sums, tf.reduce_mean(masks, axis=[1, 2, 3])))


def _check_discount(term: BoxReconstruction | HoleReconstruction) -> None:
    if term.discount is not None:
        name = f"{type(term).__name__}.discount"
        check_in_range(name, term.discount, 0, 1, low_open=True, high_open=False)
