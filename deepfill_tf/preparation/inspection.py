"""Inspection of one encoded image: its findings, and its hashes."""

import hashlib
import io
from dataclasses import dataclass

import numpy as np
from PIL import ExifTags, Image, ImageOps

from deepfill_tf.data.image_files import READING_ERRORS

# Findings with which an image is dropped, and those with which it is kept and reported.
DROPPED = ("corrupt", "animated", "too_small", "constant")
KEPT = ("cmyk", "sixteen_bit", "exif_rotated")
# Width and height of the image that is hashed: a bit for each pair of horizontal neighbours.
_HASH_SIZE = (9, 8)


@dataclass(frozen=True)
class Inspection:
    """Result of inspecting an image.

    Attributes:
      findings: names from `DROPPED` and `KEPT`.
      sha256: of the encoded bytes, 64 hexadecimal digits.
      difference_hash: 64 bits, of which similar images differ in few; None if the image cannot
        be decoded.
      kind: the format, such as "JPEG".
      height, width: in pixels, after turning the image as its EXIF orientation says.
    """

    findings: tuple[str, ...]
    sha256: str
    difference_hash: int | None = None
    kind: str = ""
    height: int = 0
    width: int = 0

    @property
    def usable(self) -> bool:
        """True if no finding drops the image."""
        return not set(self.findings) & set(DROPPED)


def inspect_image(encoded: bytes, *, min_side: int = 16) -> Inspection:
    """Inspects an encoded image; with a side below `min_side` pixels it is too small."""
    sha256 = hashlib.sha256(encoded).hexdigest()
    try:
        image = Image.open(io.BytesIO(encoded))
        findings = []
        if getattr(image, "n_frames", 1) > 1:
            findings.append("animated")
        if image.mode == "CMYK":
            findings.append("cmyk")
        if image.mode.startswith("I"):
            findings.append("sixteen_bit")
        if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:
            findings.append("exif_rotated")
        kind = image.format or ""
        image.load()
        upright = ImageOps.exif_transpose(image)
        pixels = np.asarray(upright)
        if min(upright.size) < min_side:
            findings.append("too_small")
        if pixels.size and (pixels == pixels[:1, :1]).all():
            findings.append("constant")
    except READING_ERRORS:
        return Inspection(("corrupt",), sha256)
    return Inspection(
        tuple(findings), sha256, difference_hash(upright), kind, upright.height, upright.width
    )


def difference_hash(image: Image.Image) -> int:
    """Difference hash of 64 bits: each is 1 where a pixel is brighter than its right neighbour.

    The pixels are the left 8 x 8 of the image, shrunk to 8 rows of 9.
    """
    if image.mode.startswith("I"):  # 16 bits, which Pillow would clip
        image = Image.fromarray((np.asarray(image).astype(np.int64) // 257).astype("u1"))
    small = image.convert("L").resize(_HASH_SIZE, Image.Resampling.BOX)
    values = np.asarray(small)
    bits = (values[:, :-1] > values[:, 1:]).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")
