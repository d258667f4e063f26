"""Images with each finding of an inspection, for tests."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

PHOTOGRAPHS = Path(__file__).parents[2] / "deepfill_tf" / "photographs"


def photograph(index: int) -> Path:
    return sorted((PHOTOGRAPHS / "train").glob("*.jpg"))[index]


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    content = io.BytesIO()
    image.save(content, format=kind, **options)
    return content.getvalue()


def defective() -> dict[str, bytes]:
    """File name -> content; the name begins with the expected finding."""
    image = Image.open(photograph(0)).resize((96, 80))
    whole = encoded(image, "JPEG", quality=90)
    other = Image.open(photograph(1)).resize((90, 90))
    turned = Image.Exif()
    turned[0x0112] = 6
    noise = np.random.default_rng(0).integers(0, 65536, [70, 75], np.uint16)
    return {
        "corrupt.jpg": whole[: len(whole) // 2],
        "corrupt_too.png": b"no image at all",
        "too_small.png": encoded(image.resize((20, 90)), "PNG"),
        "constant.png": encoded(Image.new("RGB", (70, 70), "teal"), "PNG"),
        "animated.png": encoded(
            image, "PNG", save_all=True, append_images=[image.rotate(90)], duration=50
        ),
        "cmyk.jpg": encoded(other.convert("CMYK"), "JPEG"),
        "sixteen_bit.png": encoded(Image.fromarray(noise), "PNG"),
        "exif_rotated.jpg": encoded(
            Image.open(photograph(2)).resize((100, 70)), "JPEG", exif=turned.tobytes()
        ),
    }
