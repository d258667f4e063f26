"""PNG files as sequences of chunks, and PNG files of 16 bits a channel.

Pillow writes all chunks but the samples of 16-bit images with colours or alpha.
"""

import io
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Channels -> colour type.
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}


def read(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Yields the chunks of a PNG file, (type, content), up to its end chunk or its end.

    Checksums are not looked at. Raises ValueError if the file is not a PNG file.
    """
    if file.read(len(_SIGNATURE)) != _SIGNATURE:
        raise ValueError("it is not a PNG file")
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        yield kind, file.read(length)
        file.seek(4, io.SEEK_CUR)
        if kind == b"IEND":
            return


def joined(chunks: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Returns the PNG file of chunks (type, content)."""
    parts = [_SIGNATURE]
    for kind, content in chunks:
        checksum = zlib.crc32(content, zlib.crc32(kind))
        parts += [struct.pack(">I", len(content)), kind, content, struct.pack(">I", checksum)]
    return b"".join(parts)


def encode_deep(samples: np.ndarray, options: dict[str, Any]) -> bytes:
    """Returns a PNG file of uint16 `[H, W, 1 to 4]`: grey, grey and alpha, RGB or RGBA.

    `options` are those of Pillow's `Image.save`, for the chunks besides the samples.
    """
    height, width, channels = samples.shape
    outline = io.BytesIO()
    # Pillow puts profiles of grey and of colours into any image alike.
    Image.new("RGB", (1, 1)).save(outline, "PNG", **options)
    outline.seek(0)
    header = struct.pack(">IIBBBBB", width, height, 16, _COLOUR_TYPES[channels], 0, 0, 0)
    new = {b"IHDR": header, b"IDAT": zlib.compress(_filtered(samples), 6)}
    return joined((kind, new.get(kind, content)) for kind, content in read(outline))


def _filtered(samples: np.ndarray) -> bytes:
    """The rows in big-endian bytes, each as its difference from the row above (filter type 2)."""
    rows = samples.astype(">u2").view(np.uint8).reshape(len(samples), -1)
    filtered = np.empty((rows.shape[0], 1 + rows.shape[1]), np.uint8)
    filtered[:, 0] = 2
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    return filtered.tobytes()
