"""SSIM (Wang et al., 2004) and MS-SSIM (Wang et al., 2003) of images with values of 0 to 255.

A Gaussian window of 11 x 11 pixels with sigma 1.5, K1 = 0.01, K2 = 0.03 and range 255; means over
the positions where the window lies inside the image (no padding), and over the colours, which
are compared one by one. Variances are those of the window's weights, without the factor
n / (n - 1).
"""

import cv2
import numpy as np

WINDOW, SIGMA = 11, 1.5
# Pixels at each border that are the middle of no window.
EDGE = WINDOW // 2
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
# Exponents of the five scales, from full size.
_EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
# Least side of an image with a window at the coarsest scale.
MS_SSIM_SIZE = WINDOW * 2 ** (len(_EXPONENTS) - 1)


def similarities(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, float | None]:
    """Returns SSIM of each window, float64 `[H - 10, W - 10, C]`, and MS-SSIM of the images.

    SSIM of the images is the mean of the first. MS-SSIM is None below 176 pixels a side. Between
    its five scales the mean of 2 x 2 pixels is taken, a last odd row or column repeated. A
    negative mean of a colour at a scale counts as 0. The products of the colours are averaged.

    Args:
      first, second: `[H, W, C]` in [0, 255], at least 11 pixels a side.
    """
    first, second = first.astype(np.float64), second.astype(np.float64)
    luminance, contrast = _components(first, second)
    similarity = luminance * contrast
    if min(first.shape[:2]) < MS_SSIM_SIZE:
        return similarity, None
    product = _factor(contrast, _EXPONENTS[0])
    for exponent in _EXPONENTS[1:]:
        first, second = _halved(first), _halved(second)
        luminance, contrast = _components(first, second)
        is_last = exponent == _EXPONENTS[-1]
        product *= _factor(luminance * contrast if is_last else contrast, exponent)
    return similarity, float(product.mean())


def _factor(values: np.ndarray, exponent: float) -> np.ndarray:
    return np.maximum(values.mean(axis=(0, 1)), 0) ** exponent


def _components(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Comparison of the means, and of contrast and structure, of each window."""
    mean_1, mean_2 = _windowed(first), _windowed(second)
    products = mean_1 * mean_2
    squares = mean_1**2 + mean_2**2
    luminance = (2 * products + _C1) / (squares + _C1)
    variances = _windowed(first**2 + second**2) - squares
    covariance = _windowed(first * second) - products
    return luminance, (2 * covariance + _C2) / (variances + _C2)


def _windowed(values: np.ndarray) -> np.ndarray:
    kernel = cv2.getGaussianKernel(WINDOW, SIGMA, cv2.CV_64F)
    filtered = cv2.sepFilter2D(values, cv2.CV_64F, kernel, kernel).reshape(values.shape)
    return filtered[EDGE:-EDGE, EDGE:-EDGE]


def _halved(values: np.ndarray) -> np.ndarray:
    height, width = values.shape[:2]
    even = np.pad(values, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4
