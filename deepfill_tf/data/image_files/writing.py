"""Writing of image files."""

import dataclasses
import io
import os
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from deepfill_tf import atomic
from deepfill_tf.data.image_files import png_chunks
from deepfill_tf.data.image_files.image_file import ImageFile, to_eight_bits
from deepfill_tf.data.image_files.metadata import Metadata
from deepfill_tf.data.image_files.text_in_exif import (
    exif_with_resolution,
    exif_with_text,
    without_maker_note,
)
from deepfill_tf.data.image_files.tiff_writing import encode_tiff
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
_WITH_ALPHA = ("PNG", "WEBP", "TIFF", "AVIF")
_WITH_16_BITS = ("PNG", "TIFF")
# Quality of JPEG and AVIF files where the image has none of its own.
QUALITY = 95
# Most bytes of one block of a JPEG file, without its marker's own.
_JPEG_BLOCK, _XMP_HEADER = 65533, 29


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

    Example:

    >>> import tempfile
    >>> from pathlib import Path
    >>> from deepfill_tf import read_image
    >>> folder = Path(tempfile.mkdtemp())
    >>> write_image(folder / "a.png", np.full([24, 32, 4], 200, np.uint8))
    >>> image = read_image(folder / "a.png")
    >>> mask = np.zeros([24, 32, 1], np.uint8)
    >>> mask[8:16, 8:24] = 255
    >>> write_completed(folder / "b.png", image, 255 - image.pixels, mask)
    ()
    >>> read_image(folder / "b.png").samples[[0, 8], 8].tolist()
    [[200, 200, 200, 200], [55, 55, 55, 200]]
    >>> write_completed(folder / "b.jpg", image, 255 - image.pixels, mask)
    ('...b.jpg: JPEG holds no alpha, which is left out',)
    """
    path = os.fspath(path)
    kind = format_of(path)
    encoding = image.encoding if kind == "JPEG" and quality is None else {}
    samples, notes = _fitting(kind, image.filled(completed, mask))
    content, more = _encoded(path, kind, samples, image.metadata, quality, encoding)
    _write(path, content)
    return tuple(f"{path}: {note}" for note in notes + more)


def write_image(path: str | os.PathLike, image: np.ndarray) -> None:
    """Writes uint8 or uint16 `[H, W, 1 to 4]` in the format that the path's suffix names.

    The file is replaced atomically. Raises UserError if it cannot be written.
    """
    path = os.fspath(path)
    kind = format_of(path)
    samples, _ = _fitting(kind, image)
    _write(path, _encoded(path, kind, samples, Metadata(), None, {})[0])


def format_of(path: str | os.PathLike) -> str:
    """Pillow's name of the format that a path's suffix stands for.

    Raises UserError if it is none of `WRITABLE_SUFFIXES`.
    """
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in WRITABLE_SUFFIXES:
        raise UserError(
            f"cannot write {os.fspath(path)}: {suffix!r} is not the suffix of an image that can "
            f"be written; those are {', '.join(WRITABLE_SUFFIXES)}"
        )
    return WRITABLE_SUFFIXES[suffix]


def _fitting(kind: str, samples: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Returns samples that a format can hold, and lines on what it cannot."""
    notes = []
    if samples.shape[2] in (2, 4) and kind not in _WITH_ALPHA:
        samples = samples[:, :, :-1]
        notes.append(f"{kind} holds no alpha, which is left out")
    if samples.dtype == np.uint16 and kind not in _WITH_16_BITS:
        samples = to_eight_bits(samples)
        notes.append(f"{kind} holds 8 bits a channel, not 16")
    if samples.dtype == np.uint16 and samples.shape[2] == 2 and kind == "TIFF":
        samples = samples[:, :, [0, 0, 0, 1]]
        notes.append("grey of 16 bits with alpha is written as RGB, which more programs read")
    return samples, notes


