"""Pictures and holes: file lists, decoding, crops, masks, and the stream of batches."""

from deepfill_tf.data.crops import crop_picture, enlarge_to_cover, resize_picture
from deepfill_tf.data.file_list import list_pictures
from deepfill_tf.data.masks import BrushStrokeMasks, RectangleMasks, UnionMasks
from deepfill_tf.data.picture_files import read_mask, read_picture, write_picture
from deepfill_tf.data.pipeline import PicturePipeline, fixed_examples
from deepfill_tf.data.scan import scan_pictures
from deepfill_tf.data.sketches import (
    CannySketches,
    EdgeFiles,
    HolisticSketches,
    LandmarkSketches,
    SketchSource,
)
from deepfill_tf.data.training_data import TrainingData

__all__ = [
    "BrushStrokeMasks",
    "CannySketches",
    "EdgeFiles",
    "HolisticSketches",
    "LandmarkSketches",
    "PicturePipeline",
    "RectangleMasks",
    "SketchSource",
    "TrainingData",
    "UnionMasks",
    "crop_picture",
    "enlarge_to_cover",
    "fixed_examples",
    "list_pictures",
    "read_mask",
    "read_picture",
    "resize_picture",
    "scan_pictures",
    "write_picture",
]
