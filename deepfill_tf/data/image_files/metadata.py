"""What an image file carries besides its pixels."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Metadata:
    """What an image file carries besides its pixels.

    Attributes:
      icc_profile: the ICC profile of the colours.
      exif: an EXIF block, beginning with `Exif\\0\\0`, without orientation and thumbnail.
      dpi: resolution in pixels per inch, horizontal and vertical.
      text: keyword -> text, such as PNG files hold; a JPEG file's comment is "Comment".
      xmp: an XMP packet.
    """

    icc_profile: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None
    text: Mapping[str, str] = field(default_factory=dict)
    xmp: bytes | None = None
