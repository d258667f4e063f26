"""Opening of image files: what is refused before a pixel is decoded."""

import contextlib
import importlib
import importlib.util
import io
import math
import os
import stat
import threading
import warnings
from collections.abc import Iterator
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from deepfill_tf import file_system
from deepfill_tf.data.record_addresses import is_record
from deepfill_tf.errors import UserError, reason, system_reason

# Largest image that is read by default, in millions of pixels.
MAX_MEGAPIXELS = 100.0
# Pillow's names of the formats that are read.
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "JPEG2000", "PPM")
# How HEIC files, and TIFF files, begin.
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# Raised by Pillow for a corrupt file, or one that is not an image.
DECODING_ERRORS = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
READING_ERRORS = (*DECODING_ERRORS, UnidentifiedImageError)
# A pixel has four channels of two bytes at most; the rest is for headers and metadata.
_BYTES_PER_PIXEL, _MARGIN = 8, 2**26

# Pillow warns of damaged metadata, and of large images, which have checks of their own here.
warnings.filterwarnings("ignore", module=r"PIL\.")
_PILLOW_LIMIT = threading.Lock()


@contextlib.contextmanager
def opened(
    path: str | os.PathLike, max_megapixels: float = MAX_MEGAPIXELS
) -> Iterator[tuple[Image.Image, BinaryIO]]:
    """Yields an image of which only the header has been read, and its file.

    Decoding it may still fail: an error of a decoder inside the block becomes a UserError that
    names the file. Errors of this package's own code stay as they are.

    Raises UserError if the file is missing, not a regular file, empty, not an image of
    `FORMATS`, or larger than `max_megapixels`.
    """
    path = os.fspath(path)
    try:
        with _open_file(path, max_megapixels) as file:
            image = _identify(path, file, max_megapixels)
            check_megapixels(path, image.width, image.height, max_megapixels)
            yield image, file
    except UserError:
        raise
    except (*READING_ERRORS, MemoryError) as error:
        raise unreadable(path, error) from error
    except Exception as error:
        if _is_of_this_package(error):
            raise
        # Decoders of damaged files raise errors of any type: RuntimeError, IndexError, TypeError.
        raise unreadable(path, error) from error


def check_megapixels(path: str, width: int, height: int, max_megapixels: float) -> None:
    """Raises UserError if an image is empty or larger than `max_megapixels`."""
    if min(width, height) < 1:
        raise UserError(f"cannot read the image {path}: it has no pixels")
    megapixels = width * height / 1e6
    if megapixels > max_megapixels:
        raise UserError(
            f"the image {path} has {width} x {height} pixels, {megapixels:.0f} megapixels; "
            f"at most {max_megapixels:g} are read unless max_megapixels is raised"
        )


def unreadable(path: str, error: Exception) -> UserError:
    """The error of an image that cannot be read."""
    if isinstance(error, FileNotFoundError):
        return UserError(f"there is no image {path}")
    if isinstance(error, UnidentifiedImageError):
        # Pillow's own message has the address of an object.
        why = "it is not an image of a known format"
    elif isinstance(error, MemoryError):
        why = "it does not fit into memory"
    elif isinstance(error, OSError):
        why = system_reason(error)
    elif isinstance(error, DECODING_ERRORS):
        why = reason(error)
    else:
        why = "it is damaged"
    return UserError(f"cannot read the image {path}: {why}")


def _is_of_this_package(error: Exception) -> bool:
    """Whether this package's code raised an error, not a library that it calls."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    module = "" if place is None else place.tb_frame.f_globals.get("__name__", "")
    return module.partition(".")[0] == __package__.partition(".")[0]


def _identify(path: str, file: BinaryIO, max_megapixels: float) -> Image.Image:
    """Opens the image in a file. Raises UserError, or what Pillow raises."""
    formats: tuple[str, ...] = FORMATS
    start = file.read(12)
    file.seek(0)
    if start[4:8] == b"ftyp" and start[8:12] in _HEIC_BRANDS:
        if importlib.util.find_spec("pillow_heif") is None:
            raise UserError(
                f"cannot read the image {path}: it is a HEIC file, which needs "
                "`pip install pillow-heif`; or save it as PNG or JPEG"
            )
        importlib.import_module("pillow_heif").register_heif_opener()
        formats = ("HEIF",)
    try:
        with _pillow_limit(max_megapixels):
            return Image.open(file, formats=formats)
    except UnidentifiedImageError:
        if start[:4] not in _TIFF_STARTS:
            raise
        raise UserError(
            f"cannot read the image {path}: it is a TIFF file that is damaged, or of a kind that "
            "is not read, such as floating-point colours; save it with 8 or 16 bits a channel"
        ) from None


@contextlib.contextmanager
def _pillow_limit(max_megapixels: float) -> Iterator[None]:
    """Lifts Pillow's own limit of pixels where it is lower than `max_megapixels`."""
    if max_megapixels * 1e6 <= (Image.MAX_IMAGE_PIXELS or math.inf):
        yield
        return
    with _PILLOW_LIMIT:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _open_file(path: str, max_megapixels: float) -> BinaryIO:
    """Opens a regular file, or the whole content of a record or a remote file."""
    if is_record(path):
        from deepfill_tf.data.records import read_record  # with TensorFlow

        return io.BytesIO(read_record(path))
    if file_system.is_remote(path):
        return io.BytesIO(file_system.read_bytes(path))
    # Opening a named pipe would wait, and opening a device may do anything.
    status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        raise UserError(f"cannot read the image {path}: it is a folder")
    if not stat.S_ISREG(status.st_mode):
        raise UserError(f"cannot read the image {path}: it is not a regular file")
    if not status.st_size:
        raise UserError(f"cannot read the image {path}: it is empty")
    limit = max_megapixels * 1e6 * _BYTES_PER_PIXEL + _MARGIN
    if status.st_size > limit:
        raise UserError(
            f"cannot read the image {path}: its {status.st_size / 1e6:.0f} MB are more than "
            f"{max_megapixels:g} megapixels can have; raise max_megapixels if it is an image"
        )
    return open(path, "rb")
