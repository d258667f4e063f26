"""Small image files, written without the package."""

import io
import struct
import zlib

import cv2
import numpy as np
from PIL import Image

RANDOM = np.random.default_rng(0)
COLOURS = RANDOM.integers(0, 256, [24, 32, 3], np.uint8)
DEEP = RANDOM.integers(0, 65536, [24, 32, 3], np.uint16)


def saved(image, kind, **options) -> bytes:
    """The content of a file that Pillow writes; `image` may be an array."""
    content = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(content, kind, **options)
    return content.getvalue()


def frames(kind, count=3, **options) -> bytes:
    """An animation, or a file of several pages; the first is COLOURS."""
    others = [Image.fromarray(np.roll(COLOURS, i + 1, axis=0)) for i in range(count - 1)]
    return saved(COLOURS, kind, save_all=True, append_images=others, **options)


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG file."""
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def png(samples, extra=(), interlace=0, size=None) -> bytes:
    """A PNG file of 8 or 16 bits, of 1 to 4 channels, with further chunks before its samples."""
    height, width, channels = samples.shape
    bits = samples.dtype.itemsize * 8
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    width, height = size or (width, height)
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, interlace)
    big_endian = samples.astype(samples.dtype.newbyteorder(">"))
    rows = b"".join(b"\0" + row.tobytes() for row in big_endian)
    parts = [b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header)]
    parts += [chunk(*pair) for pair in extra]
    return b"".join([*parts, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")])


def by_opencv(suffix, samples) -> bytes:
    """A file that OpenCV writes; RGB, or RGBA."""
    order = [2, 1, 0, 3][: samples.shape[2]] if samples.shape[2] > 1 else [0]
    done, content = cv2.imencode(suffix, np.ascontiguousarray(samples[:, :, order]))
    assert done
    return content.tobytes()


def exif(**tags) -> Image.Exif:
    """An EXIF block of tags by their names."""
    from PIL import ExifTags

    block = Image.Exif()
    for name, value in tags.items():
        block[ExifTags.Base[name]] = value
    return block
