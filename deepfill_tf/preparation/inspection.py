"""A look at one image: what is remarkable about it, and what identifies it."""

import hashlib
import io
from dataclasses import dataclass

import numpy as np
from PIL import ExifTags, Image, ImageOps

from deepfill_tf.data.image_files import READING_ERRORS

# An image with one of these is left out, with another it is kept and reported.
DROPPING = ("corrupt", "animated", "too_small", "constant")
KEPT = ("cmyk", "sixteen_bit", "exif_rotated")
# A hash has a bit for each pair of horizontal neighbours.
_HASH_SIZE = (9, 8)


@dataclass(frozen=True)
class Inspection:
    """What a look at an image finds.

    Attributes:
      findings: of `DROPPING` and `KEPT`.
      sha256: of the encoded bytes.
      difference_hash: 64 bits; images that look alike differ in few of them. None where the
        image cannot be decoded.
      kind, height, width: the format, and the size after turning as EXIF says.
    """

    findings: tuple[str, ...]
    sha256: str
    difference_hash: int | None = None
    kind: str = ""
    height: int = 0
    width: int = 0

    @property
    def usable(self) -> bool:
        return not set(self.findings) & set(DROPPING)


def inspect_image(encoded: bytes, *, min_side: int = 16) -> Inspection:
    """Looks at an encoded image; one with a side below `min_side` pixels is too small."""
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
    """64 bits: whether each of 8 x 8 places of the shrunken image is brighter than its right."""
    if image.mode.startswith("I"):  # 16 bits, which Pillow would clip
        image = Image.fromarray((np.asarray(image).astype(np.int64) // 257).astype("u1"))
    small = image.convert("L").resize(_HASH_SIZE, Image.Resampling.BOX)
    values = np.asarray(small)
    bits = (values[:, :-1] > values[:, 1:]).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")
