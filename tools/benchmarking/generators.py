"""The generators that `benchmark_cases.py` measures; all variants have the same random weights."""

import math
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from deepfill_tf.compat import keras, named_variables
from deepfill_tf.layers import GatedUpConv2D, PlainUpConv2D
from deepfill_tf.networks import GeneratorV1, GeneratorV2
from deepfill_tf.networks.architecture import build_model
from deepfill_tf.networks.coarse import CONVS
from deepfill_tf.networks.refinement import (
    AFTER_ATTENTION,
    BEFORE_ATTENTION,
    CONVOLUTION_BRANCH,
    DECODER,
)
from deepfill_tf.ops import convolve, upsample_nearest_2x
from deepfill_tf.storage.weights import assign_weights


@dataclass(frozen=True)
class Variation:
    """Variation of a generator's computation.

    Attributes:
      implementation: of the attention, "fast" or "patches"; the latter also upsamples before
        convolutions, instead of in one transposed convolution.
      whole_image: compute whole images; False: only the regions around the holes.
      dtype: name of a Keras dtype policy.
      attention: "contextual", or "none" for no attention.
    """

    implementation: str = "fast"
    whole_image: bool = True
    dtype: str = "float32"
    attention: str = "contextual"


REFERENCE, WHOLE_IMAGE = Variation("patches"), Variation()
REGIONS = Variation(whole_image=False)
BFLOAT16 = Variation(whole_image=False, dtype="mixed_bfloat16")
NETWORKS = {"v1": GeneratorV1, "v2": GeneratorV2}


def generator(network: str, variation: Variation, width: int | None) -> keras.Model:
    """Builds the generator of either paper; `width` None takes that of the paper."""
    options = {} if width is None else {"width": width}
    if variation.attention == "contextual":
        options["attention_options"] = {"implementation": variation.implementation}
    kind = NETWORKS[network]
    built = build_model(kind(attention=variation.attention, dtype=variation.dtype, **options))
    random = np.random.default_rng(0)
    # With this scale features neither grow nor vanish from layer to layer; gates halve them.
    gain = 2.0 if network == "v2" else 1.2
    weights = {
        name: random.normal(0, gain / math.sqrt(max(np.prod(v.shape[:-1]), 1)), v.shape)
        if len(v.shape) > 1
        else np.zeros(v.shape)
        for name, v in named_variables(built.weights).items()
    }
    assign_weights(built, weights, "the random numbers")
    if variation.implementation == "patches":
        upsample_before_convolutions(built)
    return built


def upsample_before_convolutions(built: keras.Model) -> None:
    """Replaces a generator's upsampling convolutions by upsampling and a convolution."""

    def convolved(images: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        return convolve(upsample_nearest_2x(images), kernel)

    for stage in (built.coarse, built.refinement):
        for layer in stage.layers:
            if isinstance(layer, PlainUpConv2D | GatedUpConv2D):
                layer.convolved = convolved


def convolutions_gflop(built: keras.Model, height: int, width: int) -> float:
    """10^9 multiplications and additions of all convolutions, for one image."""
    coarse, refinement = built.coarse, built.refinement
    # Network, convolutions, and the image's size relative to that of their input.
    stacks = (
        (coarse, CONVS, 1),
        (refinement, CONVOLUTION_BRANCH, 1),
        (refinement, BEFORE_ATTENTION + AFTER_ATTENTION, 1),
        (refinement, DECODER, 4),
    )
    products = 0
    for network, specs, scale in stacks:
        pixels = height * width // scale**2
        for spec in specs:
            pixels = pixels * 4 if spec.upsample else pixels // spec.strides**2
            products += pixels * math.prod(getattr(network, spec.name).kernel.shape)
    return 2 * products / 1e9
