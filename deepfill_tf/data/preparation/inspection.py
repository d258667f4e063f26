"""A look at one picture: what is remarkable about it, and what identifies it."""

import hashlib
import io
from dataclasses import dataclass

import numpy as np
from PIL import ExifTags, Image, ImageOps

from deepfill_tf.data.picture_files import READING_ERRORS

# A picture with one of these is left out, with another it is kept and reported.
DROPPING = ("corrupt", "animated", "too_small", "constant")
KEPT = ("cmyk", "sixteen_bit", "exif_rotated")
# A hash has a bit for each pair of horizontal neighbours.
_HASH_SIZE = (9, 8)


@dataclass(frozen=True)
class Inspection:
    """What a look at a picture finds.

    Attributes:
      findings: of `DROPPING` and `KEPT`.
      sha256: of the encoded bytes.
      difference_hash: 64 bits; pictures that look alike differ in few of them. None where the
        picture cannot be decoded.
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


def inspect_picture(encoded: bytes, *, min_side: int = 16) -> Inspection:
    """Looks at an encoded picture; one with a side below `min_side` pixels is too small."""
    sha256 = hashlib.sha256(encoded).hexdigest()
    try:
        picture = Image.open(io.BytesIO(encoded))
        findings = []
        if getattr(picture, "n_frames", 1) > 1:
            findings.append("animated")
        if picture.mode == "CMYK":
            findings.append("cmyk")
        if picture.mode.startswith("I"):
            findings.append("sixteen_bit")
        if picture.getexif().get(ExifTags.Base.Orientation, 1) != 1:
            findings.append("exif_rotated")
        kind = picture.format or ""
        picture.load()
        upright = ImageOps.exif_transpose(picture)
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


def difference_hash(picture: Image.Image) -> int:
    """64 bits: whether each of 8 x 8 places of the shrunken picture is brighter than its right."""
    if picture.mode.startswith("I"):  # 16 bits, which Pillow would clip
        picture = Image.fromarray((np.asarray(picture).astype(np.int64) // 257).astype("u1"))
    small = picture.convert("L").resize(_HASH_SIZE, Image.Resampling.BOX)
    values = np.asarray(small)
    bits = (values[:, :-1] > values[:, 1:]).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")
