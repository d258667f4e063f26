"""Writing of image files."""

import io
import os

import numpy as np
import tensorflow as tf
from PIL import Image

from deepfill_tf import atomic
from deepfill_tf.data.image_files.image_file import ImageFile
from deepfill_tf.errors import UserError, reason

# Suffix -> Pillow's name of the format that it stands for.
WRITABLE_SUFFIXES = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
    ".avif": "AVIF",
}


def write_completed(
    path: str | os.PathLike,
    image: ImageFile,
    completed: np.ndarray,
    mask: np.ndarray,
    *,
    quality: int | None = None,
) -> tuple[str, ...]:
    """Writes a completed image with all that its image file carries; returns notes.

    The file is replaced atomically. Known pixels are those of the image file, bit for bit in
    lossless formats.

    Args:
      path: its suffix, one of `WRITABLE_SUFFIXES`, names the format.
      image: the image that was completed, as `read_image` returned it.
      completed: uint8 `[H, W, C]`, or float32 in [-1, 1], which keeps all bits of deep images.
      mask: uint8 `[H, W, 1]`, above 127 is the hole; outside it `completed` is not used.
      quality: 1 to 100, for JPEG, WebP and AVIF; None: a JPEG file's own, else lossless for
        WebP and 95 for JPEG and AVIF.

    Returns:
      A line for each thing that the format cannot hold.

    Raises UserError if the file cannot be written.
    """
    write_image(path, image.filled(completed, mask))
    return ()


def write_image(path: str | os.PathLike, image: np.ndarray) -> None:
    """Writes uint8 `[H, W, 1, 2, 3 or 4]` in the format that the path's suffix names.

    The file is replaced atomically. Raises UserError if it cannot be written.
    """
    path = os.fspath(path)
    suffix = os.path.splitext(path)[1].lower()
    formats = Image.registered_extensions()
    if suffix not in formats:
        raise UserError(f"cannot write {path}: {suffix!r} is not the suffix of an image; try .png")
    content = io.BytesIO()
    squeezed = image[:, :, 0] if image.shape[2] == 1 else image
    options = {"quality": 95} if formats[suffix] == "JPEG" else {}
    try:
        Image.fromarray(squeezed).save(content, format=formats[suffix], **options)
        atomic.write_bytes(path, content.getvalue())
    except (OSError, KeyError, ValueError, tf.errors.OpError) as error:
        raise UserError(f"cannot write {path}: {reason(error)}") from error
