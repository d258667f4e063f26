"""TIFF files of 8 and 16 bits a channel, which Pillow writes in part only."""

import io
import zlib

import numpy as np
from PIL import Image, TiffImagePlugin, TiffTags

from deepfill_tf.data.image_files.metadata import Metadata

# Compressed one by one, so that readers need not hold all at once.
_STRIP_BYTES = 2**20
_DEFLATE, _HORIZONTAL_DIFFERENCES, _UNASSOCIATED_ALPHA, _INCH = 8, 2, 2, 2
_GREY, _RGB = 1, 2


def encode_tiff(samples: np.ndarray, metadata: Metadata) -> bytes:
    """Returns a TIFF file, losslessly compressed.

    Args:
      samples: uint8 or uint16 `[H, W, 1 to 4]`: grey, grey and alpha, RGB or RGBA.
      metadata: its texts are not written; those of its EXIF block are.
    """
    height, width, channels = samples.shape
    rows = max(1, min(height, _STRIP_BYTES // samples[0].nbytes))
    strips = [_compressed(samples[top : top + rows]) for top in range(0, height, rows)]
    offsets = np.cumsum([0, *map(len, strips[:-1])])
    directory = TiffImagePlugin.ImageFileDirectory_v2(ifh=b"II*\0\0\0\0\0")
    exif = Image.Exif()
    exif.load(metadata.exif or b"")
    for tag in exif:
        is_directory = tag in TiffTags.TAGS_V2_GROUPS
        directory[tag] = exif.get_ifd(tag) if is_directory else exif[tag]
    if metadata.dpi:
        directory[TiffImagePlugin.RESOLUTION_UNIT] = _INCH
        directory[TiffImagePlugin.X_RESOLUTION] = metadata.dpi[0]
        directory[TiffImagePlugin.Y_RESOLUTION] = metadata.dpi[1]
    if metadata.icc_profile:
        directory[TiffImagePlugin.ICCPROFILE] = metadata.icc_profile
    if metadata.xmp:
        directory[TiffImagePlugin.XMP] = metadata.xmp
    directory[TiffImagePlugin.IMAGEWIDTH] = width
    directory[TiffImagePlugin.IMAGELENGTH] = height
    directory[TiffImagePlugin.BITSPERSAMPLE] = (samples.dtype.itemsize * 8,) * channels
    directory[TiffImagePlugin.SAMPLESPERPIXEL] = channels
    directory[TiffImagePlugin.PHOTOMETRIC_INTERPRETATION] = _GREY if channels <= 2 else _RGB
    if channels in (2, 4):
        directory[TiffImagePlugin.EXTRASAMPLES] = _UNASSOCIATED_ALPHA
    directory[TiffImagePlugin.PLANAR_CONFIGURATION] = 1
    directory[TiffImagePlugin.COMPRESSION] = _DEFLATE
    directory[TiffImagePlugin.PREDICTOR] = _HORIZONTAL_DIFFERENCES
    directory[TiffImagePlugin.ROWSPERSTRIP] = rows
    for tag, values in (
        (TiffImagePlugin.STRIPBYTECOUNTS, map(len, strips)),
        (TiffImagePlugin.STRIPOFFSETS, offsets),  # moved behind the directory by its writer
    ):
        directory.tagtype[tag] = TiffTags.LONG
        directory[tag] = tuple(map(int, values))
    content = io.BytesIO()
    content.write(b"II*\0" + (8).to_bytes(4, "little"))
    content.seek(0)
    directory.save(content)
    return b"".join([content.getvalue(), *strips])


def _compressed(rows: np.ndarray) -> bytes:
    """Rows in little-endian bytes, each sample as its difference from the one to its left."""
    differences = rows.copy()
    differences[:, 1:] -= rows[:, :-1]
    little_endian = differences.astype(rows.dtype.newbyteorder("<"))
    return zlib.compress(little_endian.tobytes(), 6)
