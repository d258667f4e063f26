"""Images cropped and resized as the released program does, and crops of several scales."""

import math

import cv2
import numpy as np


def resize_image(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resizes uint8 `[H, W, C]` to `[height, width, C]`, bilinear without antialiasing.

    The aspect ratio is not kept.
    """
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    return resized.reshape(height, width, image.shape[2])


def enlarge_to_cover(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Enlarges uint8 `[H, W, C]` until it is at least `height` x `width` pixels large.

    The aspect ratio is kept. Returns the image itself if it is large enough.
    """
    size = covering_size(image.shape[:2], height, width)
    return image if size == image.shape[:2] else resize_image(image, *size)


def covering_size(size: tuple[int, ...], height: int, width: int) -> tuple[int, ...]:
    """Height and width of an image of `size` that was enlarged to cover `height` x `width`."""
    h, w = size
    if h >= height and w >= width:
        return size
    scale = max(height / h, width / w)
    return math.ceil(h * scale), math.ceil(w * scale)


def crop_image(
    image: np.ndarray, height: int, width: int, top_fraction: float, left_fraction: float
) -> np.ndarray:
    """Crops `[height, width, C]` from uint8 `[H, W, C]`, enlarged first if it is too small.

    The fractions, in [0, 1), place the crop between the first and the last possible position:
    uniform fractions give uniform positions, both ends included.
    """
    image = enlarge_to_cover(image, height, width)
    h, w = image.shape[:2]
    top = int(top_fraction * (h - height + 1))
    left = int(left_fraction * (w - width + 1))
    return image[top : top + height, left : left + width]


def crop_at_scale(
    image: np.ndarray,
    height: int,
    width: int,
    scales: tuple[float, float],
    top_fraction: float,
    left_fraction: float,
    scale_fraction: float,
) -> np.ndarray:
    """Crops a part of uint8 `[H, W, C]` and reduces or enlarges it to `[height, width, C]`.

    The part is `height / s` x `width / s` pixels large, where 1 / s goes linearly from
    `1 / scales[1]` to `1 / scales[0]`, or as far as the image allows, while `scale_fraction` goes
    from 0 to 1; `scales[0]` is in (0, 1], `scales[1]` is at least 1. Pixels are averaged over their
    areas where the part is larger (antialiasing), and interpolated (bilinear) where it is smaller.
    Images that are too small are enlarged first, see `crop_image`, which describes the other
    fractions.
    """
    image = enlarge_to_cover(image, height, width)
    size = part_size(image.shape[:2], height, width, scales, scale_fraction)
    part = crop_image(image, *size, top_fraction, left_fraction)
    if part.shape[:2] == (height, width):
        return part
    if part.shape[0] < height or part.shape[1] < width:
        return resize_image(part, height, width)
    reduced = cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)
    return reduced.reshape(height, width, image.shape[2])


def part_size(
    size: tuple[int, ...],
    height: int,
    width: int,
    scales: tuple[float, float],
    scale_fraction: float,
) -> tuple[int, int]:
    """Height and width of the part that `crop_at_scale` crops of an image of `size`.

    The image covers `height` x `width`.
    """
    h, w = size
    smallest, largest = 1 / scales[1], min(1 / scales[0], h / height, w / width)
    factor = smallest + (largest - smallest) * scale_fraction
    return min(round(height * factor), h), min(round(width * factor), w)
