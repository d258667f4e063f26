"""Total variation: differences between neighbouring pixels."""

from dataclasses import dataclass
from typing import ClassVar

import tensorflow as tf

from deepfill_tf.objectives.term import Batch, Term
from deepfill_tf.ops import composite


def total_variation(images: tf.Tensor) -> tf.Tensor:
    """Mean absolute difference to the pixels below and to the right, a scalar.

    The sum of both over each image of `[N, H, W, C]`, divided by H * W * C; then the mean
    over the images.
    """
    size = tf.cast(tf.reduce_prod(tf.shape(images)[1:]), images.dtype)
    return tf.reduce_mean(tf.image.total_variation(images) / size)


@dataclass(frozen=True, kw_only=True)
class TotalVariation(Term):
    """Total variation of the completed image, as in Liu et al. (2018).

    The seam around the hole counts; the known part adds a constant. Computed for values in
    [-1, 1], it is a fiftieth of the `tv` of `evaluation.image_metrics`, which is in per cent
    of the range.
    """

    name: ClassVar[str] = "total_variation"

    def __call__(self, prediction: tf.Tensor, batch: Batch) -> tf.Tensor:
        return total_variation(composite(prediction, batch["image"], batch["mask"]))
