"""Training data: file lists, decoding, crops, masks, sketches, and the stream of batches.

"As released" means as in the original programs published with the papers; docs/differences.md
lists where they differ from the papers.
"""

from deepfill_tf.lazy_names import lazy_names

_HOMES = {
    "BrushStrokeMasks": "deepfill_tf.data.masks",
    "CannySketches": "deepfill_tf.data.sketches",
    "EdgeFiles": "deepfill_tf.data.sketches",
    "ExampleOptions": "deepfill_tf.data.examples",
    "HolisticSketches": "deepfill_tf.data.sketches",
    "ImageFile": "deepfill_tf.data.image_files",
    "ImagePipeline": "deepfill_tf.data.pipeline",
    "LandmarkSketches": "deepfill_tf.data.sketches",
    "MaskFiles": "deepfill_tf.data.paired_masks",
    "MixtureMasks": "deepfill_tf.data.masks",
    "RectangleMasks": "deepfill_tf.data.masks",
    "SketchSource": "deepfill_tf.data.sketches",
    "TrainingData": "deepfill_tf.data.training_data",
    "UnionMasks": "deepfill_tf.data.masks",
    "check_readable": "deepfill_tf.data.validate_images",
    "crop_at_scale": "deepfill_tf.data.crops",
    "crop_image": "deepfill_tf.data.crops",
    "enlarge_to_cover": "deepfill_tf.data.crops",
    "fixed_examples": "deepfill_tf.data.pipeline",
    "list_images": "deepfill_tf.data.file_list",
    "read_image": "deepfill_tf.data.image_files",
    "read_mask": "deepfill_tf.data.image_files",
    "read_pixels": "deepfill_tf.data.image_files",
    "resize_image": "deepfill_tf.data.crops",
    "write_completed": "deepfill_tf.data.image_files",
    "write_image": "deepfill_tf.data.image_files",
}
__all__ = sorted(_HOMES)

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
