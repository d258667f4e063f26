"""Images brought to the wanted size, as the original reads them."""

import math

import cv2
import numpy as np


def resize_image(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """`[H, W, C]` -> `[height, width, C]`, bilinear without antialiasing.

    The aspect ratio is not kept.
    """
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    return resized.reshape(height, width, image.shape[2])


def enlarge_to_cover(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """The image enlarged so that `height` x `width` fits in; larger ones stay as they are."""
    h, w = image.shape[:2]
    if h >= height and w >= width:
        return image
    scale = max(height / h, width / w)
    return resize_image(image, math.ceil(h * scale), math.ceil(w * scale))


def crop_image(
    image: np.ndarray, height: int, width: int, top_fraction: float, left_fraction: float
) -> np.ndarray:
    """A crop `[height, width, C]` of the enlarged image.

    The shares, in [0, 1), say where between the first and the last possible position:
    uniform shares give uniform positions, both ends included.
    """
    image = enlarge_to_cover(image, height, width)
    h, w = image.shape[:2]
    top = int(top_fraction * (h - height + 1))
    left = int(left_fraction * (w - width + 1))
    return image[top : top + height, left : left + width]
