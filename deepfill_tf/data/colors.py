"""Colours of training examples, changed at random."""

import cv2
import numpy as np


def jitter_colors(
    image: np.ndarray, hue: float, saturation: float, random: np.random.Generator
) -> np.ndarray:
    """Turns all hues by one angle and multiplies all saturations by one number.

    The value of HSV, the largest of a pixel's three numbers, stays; grey stays grey.

    Args:
      image: uint8 RGB `[H, W, 3]`.
      hue: the angle is uniform in [-hue, hue], as fractions of the circle, in [0, 0.5].
      saturation: the number is uniform in [1 - saturation, 1 + saturation], in [0, 1]. The results
        are clipped at 1.

    Returns uint8 RGB `[H, W, 3]`.
    """
    turn, factor = random.uniform(-hue, hue), random.uniform(1 - saturation, 1 + saturation)
    hsv = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + turn * 360) % 360
    hsv[..., 1] = np.minimum(hsv[..., 1] * factor, 1)
    return np.rint(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB) * 255).astype(np.uint8)
