"""Keras layers, each a thin shell of variables around `deepfill_tf.ops`."""

from deepfill_tf.layers.appearance_flow import AppearanceFlow
from deepfill_tf.layers.contextual_attention import ContextualAttention
from deepfill_tf.layers.gated_conv import GatedConv2D
from deepfill_tf.layers.no_attention import NoAttention
from deepfill_tf.layers.partial_conv import PartialConv2D
from deepfill_tf.layers.plain_conv import PlainConv2D
from deepfill_tf.layers.spatial_transformer import SpatialTransformer
from deepfill_tf.layers.spectral_norm import SpectralNorm
from deepfill_tf.layers.up_conv import GatedUpConv2D, PartialUpConv2D, PlainUpConv2D

__all__ = [
    "AppearanceFlow",
    "ContextualAttention",
    "GatedConv2D",
    "GatedUpConv2D",
    "NoAttention",
    "PartialConv2D",
    "PartialUpConv2D",
    "PlainConv2D",
    "PlainUpConv2D",
    "SpatialTransformer",
    "SpectralNorm",
]
