"""Sketches from a classical edge detector, which needs no weights."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True, kw_only=True)
class CannySketches:
    """Canny's edges (1986) of the blurred image, as thin lines of full strength.

    At each pixel the colour with the strongest gradient counts.

    Attributes:
      blur: standard deviation of the Gaussian blur before, in pixels; 0 for none.
      low_threshold, high_threshold: of the gradient. Lines begin above the high one and go
        on above the low one; higher thresholds leave only the main contours.
    """

    blur: float = 1.0
    low_threshold: float = 80.0
    high_threshold: float = 180.0

    def __post_init__(self):
        if not self.blur >= 0:
            raise ValueError(f"CannySketches.blur must not be negative, got {self.blur!r}")
        if not 0 <= self.low_threshold <= self.high_threshold:
            raise ValueError(
                "CannySketches needs 0 <= low_threshold <= high_threshold, got "
                f"{self.low_threshold!r} and {self.high_threshold!r}"
            )

    def check(self, paths: Sequence[str]) -> None:
        """Nothing can be wrong with an image that can be read."""

    def __call__(
        self, path: str, image: np.ndarray, fit: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        if self.blur:
            image = cv2.GaussianBlur(image, (0, 0), self.blur)
        thresholds = self.low_threshold, self.high_threshold
        return cv2.Canny(image, *thresholds, L2gradient=True)[..., None]
