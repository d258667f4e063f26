"""Training data: file lists, decoding, crops, masks, sketches, and the stream of batches.

"As released" means as in the original programs published with the papers; docs/differences.md
lists where they differ from the papers.
"""

from deepfill_tf.data.crops import crop_at_scale, crop_image, enlarge_to_cover, resize_image
from deepfill_tf.data.examples import ExampleOptions
from deepfill_tf.data.file_list import list_images
from deepfill_tf.data.image_files import (
    ImageFile,
    read_image,
    read_mask,
    read_pixels,
    write_completed,
    write_image,
)
from deepfill_tf.data.masks import BrushStrokeMasks, MixtureMasks, RectangleMasks, UnionMasks
from deepfill_tf.data.paired_masks import MaskFiles
from deepfill_tf.data.pipeline import ImagePipeline, fixed_examples
from deepfill_tf.data.sketches import (
    CannySketches,
    EdgeFiles,
    HolisticSketches,
    LandmarkSketches,
    SketchSource,
)
from deepfill_tf.data.training_data import TrainingData
from deepfill_tf.data.validate_images import check_readable

__all__ = [
    "BrushStrokeMasks",
    "CannySketches",
    "EdgeFiles",
    "ExampleOptions",
    "HolisticSketches",
    "ImageFile",
    "ImagePipeline",
    "LandmarkSketches",
    "MaskFiles",
    "MixtureMasks",
    "RectangleMasks",
    "SketchSource",
    "TrainingData",
    "UnionMasks",
    "check_readable",
    "crop_at_scale",
    "crop_image",
    "enlarge_to_cover",
    "fixed_examples",
    "list_images",
    "read_image",
    "read_mask",
    "read_pixels",
    "resize_image",
    "write_completed",
    "write_image",
]
