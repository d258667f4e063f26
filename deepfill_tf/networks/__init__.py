"""Generators and discriminators as compositions of layers.

`GeneratorV1` and `GeneratorV2` are made of a `CoarseNetwork` and a `RefinementNetwork`. The first
paper's discriminator is `GlobalLocalDiscriminator`, the second one's `PatchDiscriminator`. Each
module's docstring gives shapes and ranges of its networks' inputs and outputs.
"""

from deepfill_tf.networks.coarse import CoarseNetwork
from deepfill_tf.networks.generators import GeneratorV1, GeneratorV2
from deepfill_tf.networks.global_local import (
    GlobalDiscriminator,
    GlobalLocalDiscriminator,
    LocalDiscriminator,
)
from deepfill_tf.networks.patch_discriminator import PatchDiscriminator
from deepfill_tf.networks.refinement import RefinementNetwork

__all__ = [
    "CoarseNetwork",
    "GeneratorV1",
    "GeneratorV2",
    "GlobalDiscriminator",
    "GlobalLocalDiscriminator",
    "LocalDiscriminator",
    "PatchDiscriminator",
    "RefinementNetwork",
]