def _encoded(
    path: str,
    kind: str,
    samples: np.ndarray,
    metadata: Metadata,
    quality: int | None,
    encoding: dict[str, Any],
) -> tuple[bytes, list[str]]:
    """Returns a file's content, and lines on metadata that it does not hold."""
    notes: list[str] = []
    try:
        if kind == "TIFF":
            return encode_tiff(samples, exif_with_text(metadata)), notes
        options = _metadata_options(kind, metadata, notes)
        if samples.dtype == np.uint16:
            return png_chunks.encode_deep(samples, options), notes
        squeezed = samples[:, :, 0] if samples.shape[2] == 1 else samples
        image = Image.fromarray(np.ascontiguousarray(squeezed))
        try:
            return _saved(image, kind, options | _quality_options(kind, quality, encoding)), notes
        except (OSError, ValueError):
            if not encoding:  # a JPEG file's own tables
                raise
        return _saved(image, kind, options | _quality_options(kind, quality, {})), notes
    except (OSError, KeyError, ValueError, MemoryError, OverflowError) as error:
        raise UserError(f"cannot write {path}: {reason(error)}") from error


def _saved(image: Image.Image, kind: str, options: dict[str, Any]) -> bytes:
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def _write(path: str, content: bytes) -> None:
    try:
        atomic.write_bytes(path, content)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot write {path}: {reason(error)}") from error


def _quality_options(kind: str, quality: int | None, encoding: dict[str, Any]) -> dict[str, Any]:
    """Options of Pillow; `encoding` is a JPEG file's own."""
    if kind == "JPEG":
        return encoding or {"quality": quality or QUALITY, "subsampling": "4:4:4"}
    if kind == "AVIF":
        return {"quality": quality or QUALITY, "subsampling": "4:4:4"}
    if kind == "WEBP":
        # `exact` keeps colours where alpha is 0.
        lossy = {"quality": quality, "lossless": False}
        return (lossy if quality else {"lossless": True}) | {"exact": True}
    return {}


def _metadata_options(kind: str, metadata: Metadata, notes: list[str]) -> dict[str, Any]:
    """Options of Pillow that write metadata; lines on what does not fit are added to `notes`."""
    options: dict[str, Any] = {"dpi": metadata.dpi} if metadata.dpi else {}
    if kind == "BMP":
        if metadata.icc_profile:
            notes.append("BMP holds no ICC profile, so that colours may look different")
        if metadata.exif or metadata.text or metadata.xmp:
            notes.append("BMP holds no EXIF, text or XMP, which are left out")
        return options
    exif, xmp = metadata.exif, metadata.xmp
    if kind == "PNG":
        options["pnginfo"] = _png_texts(metadata)
    else:
        texts = dict(metadata.text)
        if kind == "JPEG" and "Comment" in texts:
            options["comment"] = texts.pop("Comment").encode()[:_JPEG_BLOCK]
        described = exif_with_text(dataclasses.replace(metadata, text=texts))
        exif = (described if kind == "JPEG" else exif_with_resolution(described)).exif
    if kind == "JPEG":
        if exif and len(exif) > _JPEG_BLOCK:
            exif = without_maker_note(exif)
            notes.append("the maker note of its EXIF data does not fit into JPEG and is left out")
        if exif and len(exif) > _JPEG_BLOCK:
            exif = None
            notes.append("its EXIF data do not fit into JPEG and are left out")
        if xmp and len(xmp) > _JPEG_BLOCK - _XMP_HEADER:
            xmp = None
            notes.append("its XMP data do not fit into JPEG and are left out")
    if metadata.icc_profile:
        options["icc_profile"] = metadata.icc_profile
    if exif:
        options["exif"] = exif
    if xmp and kind != "PNG":
        options["xmp"] = xmp
    return options


def _png_texts(metadata: Metadata) -> PngImagePlugin.PngInfo:
    texts = PngImagePlugin.PngInfo()
    for kind, content in metadata.png_colours:
        texts.add(kind, content)
    for keyword, text in metadata.text.items():
        texts.add_text(keyword, text)
    if metadata.xmp:
        packet = metadata.xmp.decode("utf-8", "replace")
        texts.add_itxt("XML:com.adobe.xmp", packet)
    return texts
