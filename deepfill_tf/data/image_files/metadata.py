"""What an image file carries besides its pixels: profile, EXIF, resolution, text and XMP."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, TypeVar

from PIL import ExifTags, Image

from deepfill_tf.data.image_files import png_chunks

T = TypeVar("T")

# Tags of a TIFF file that describe its layout or are kept otherwise, and those of EXIF blocks
# that are no longer true: orientation and thumbnail.
_LAYOUT_TAGS = {
    *range(254, 267),
    *(273, 275, 276, 277, 278, 279, 280, 281),
    *range(284, 294),
    *(297, 301, 317, 318, 319),
    *range(320, 348),
    *range(512, 533),
    *(700, 33723, 34377, 34675, 37724),
}
_SUB_DIRECTORIES = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
RESOLUTIONS = (ExifTags.Base.XResolution, ExifTags.Base.YResolution)
_INCH, _CENTIMETRE = 2, 3
# Chunks of a PNG file besides its ICC profile that give its colours a meaning.
_COLOUR_CHUNKS = (b"cHRM", b"cICP", b"gAMA", b"sRGB")
# Keywords of a PNG file that hold other metadata in text.
_NOT_TEXT = re.compile(r"XML:com\.adobe\.xmp|Raw profile type .*")
_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation(?:=[\"']|>))\d")
# Where JPEG files, in their Photoshop block, and TIFF files hold IPTC data.
_IPTC_RESOURCE, _IPTC_TAG = 0x0404, 33723


@dataclass(frozen=True)
class Metadata:
    """What an image file carries besides its pixels.

    Attributes:
      icc_profile: the ICC profile of the colours.
      exif: an EXIF block, beginning with `Exif\\0\\0`, without orientation and thumbnail.
      dpi: resolution in pixels per inch, horizontal and vertical.
      text: keyword -> text, such as PNG files hold; a JPEG file's comment is "Comment".
      xmp: an XMP packet.
      png_colours: chunks of a PNG file that say what its colours mean, (type, content).
    """

    icc_profile: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None
    text: Mapping[str, str] = field(default_factory=dict)
    xmp: bytes | None = None
    png_colours: tuple[tuple[bytes, bytes], ...] = ()


def read_metadata(
    image: Image.Image,
    file: BinaryIO,
    size: tuple[int, int],
    orientation: int,
    notes: list[str],
) -> Metadata:
    """Reads the metadata of a decoded image while its file is open.

    Args:
      image: as `opening.opened` yields it, decoded.
      file: the file that `image` was opened from.
      size: height and width of the image as it is shown.
      orientation: the EXIF orientation that the file had.
      notes: gets a line for each block that is damaged or not kept.
    """
    dpi = _attempt("resolution", lambda: _dpi(image), None, notes)
    if dpi is not None and orientation >= 5:
        dpi = dpi[::-1]
    if _IPTC_RESOURCE in image.info.get("photoshop", {}) or _IPTC_TAG in _tags(image):
        notes.append("IPTC data are left out")
    return Metadata(
        icc_profile=_attempt("ICC profile", lambda: image.info.get("icc_profile"), None, notes),
        exif=_attempt("EXIF data", lambda: _exif(image, size, orientation), None, notes),
        dpi=dpi,
        text=_attempt("texts", lambda: _text(image), {}, notes),
        xmp=_attempt("XMP data", lambda: _xmp(image), None, notes),
        png_colours=_attempt("colour data", lambda: _png_colours(image, file), (), notes),
    )


def _attempt(what: str, read: Callable[[], T], otherwise: T, notes: list[str]) -> T:
    try:
        return read()
    except Exception:  # damaged blocks raise errors of any kind
        notes.append(f"its {what} cannot be read and are left out")
        return otherwise


def _tags(image: Image.Image) -> Mapping[int, Any]:
    """The tags of a TIFF file."""
    return getattr(image, "tag_v2", {})


def _dpi(image: Image.Image) -> tuple[float, float] | None:
    found = image.info.get("dpi") or _dpi_in_exif(image.getexif())
    values = tuple(float(value) for value in found)
    usable = len(values) == 2 and all(math.isfinite(v) and 0 < v < 1e6 for v in values)
    return (values[0], values[1]) if usable else None


def _dpi_in_exif(exif: Image.Exif) -> tuple[float, ...]:
    per_inch = {_INCH: 1.0, _CENTIMETRE: 2.54}.get(exif.get(ExifTags.Base.ResolutionUnit, _INCH))
    if per_inch is None or any(tag not in exif for tag in RESOLUTIONS):
        return ()
    return tuple(exif[tag] * per_inch for tag in RESOLUTIONS)


def _exif(image: Image.Image, size: tuple[int, int], orientation: int) -> bytes | None:
    """The EXIF block of an upright image of a size, without layout tags and thumbnail."""
    old, new = image.getexif(), Image.Exif()
    for tag in old:
        if tag not in _LAYOUT_TAGS and tag not in _SUB_DIRECTORIES:
            new[tag] = old[tag]
    for tag in _SUB_DIRECTORIES:
        directory = dict(old.get_ifd(tag))
        if not directory:
            continue
        if isinstance(directory.pop(ExifTags.IFD.Interop, None), int):
            directory[ExifTags.IFD.Interop] = dict(old.get_ifd(ExifTags.IFD.Interop))
        height, width = size
        for dimension, pixels in (("ExifImageWidth", width), ("ExifImageHeight", height)):
            if ExifTags.Base[dimension] in directory:
                directory[ExifTags.Base[dimension]] = pixels
        new.get_ifd(tag).update(directory)
    if ExifTags.Base.Orientation in new:
        new[ExifTags.Base.Orientation] = 1
    if orientation >= 5:
        across, down = (new.get(tag) for tag in RESOLUTIONS)
        for resolution, value in zip(RESOLUTIONS, (down, across), strict=True):
            if value is not None:
                new[resolution] = value
    if not len(new) and not any(new.get_ifd(tag) for tag in _SUB_DIRECTORIES):
        if image.info.get("exif") and not len(old):
            raise ValueError("no tag can be read")
        return None
    return new.tobytes()


def _text(image: Image.Image) -> dict[str, str]:
    texts = dict(getattr(image, "text", {}))
    comment = image.info.get("comment")
    if comment:
        texts["Comment"] = _decoded(comment)
    return {key: text for key, text in texts.items() if not _NOT_TEXT.fullmatch(key)}


def _xmp(image: Image.Image) -> bytes | None:
    """The XMP packet, with the orientation of an upright image."""
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    if not packet:
        return None
    content = packet.encode() if isinstance(packet, str) else bytes(packet)
    return _XMP_ORIENTATION.sub(rb"\g<1>1", content)


def _png_colours(image: Image.Image, file: BinaryIO) -> tuple[tuple[bytes, bytes], ...]:
    if image.format != "PNG":
        return ()
    file.seek(0)
    return tuple(chunk for chunk in png_chunks.read(file) if chunk[0] in _COLOUR_CHUNKS)


def _decoded(text: str | bytes) -> str:
    if isinstance(text, str):
        return text
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")
