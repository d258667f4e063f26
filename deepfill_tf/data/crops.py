"""Pictures brought to the wanted size, as the original reads them."""

import math

import cv2
import numpy as np


def resize_picture(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """`[H, W, C]` -> `[height, width, C]`, bilinear without antialiasing.

    The aspect ratio is not kept.
    """
    resized = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
    return resized.reshape(height, width, picture.shape[2])


def enlarge_to_cover(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """The picture enlarged so that `height` x `width` fits in; larger ones stay as they are."""
    h, w = picture.shape[:2]
    if h >= height and w >= width:
        return picture
    scale = max(height / h, width / w)
    return resize_picture(picture, math.ceil(h * scale), math.ceil(w * scale))


def crop_picture(
    picture: np.ndarray, height: int, width: int, top_share: float, left_share: float
) -> np.ndarray:
    """A crop `[height, width, C]` of the enlarged picture.

    The shares, in [0, 1), say where between the first and the last possible position:
    uniform shares give uniform positions, both ends included.
    """
    picture = enlarge_to_cover(picture, height, width)
    h, w = picture.shape[:2]
    top = int(top_share * (h - height + 1))
    left = int(left_share * (w - width + 1))
    return picture[top : top + height, left : left + width]
