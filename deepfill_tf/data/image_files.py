"""Reading and writing image and mask files."""

import io
import os

import numpy as np
import tensorflow as tf
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from deepfill_tf import atomic
from deepfill_tf.data.records import open_image
from deepfill_tf.errors import UserError, reason

# Raised by Pillow for a corrupt file, or one that is not an image.
DECODING_ERRORS = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
READING_ERRORS = (*DECODING_ERRORS, UnidentifiedImageError, tf.errors.OpError)
# Modes of 16 bits a channel, which Pillow would clip on the way to 8.
_WIDE_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N")


def read_image(path: str, channels: int = 3) -> np.ndarray:
    """Reads an image file: uint8 `[H, W, channels]`, RGB for 3 channels, grey for 1.

    The image is turned as its EXIF orientation says. Grey is repeated and alpha dropped, as
    in the released program; palettes and CMYK become RGB, and 16 bits become 8 by division.

    Raises UserError that names the file if it is missing, truncated or not an image.
    """
    if channels not in (1, 3):
        raise ValueError(f"channels must be 1 or 3, got {channels!r}")
    image = _eight_bits(_open(path))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        # By way of RGBA: a palette's transparent entries keep their colour.
        image = image.convert("RGBA")
        image = Image.merge("RGB", image.split()[:3])
    mode = "RGB" if channels == 3 else "L"
    return np.asarray(image.convert(mode)).reshape(image.height, image.width, channels)


def image_size(path: str) -> tuple[int, int]:
    """Reads height and width of an image file from its header alone, in pixels.

    They are those of the image turned as its EXIF orientation says. Raises UserError as
    `read_image` does.
    """
    try:
        with open_image(path) as file, Image.open(file) as image:
            width, height = image.size
            turned = image.getexif().get(ExifTags.Base.Orientation, 1) >= 5
    except UserError:
        raise
    except READING_ERRORS as error:
        raise _unreadable(path, error) from error
    return (width, height) if turned else (height, width)


def read_mask(path: str) -> np.ndarray:
    """Reads a mask file: uint8 `[H, W, 1]`, its first channel; above 127 is the hole.

    Raises UserError as `read_image` does.
    """
    return np.ascontiguousarray(read_image(path)[:, :, :1])


def write_image(path: str, image: np.ndarray) -> None:
    """Writes uint8 `[H, W, 1 or 3]` in the format that the path's suffix names.

    The file is replaced atomically. Raises UserError if it cannot be written.
    """
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


def _open(path: str) -> Image.Image:
    """Decodes an image and turns it as its EXIF orientation says."""
    try:
        with open_image(path) as file:
            image = Image.open(io.BytesIO(file.read()))
        image.load()
        return ImageOps.exif_transpose(image)
    except UserError:
        raise
    except READING_ERRORS as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str, error: Exception) -> UserError:
    """The error of an image that cannot be read."""
    if isinstance(error, tf.errors.NotFoundError):
        return UserError(f"there is no image {path}")
    # Pillow's own message has the address of an object.
    is_foreign = isinstance(error, UnidentifiedImageError)
    return UserError(
        f"cannot read the image {path}: {'unknown format' if is_foreign else reason(error)}"
    )


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode not in _WIDE_MODES:
        return image
    return Image.fromarray((np.asarray(image).astype(np.int64) // 257).clip(0, 255).astype("u1"))
