"""Image and mask files: what they hold, reading them, and writing completed images.

| module | contents |
|---|---|
| `opening` | which files are opened at all: checks before a pixel is decoded |
| `image_file` | `ImageFile`: the samples of a file and what it carries besides |
| `metadata` | colour profile, EXIF, resolution, text and XMP |
| `reading` | `read_image` for completion, `read_pixels` for training |
| `mask_files` | `read_mask`: what of a mask file is the hole; `read_sketch` |
| `writing` | `write_completed` and `write_image` |
"""

from deepfill_tf.data.image_files.image_file import ImageFile
from deepfill_tf.data.image_files.mask_files import HOLES, MaskFile, read_mask, read_sketch
from deepfill_tf.data.image_files.metadata import Metadata
from deepfill_tf.data.image_files.opening import MAX_MEGAPIXELS, READING_ERRORS
from deepfill_tf.data.image_files.reading import image_size, read_image, read_pixels
from deepfill_tf.data.image_files.writing import (
    WRITABLE_SUFFIXES,
    write_completed,
    write_image,
)

__all__ = [
    "HOLES",
    "MAX_MEGAPIXELS",
    "READING_ERRORS",
    "WRITABLE_SUFFIXES",
    "ImageFile",
    "MaskFile",
    "Metadata",
    "image_size",
    "read_image",
    "read_mask",
    "read_pixels",
    "read_sketch",
    "write_completed",
    "write_image",
]
