"""Reading of image files."""

import dataclasses
import os

import numpy as np
from PIL import Image, JpegImagePlugin

from deepfill_tf.data.image_files.image_file import ImageFile, luminance
from deepfill_tf.data.image_files.metadata import Metadata, read_metadata
from deepfill_tf.data.image_files.opening import MAX_MEGAPIXELS, opened
from deepfill_tf.data.image_files.samples import decode, orientation_of

# Pillow's names of formats -> suffixes of their files, for those whose content is no surprise.
_SUFFIXES = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "MPO": (".jpg", ".jpeg", ".mpo"),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "BMP": (".bmp", ".dib"),
    "GIF": (".gif",),
    "AVIF": (".avif",),
    "HEIF": (".heic", ".heif", ".hif"),
}


def read_image(
    path: str | os.PathLike, *, channels: int = 3, max_megapixels: float = MAX_MEGAPIXELS
) -> ImageFile:
    """Reads an image file with all that it carries.

    Args:
      path: of a PNG, JPEG, WebP, TIFF, BMP, GIF, AVIF, JPEG 2000 or PPM file; of a HEIC file
        where pillow-heif is installed. Of an animation or several pages the first is read.
      channels: of the network's images: 3 for RGB; 1 for grey, which colours are converted to.
      max_megapixels: larger images are refused before a pixel is decoded.

    Returns:
      An `ImageFile`: `pixels` is uint8 `[H, W, channels]`, `notes` says what is not kept.

    Raises UserError that names the file if it is missing, unreadable, damaged or too large.

    Example:

    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "a.png"
    >>> Image.new("P", (32, 24)).save(path, dpi=(300, 300))
    >>> image = read_image(path)
    >>> image.pixels.shape, image.pixels.dtype, image.metadata.dpi
    ((24, 32, 3), dtype('uint8'), (299.9994, 299.9994))
    >>> image.notes
    ('...a.png: palette colours become RGB',)
    """
    _check_channels(channels)
    path = os.fspath(path)
    notes: list[str] = []
    with opened(path, max_megapixels) as (image, file):
        kind = image.format or ""
        notes += _surprises(path, image)
        orientation = orientation_of(image)
        samples = decode(image, file, orientation, notes)
        metadata = read_metadata(image, file, samples.shape[:2], orientation, notes)
        encoding = _jpeg_encoding(image)
        if image.mode in ("CMYK", "LAB"):  # the profile was theirs
            metadata = _without_profile(metadata)
    if channels == 1 and samples.shape[2] > 2:
        samples = _grey(samples)
        metadata = _without_profile(metadata)
        notes.append("colours become grey, for a model of grey images")
    lines = tuple(f"{path}: {note}" for note in notes)
    return ImageFile(path, samples, kind, channels, metadata, lines, encoding)


def read_pixels(path: str | os.PathLike, channels: int = 3) -> np.ndarray:
    """Reads an image file for training: uint8 `[H, W, channels]`, RGB for 3 channels, grey for 1.

    As `read_image` reads it, without what it carries: grey is repeated and alpha dropped, as in
    the released program; palettes and CMYK become RGB, and 16 bits become 8.

    Raises UserError as `read_image` does.
    """
    _check_channels(channels)
    path = os.fspath(path)
    with opened(path) as (image, file):
        samples = decode(image, file, orientation_of(image), [])
    if channels == 1 and samples.shape[2] > 2:
        samples = _grey(samples)
    return ImageFile(path, samples, "", channels).pixels


def image_size(path: str | os.PathLike) -> tuple[int, int]:
    """Reads height and width of an image file from its header alone, in pixels.

    They are those of the image turned as its EXIF orientation says. Raises UserError as
    `read_image` does.
    """
    with opened(path) as (image, _):
        width, height = image.size
        # Pillow swaps them for TIFF files itself.
        is_swapped = image.format != "TIFF" and orientation_of(image) >= 5
    return (width, height) if is_swapped else (height, width)


def _check_channels(channels: int) -> None:
    if channels not in (1, 3):
        raise ValueError(f"channels must be 1 or 3, got {channels!r}")


def _surprises(path: str, image: Image.Image) -> list[str]:
    """Lines on a format that the name does not say, and on further frames or pages."""
    notes = []
    suffix, kind = os.path.splitext(path)[1].lower(), image.format or ""
    expected = next((name for name, suffixes in _SUFFIXES.items() if suffix in suffixes), None)
    if expected and suffix not in _SUFFIXES.get(kind, (suffix,)):
        notes.append(f"the file is {kind}, not {expected} as its name says")
    if kind == "MPO":
        notes.append("further images in the file, such as a gain map or a preview, are left out")
    elif getattr(image, "is_animated", False):
        notes.append("only the first frame or page is read")
    return notes


def _jpeg_encoding(image: Image.Image) -> dict:
    """Options of Pillow that write a JPEG file with the tables and subsampling of this one."""
    if not isinstance(image, JpegImagePlugin.JpegImageFile):
        return {}
    encoding = {"qtables": image.quantization, "progressive": bool(image.info.get("progressive"))}
    sampling = JpegImagePlugin.get_sampling(image)
    return encoding | ({"subsampling": sampling} if sampling >= 0 else {})


def _without_profile(metadata: Metadata) -> Metadata:
    return dataclasses.replace(metadata, icc_profile=None, png_colours=())


def _grey(samples: np.ndarray) -> np.ndarray:
    """Converts RGB, or RGBA, to grey as Pillow weighs the colours, or grey and alpha."""
    colours, alpha = samples[:, :, :3], samples[:, :, 3:]
    if samples.dtype == np.uint8:
        grey = np.asarray(Image.fromarray(colours).convert("L"))[:, :, None]
    else:
        grey = luminance(colours).astype(samples.dtype)
    return np.concatenate([grey, alpha], axis=2)
