"""Generators and discriminators as compositions of layers."""

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
