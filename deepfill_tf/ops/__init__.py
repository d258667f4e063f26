"""Pure functions of tensors: no variables, no Keras, no gin."""

from deepfill_tf.ops.attention import contextual_attention
from deepfill_tf.ops.compositing import complete, with_mask_channels
from deepfill_tf.ops.convolution import PADDINGS, convolve
from deepfill_tf.ops.fast_attention import fast_contextual_attention
from deepfill_tf.ops.flow_color import color_wheel, offsets_to_color
from deepfill_tf.ops.patches import extract_patches
from deepfill_tf.ops.resizing import double_nearest, resize_bilinear, resize_nearest
from deepfill_tf.ops.shapes import height_and_width
from deepfill_tf.ops.spectral_norm import spectral_normalize

__all__ = [
    "PADDINGS",
    "color_wheel",
    "complete",
    "contextual_attention",
    "convolve",
    "double_nearest",
    "extract_patches",
    "fast_contextual_attention",
    "height_and_width",
    "offsets_to_color",
    "resize_bilinear",
    "resize_nearest",
    "spectral_normalize",
    "with_mask_channels",
]
