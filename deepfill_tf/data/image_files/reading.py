"""Reading of image files."""

import os

import numpy as np
from PIL import ExifTags, Image, ImageOps

from deepfill_tf.data.image_files.image_file import ImageFile
from deepfill_tf.data.image_files.opening import MAX_MEGAPIXELS, opened

# Modes of 16 bits a channel, which Pillow would clip on the way to 8.
_WIDE_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N")


def read_image(
    path: str | os.PathLike, *, channels: int = 3, max_megapixels: float = MAX_MEGAPIXELS
) -> ImageFile:
    """Reads an image file with all that it carries.

    Args:
      path: of a file of any format that Pillow reads.
      channels: of the network's images: 3 for RGB; 1 for grey, which colours are converted to.
      max_megapixels: larger images are refused before a pixel is decoded.

    Returns:
      An `ImageFile`: `pixels` is uint8 `[H, W, channels]`, `notes` says what is not kept.

    Raises UserError that names the file if it is missing, unreadable, damaged or too large.

    Example:

        image = read_image("a.png")
        mask = read_mask("a_mask.png", image.size)
        completed = inpainter(image.pixels, mask.pixels)
        write_completed("a_completed.png", image, completed, mask.pixels)
    """
    _check_channels(channels)
    with opened(path, max_megapixels) as image:
        kind = image.format or ""
        upright = ImageOps.exif_transpose(image)
    mode = {"LA": "LA", "L": "L", "1": "L"}.get(upright.mode, "RGB")
    if upright.mode in ("RGBA", "PA") or "transparency" in upright.info:
        mode = "RGBA"
    if channels == 1:
        mode = "L"
    samples = np.asarray(_eight_bits(upright).convert(mode))
    samples = samples.reshape(upright.height, upright.width, -1)
    return ImageFile(os.fspath(path), samples, kind, channels)


def read_pixels(path: str, channels: int = 3) -> np.ndarray:
    """Reads an image file for training: uint8 `[H, W, channels]`, RGB for 3 channels, grey for 1.

    The image is turned as its EXIF orientation says. Grey is repeated and alpha dropped, as
    in the released program; palettes and CMYK become RGB, and 16 bits become 8 by division.

    Raises UserError that names the file if it is missing, truncated or not an image.
    """
    _check_channels(channels)
    with opened(path) as file:
        image = ImageOps.exif_transpose(file)
    image = _eight_bits(image)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        # By way of RGBA: a palette's transparent entries keep their colour.
        image = image.convert("RGBA")
        image = Image.merge("RGB", image.split()[:3])
    mode = "RGB" if channels == 3 else "L"
    return np.asarray(image.convert(mode)).reshape(image.height, image.width, channels)


def image_size(path: str | os.PathLike) -> tuple[int, int]:
    """Reads height and width of an image file from its header alone, in pixels.

    They are those of the image turned as its EXIF orientation says. Raises UserError as
    `read_image` does.
    """
    with opened(path) as image:
        width, height = image.size
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) >= 5
    return (width, height) if turned else (height, width)


def _check_channels(channels: int) -> None:
    if channels not in (1, 3):
        raise ValueError(f"channels must be 1 or 3, got {channels!r}")


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode not in _WIDE_MODES:
        return image
    return Image.fromarray((np.asarray(image).astype(np.int64) // 257).clip(0, 255).astype("u1"))
