"""Pure functions of tensors: no variables, no Keras, no gin."""

from deepfill_tf.ops.attention import contextual_attention
from deepfill_tf.ops.compositing import complete, with_mask_channels
from deepfill_tf.ops.convolution import PADDINGS, convolve, pad
from deepfill_tf.ops.cropping import crop
from deepfill_tf.ops.discounting import box_discount, hole_discount
from deepfill_tf.ops.distance import distance_to_known
from deepfill_tf.ops.enlarging import convolve_doubled
from deepfill_tf.ops.fast_attention import (
    fast_contextual_attention,
    has_fast_form,
    rebuilt_window,
)
from deepfill_tf.ops.flow_color import color_wheel, offsets_to_color
from deepfill_tf.ops.patches import extract_patches
from deepfill_tf.ops.resizing import double_nearest, resize_bilinear, resize_nearest
from deepfill_tf.ops.sampling import cell_offsets, sample_bilinear
from deepfill_tf.ops.shapes import height_and_width
from deepfill_tf.ops.spectral_norm import spectral_normalize
from deepfill_tf.ops.windows import Window

__all__ = [
    "PADDINGS",
    "Window",
    "box_discount",
    "cell_offsets",
    "color_wheel",
    "complete",
    "contextual_attention",
    "convolve",
    "convolve_doubled",
    "crop",
    "distance_to_known",
    "double_nearest",
    "extract_patches",
    "fast_contextual_attention",
    "has_fast_form",
    "height_and_width",
    "hole_discount",
    "offsets_to_color",
    "pad",
    "rebuilt_window",
    "resize_bilinear",
    "resize_nearest",
    "sample_bilinear",
    "spectral_normalize",
    "with_mask_channels",
]
