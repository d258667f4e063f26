"""Decoding of an opened image into samples: grey, grey and alpha, RGB or RGBA."""

import io
from typing import Any, BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageCms

from deepfill_tf.data.image_files.deep_samples import deep_samples

# Modes of Pillow whose samples are taken as they are.
_PLAIN_MODES = ("L", "LA", "RGB", "RGBA")
# Mode -> the mode that it becomes, and a note; {} is the mode's own content.
_CONVERSIONS: dict[str, tuple[str, str | None]] = {
    "1": ("L", "one bit a pixel becomes 8 bits of grey"),
    "La": ("LA", "grey multiplied by alpha becomes plain grey"),
    "RGBa": ("RGBA", "colours multiplied by alpha become plain ones"),
    "PA": ("RGBA", "palette colours become RGB with alpha"),
    "P": ("RGB", "palette colours become RGB"),
    "RGBX": ("RGB", None),
    "YCbCr": ("RGB", None),
    "HSV": ("RGB", "HSV colours become RGB"),
}
_ALPHA_OF = {"L": "LA", "RGB": "RGBA"}


def decode(image: Image.Image, file: BinaryIO, orientation: int, notes: list[str]) -> np.ndarray:
    """Decodes an opened image: uint8 or uint16 `[H, W, 1 to 4]`, turned as its EXIF says.

    Args:
      image: as `opening.opened` yields it.
      file: the file that `image` was opened from.
      orientation: what `orientation_of` says of `image` before it is decoded.
      notes: gets a line for each thing that is not kept as the file has it.

    Raises whatever a decoder raises for damaged files.
    """
    image.load()
    is_turned = image.format == "TIFF"  # by Pillow, while loading
    if image.format in ("AVIF", "HEIF") and _has_deep_video(image, file):
        notes.append("more than 8 bits a channel become 8")
    samples = deep_samples(image, file, notes)
    if samples is None:
        samples = eight_bit_samples(image, notes)
    elif is_turned and samples.shape[2] > 1:
        is_turned = False  # decoded by OpenCV
    return samples if is_turned else turned(samples, orientation)


def eight_bit_samples(image: Image.Image, notes: list[str]) -> np.ndarray:
    """uint8 `[H, W, 1 to 4]` of a loaded image of 8 bits a channel or fewer."""
    mode = image.mode
    has_colour_key = "transparency" in image.info
    if mode in ("CMYK", "LAB"):
        image = _through_profile(image, notes)
    elif mode not in _PLAIN_MODES:
        target, note = _CONVERSIONS.get(mode, ("RGB", f"{mode} becomes RGB"))
        if note:
            notes.append(note + (" with alpha" if mode == "P" and has_colour_key else ""))
        if has_colour_key and mode == "1":
            image = image.convert("L")
        image = image.convert(_ALPHA_OF.get(target, target) if has_colour_key else target)
    elif has_colour_key and mode in _ALPHA_OF:
        image = image.convert(_ALPHA_OF[mode])
    return np.asarray(image).reshape(image.height, image.width, -1)


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8, of an opened image; 1 if there is none, or it is damaged.

    A PNG file is decoded, because its EXIF data may come last; raises whatever a decoder raises.
    """
    if image.format == "PNG":
        image.load()  # or `getexif` does, and the errors of damaged pixels would be lost below
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged EXIF blocks raise errors of any kind
        return 1
    return orientation if orientation in range(1, 9) else 1


def turned(samples: np.ndarray, orientation: int) -> np.ndarray:
    """Returns `[H, W, c]`, or `[W, H, c]` from orientation 5 on, as EXIF says it is shown."""
    if orientation >= 5:
        samples = samples.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    return np.ascontiguousarray(samples)


def _has_deep_video(image: Image.Image, file: BinaryIO) -> bool:
    """Whether an AVIF or HEIC file has more than 8 bits a channel, which is decoded to 8."""
    if image.format == "HEIF":
        return image.info.get("bit_depth", 8) > 8
    file.seek(0)
    head = file.read(4096)
    place = head.find(b"av1C")
    # The third byte of AV1's configuration: tier, high bit depth, ...
    return place >= 0 and len(head) > place + 6 and bool(head[place + 6] & 0x40)


def _through_profile(image: Image.Image, notes: list[str]) -> Image.Image:
    """Converts CMYK or L*a*b* to sRGB, CMYK through the file's ICC profile if that is usable."""
    mode, profile = image.mode, image.info.get("icc_profile")
    if mode == "CMYK" and not profile:
        notes.append("CMYK becomes RGB, without a profile")
        return image.convert("RGB")
    source: Any = ImageCms.createProfile("LAB")
    try:
        if mode == "CMYK":
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile or b""))
        srgb = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        notes.append(f"{mode} becomes RGB; its ICC profile cannot be used")
        return image.convert("RGB")
    assert converted is not None
    notes.append(f"{mode} becomes sRGB" + (", through its ICC profile" if mode == "CMYK" else ""))
    return converted
