"""Total variation: how much neighbouring pixels differ."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import tensorflow as tf

from deepfill_tf.objectives.term import Term
from deepfill_tf.ops import composite


def total_variation(images: tf.Tensor) -> tf.Tensor:
    """Absolute differences to the pixels below and to the right, for each value; a scalar.

    Their sum over each image of `[N, H, W, C]` by H * W * C, then the mean over images.
    """
    size = tf.cast(tf.reduce_prod(tf.shape(images)[1:]), images.dtype)
    return tf.reduce_mean(tf.image.total_variation(images) / size)


@dataclass(frozen=True, kw_only=True)
class TotalVariation(Term):
    """Of the completed image, in [-1, 1]: twice the `tv` of reports, which take [0, 1].

    The known part adds a constant; the seam around the hole counts, as in Liu et al. (2018).
    """

    name: ClassVar[str] = "total_variation"

    def __call__(self, prediction: tf.Tensor, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        return total_variation(composite(prediction, batch["image"], batch["mask"]))
