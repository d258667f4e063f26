"""The generators that `benchmark_cases.py` measures, as the papers put them and as they are here.

Weights are random numbers, the same in every form.
"""

import math
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from deepfill_tf.compat import keras, named_variables
from deepfill_tf.layers import GatedUpConv2D, PlainUpConv2D
from deepfill_tf.networks import GeneratorV1, GeneratorV2
from deepfill_tf.networks.architecture import build_model
from deepfill_tf.networks.coarse import CONVS
from deepfill_tf.networks.generators import FIRST_PAPER, SECOND_PAPER
from deepfill_tf.networks.refinement import (
    AFTER_ATTENTION,
    BEFORE_ATTENTION,
    CONVOLUTION_BRANCH,
    DECODER,
)
from deepfill_tf.ops import convolve, upsample_nearest_2x
from deepfill_tf.storage.weights import assign_weights


@dataclass(frozen=True)
class Form:
    """How a generator computes; `dtype` is a policy's name.

    With the implementation "patches" of the attention go convolutions as the papers put them.
    """

    implementation: str = "fast"
    regions: bool = False
    dtype: str = "float32"
    attention: str = "contextual"


PATCHES, WHOLE = Form("patches"), Form()
WINDOWS, BFLOAT16 = Form(regions=True), Form(regions=True, dtype="mixed_bfloat16")
NETWORKS = {"v1": (GeneratorV1, FIRST_PAPER), "v2": (GeneratorV2, SECOND_PAPER)}


def generator(network: str, form: Form, width: int | None) -> keras.Model:
    """The built generator of either paper, with the same random weights for every form."""
    options = {} if width is None else {"width": width}
    if form.attention == "contextual":
        options["attention_options"] = {"implementation": form.implementation}
    kind, _ = NETWORKS[network]
    built = build_model(kind(attention=form.attention, dtype=form.dtype, **options))
    random = np.random.default_rng(0)
    # The gates halve what goes through: so scaled, the signal neither grows nor fades away.
    gain = 2.0 if network == "v2" else 1.2
    weights = {
        name: random.normal(0, gain / math.sqrt(max(np.prod(v.shape[:-1]), 1)), v.shape)
        if len(v.shape) > 1
        else np.zeros(v.shape)
        for name, v in named_variables(built.weights).items()
    }
    assign_weights(built, weights, "the random numbers")
    if form.implementation == "patches":
        compute_as_written(built)
    return built


def compute_as_written(built: keras.Model) -> None:
    """Makes the doublings of a generator as the papers put them: slower, the same numbers."""

    def convolved(images: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        return convolve(upsample_nearest_2x(images), kernel)

    for stage in (built.coarse, built.refinement):
        for layer in stage.layers:
            if isinstance(layer, PlainUpConv2D | GatedUpConv2D):
                layer.convolved = convolved


def convolutions_gflop(built: keras.Model, height: int, width: int) -> float:
    """10^9 multiplications and additions of all convolutions for one image."""
    coarse, refinement = built.coarse, built.refinement
    # The decoder begins with maps of a quarter of the image's size.
    chains = (
        (coarse, CONVS, 1),
        (refinement, CONVOLUTION_BRANCH, 1),
        (refinement, BEFORE_ATTENTION + AFTER_ATTENTION, 1),
        (refinement, DECODER, 4),
    )
    products = 0
    for network, rows, scale in chains:
        pixels = height * width // scale**2
        for row in rows:
            pixels = pixels * 4 if row.upsample else pixels // row.strides**2
            products += pixels * math.prod(getattr(network, row.name).kernel.shape)
    for layer in (coarse.conv17, refinement.allconv17):
        products += height * width * math.prod(layer.kernel.shape)
    return 2 * products / 1e9
