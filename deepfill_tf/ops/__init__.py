"""Pure functions of tensors: no variables, no Keras, no gin."""

from deepfill_tf.ops.attention import AttentionOptions, contextual_attention
from deepfill_tf.ops.border_correction import correct_borders, correction_radius
from deepfill_tf.ops.compositing import composite, with_mask_channels
from deepfill_tf.ops.convolution import PADDINGS, convolve, pad
from deepfill_tf.ops.cropping import crop
from deepfill_tf.ops.detail_copying import (
    copy_details,
    details_region,
    search_operations,
)
from deepfill_tf.ops.discounting import box_discount, hole_discount
from deepfill_tf.ops.distance import distance_to_known
from deepfill_tf.ops.fast_attention import (
    contextual_attention_region,
    fast_contextual_attention,
    supports_fast,
)
from deepfill_tf.ops.flow_color import color_wheel, offsets_to_color
from deepfill_tf.ops.gated_convolution import convolve_gated
from deepfill_tf.ops.half_size import (
    half_size,
    half_size_sketches,
    inside_weights,
    least_side_with_inside,
)
from deepfill_tf.ops.mirroring import mirror_pad
from deepfill_tf.ops.patches import extract_patches
from deepfill_tf.ops.regions import Region
from deepfill_tf.ops.resizing import (
    resize_bilinear,
    resize_nearest,
    upsample_bilinear_2x,
    upsample_nearest_2x,
)
from deepfill_tf.ops.sampling import cell_offsets, sample_bilinear
from deepfill_tf.ops.shapes import height_and_width
from deepfill_tf.ops.spectral_norm import spectral_normalize
from deepfill_tf.ops.upsampling import upsample_conv2d

__all__ = [
    "PADDINGS",
    "AttentionOptions",
    "Region",
    "box_discount",
    "cell_offsets",
    "color_wheel",
    "composite",
    "contextual_attention",
    "contextual_attention_region",
    "convolve",
    "convolve_gated",
    "copy_details",
    "correct_borders",
    "correction_radius",
    "crop",
    "details_region",
    "distance_to_known",
    "extract_patches",
    "fast_contextual_attention",
    "half_size",
    "half_size_sketches",
    "height_and_width",
    "hole_discount",
    "inside_weights",
    "least_side_with_inside",
    "mirror_pad",
    "offsets_to_color",
    "pad",
    "resize_bilinear",
    "resize_nearest",
    "sample_bilinear",
    "search_operations",
    "spectral_normalize",
    "supports_fast",
    "upsample_bilinear_2x",
    "upsample_conv2d",
    "upsample_nearest_2x",
    "with_mask_channels",
]
