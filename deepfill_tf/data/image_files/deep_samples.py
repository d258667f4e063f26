"""Samples of more than 8 bits, which Pillow would cut to 8 in colour images."""

from typing import Any, BinaryIO

import cv2
import numpy as np
from PIL import Image, TiffImagePlugin

from deepfill_tf.data.image_files import png_chunks
from deepfill_tf.errors import UserError

# Chunks of a PNG file that its samples depend on.
_PIXEL_CHUNKS = (b"IHDR", b"IDAT", b"IEND")
_GREY_MODES = ("I;16", "I;16B", "I;16L", "I;16N")
# Values of TIFF's SampleFormat and ExtraSamples.
_UNSIGNED, _ASSOCIATED_ALPHA = 1, 1
_MAXIMUM = 65535
# OpenCV 4 has the functions of this module at its top.
_LOGGING: Any = getattr(cv2.utils, "logging", cv2)
_SILENT = 0


def deep_samples(image: Image.Image, file: BinaryIO, notes: list[str]) -> np.ndarray | None:
    """Returns uint16 `[H, W, c]` of a decoded image; None if it has 8 bits a channel or fewer.

    The samples are turned as those of `image` are. Lines are added to `notes` where values are
    scaled, or had with 8 bits only. Raises UserError for values without a known range.
    """
    if image.mode == "F":
        return _from_floats(np.asarray(image), notes)[:, :, None]
    if image.mode == "I":
        return _from_integers(np.asarray(image), notes)[:, :, None]
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return _of_tiff(image, file, notes)
    if image.mode in _GREY_MODES:
        return _with_colour_key(np.asarray(image, np.uint16)[:, :, None], image)
    if image.format == "PNG" and _png_bits(file) == 16:
        return _with_colour_key(_of_png(image, file), image)
    return None


def _png_bits(file: BinaryIO) -> int:
    file.seek(24)
    return file.read(1)[0]


def _of_png(image: Image.Image, file: BinaryIO) -> np.ndarray:
    """The samples of a PNG file, decoded by OpenCV without chunks that it would warn of."""
    file.seek(0)
    chunks = [chunk for chunk in png_chunks.read(file) if chunk[0] in _PIXEL_CHUNKS]
    samples = _decoded_by_opencv(png_chunks.joined(chunks))
    # OpenCV repeats the grey of grey and alpha.
    is_grey = chunks[0][1][9] == 4
    return samples[:, :, [0, 3]] if is_grey else samples


def _of_tiff(
    image: TiffImagePlugin.TiffImageFile, file: BinaryIO, notes: list[str]
) -> np.ndarray | None:
    tags = image.tag_v2
    bits = max(_numbers(tags.get(TiffImagePlugin.BITSPERSAMPLE, 1)))
    if bits <= 8:
        return None
    is_inverted = tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0
    if image.mode in _GREY_MODES:
        grey = np.asarray(image, np.uint16)
        if bits < 16:
            notes.append(f"{bits} bits a channel become 16")
            grey = np.rint(grey / (2**bits - 1) * _MAXIMUM).astype(np.uint16)
        return (_MAXIMUM - grey if is_inverted else grey)[:, :, None]
    is_contiguous = tags.get(TiffImagePlugin.PLANAR_CONFIGURATION, 1) == 1
    formats = _numbers(tags.get(TiffImagePlugin.SAMPLEFORMAT, _UNSIGNED))
    readable = bits == 16 and is_contiguous and set(formats) == {_UNSIGNED}
    if image.mode not in ("RGB", "RGBA") or not readable:
        notes.append(f"{bits} bits a channel become 8")
        return None
    file.seek(0)
    samples = _decoded_by_opencv(file.read())[:, :, : len(image.mode)]
    if _ASSOCIATED_ALPHA in _numbers(tags.get(TiffImagePlugin.EXTRASAMPLES, 0)):
        notes.append("colours multiplied by alpha become plain ones")
        samples = _without_alpha_in_colours(samples)
    return samples


def _decoded_by_opencv(content: bytes) -> np.ndarray:
    """uint16 `[H, W, c]`, RGB or RGBA. Raises ValueError if OpenCV cannot decode the content."""
    level = _LOGGING.getLogLevel()
    _LOGGING.setLogLevel(_SILENT)  # messages of OpenCV have several lines
    try:
        samples = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    finally:
        _LOGGING.setLogLevel(level)
    if samples is None or samples.dtype != np.uint16:
        raise ValueError("its 16 bits a channel cannot be decoded")
    if samples.ndim == 2:
        return samples[:, :, None]
    return samples[:, :, [2, 1, 0, 3][: samples.shape[2]]]


def _with_colour_key(samples: np.ndarray, image: Image.Image) -> np.ndarray:
    """Adds alpha that is 0 where the samples have the colour that a PNG file makes transparent."""
    key = image.info.get("transparency")
    if key is None or samples.shape[2] not in (1, 3):
        return samples
    opaque = (samples != np.array(_numbers(key), np.int64)).any(axis=2)
    alpha = np.where(opaque, _MAXIMUM, 0).astype(np.uint16)
    return np.concatenate([samples, alpha[:, :, None]], axis=2)


def _without_alpha_in_colours(samples: np.ndarray) -> np.ndarray:
    alpha = np.maximum(samples[:, :, 3:], 1).astype(np.float64)
    colours = np.rint(samples[:, :, :3] * (_MAXIMUM / alpha)).clip(0, _MAXIMUM)
    return np.concatenate([colours.astype(np.uint16), samples[:, :, 3:]], axis=2)


def _from_floats(values: np.ndarray, notes: list[str]) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 1):  # NaN is neither
        raise UserError(
            f"floating-point values from {low:g} to {high:g} have no known range: scale them to "
            "0 to 1, or save the image with 8 or 16 bits a channel"
        )
    notes.append("floating-point values from 0 to 1 become 16 bits")
    return np.rint(values * _MAXIMUM).astype(np.uint16)


def _from_integers(values: np.ndarray, notes: list[str]) -> np.ndarray:
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > _MAXIMUM:
        raise UserError(
            f"integers from {low} to {high} have no known range: save the image with 8 or 16 bits "
            "a channel"
        )
    return values.astype(np.uint16)


def _numbers(value: Any) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)
